"""A program in a sandbox reaches the hosts that the policy names, by its usual means, and nothing else."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from sandbox import Command, Limits, Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.network.outside_lookup import Outside
from tests.internet import PUBLIC, Handler, internet
from tests.ordinary_user import run_as_ordinary_user

NAMED = Policy(network=("example.org", "*.example.net:8080"))
FETCH = """
import urllib.error, urllib.request
try:
    print(urllib.request.urlopen({url!r}, timeout=10).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.reason)
"""


class Greeting(Handler):
    def do_GET(self) -> None:
        self.answer(f"hello {self.headers['Host']}{self.path}".encode())


@pytest.fixture
def outside() -> Iterator[Outside]:
    """An internet in which a server of ours greets whoever comes."""
    with internet(Greeting) as way_out:
        yield way_out


@pytest.mark.parametrize("fresh", [False, True], ids=["lasting", "fresh"])
@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://example.org/a?b=c", "hello example.org/a?b=c"),
        ("http://sub.example.net:8080/", "hello sub.example.net:8080/"),
        ("http://sub.example.net/", "403 sub.example.net:80 is not among the hosts"),
        ("http://evil.example/", "403 evil.example:80 is not among the hosts"),
        ("http://169.254.169.254/latest", "403 169.254.169.254:80 is not among the hosts"),
    ],
)
async def test_python_reaches_the_named_hosts_only(
    outside: Outside, url: str, answer: str, fresh: bool
) -> None:
    async with open_bubblewrap(NAMED, outside=outside) as box:
        result = await box.run(PythonCode(source=FETCH.format(url=url)), fresh=fresh)

    assert result.stdout.startswith(answer), result


async def test_a_session_reaches_the_named_hosts_only(outside: Outside) -> None:
    async with open_bubblewrap(NAMED, outside=outside) as box, box.session(fresh=True) as session:
        named = await session.python(FETCH.format(url="http://example.org/"))
        other = await session.python(FETCH.format(url="http://evil.example/"))

    assert named.output == "hello example.org/\n"
    assert other.output.startswith("403 evil.example:80 is not among the hosts")


async def test_registries_are_the_usual_package_hosts_and_no_other(outside: Outside) -> None:
    policy = Policy(network=("registries", "example.org"))
    greeting = ("pypi.org", "registry.npmjs.org", "index.crates.io", "example.org")
    fetch = f"for host in {' '.join(greeting)} github.com; do curl -s http://$host/; done"

    async with open_bubblewrap(policy, outside=outside) as box, box.session(fresh=True) as session:
        said = (await session.sh(fetch)).output

    greeted = "".join(
        f"hello {host}/" for host in ("pypi.org", "registry.npmjs.org", "index.crates.io", "example.org")
    )
    assert said.startswith(f"{greeted}github.com:80 is not among the hosts"), said


async def test_a_tunnel_carries_what_it_is_given(outside: Outside) -> None:
    source = """
import http.client, os, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
connection = http.client.HTTPConnection(proxy.hostname, proxy.port)
connection.set_tunnel("example.org", 443)
connection.request("GET", "/through")
print(connection.getresponse().read().decode())
"""
    async with open_bubblewrap(NAMED, outside=outside) as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "hello example.org:443/through\n", result


async def test_past_the_proxy_there_is_no_way(outside: Outside) -> None:
    source = f"""
import socket
for family, place in ((socket.AF_INET, ("{PUBLIC}", 80)), (socket.AF_INET6, ("2606:4700:4700::1111", 80))):
    try:
        socket.socket(family).connect(place)
        print("ESCAPED")
    except OSError as error:
        print(error.strerror)
"""
    async with open_bubblewrap(NAMED, outside=outside) as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "Network is unreachable\n" * 2


async def test_without_named_hosts_there_is_no_proxy_and_no_word_of_one() -> None:
    source = "import os, socket\nprint([n for n in os.environ if 'proxy' in n.lower()])\n"
    source += "socket.create_connection(('127.0.0.1', 61080), timeout=2)"

    async with open_bubblewrap(Policy()) as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "[]\n"
    assert "Connection refused" in result.stderr


async def test_a_program_does_not_hold_the_door_itself(outside: Outside) -> None:
    async with open_bubblewrap(NAMED, outside=outside) as box:
        result = await box.run(Command(argv=("sh", "-c", "ls -l /proc/self/fd")))

    assert "socket" not in result.stdout


async def test_each_run_has_a_way_out_of_its_own_and_all_are_closed_at_the_end(outside: Outside) -> None:
    before = len(os.listdir("/proc/self/fd"))
    source = FETCH.format(url="http://example.org/") + "import os; os.fork() or __import__('time').sleep(60)"

    async with open_bubblewrap(NAMED, outside=outside) as box:
        results = await asyncio.gather(*(box.run(PythonCode(source=source), fresh=True) for _ in range(4)))

    assert [result.stdout for result in results] == ["hello example.org/\n"] * 4
    async with asyncio.timeout(60):
        while len(os.listdir("/proc/self/fd")) > before:  # noqa: ASYNC110 - the server's threads close theirs
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_a_connection_is_cut_when_its_run_ends(outside: Outside) -> None:
    source = """
import socket, os
held = socket.create_connection(("127.0.0.1", 61080))
held.sendall(b"CONNECT example.org:443 HTTP/1.1\\r\\n\\r\\n")
print(held.recv(100).decode().split()[1], flush=True)
while True:
    pass
"""
    async with open_bubblewrap(NAMED, outside=outside) as box:
        result = await box.run(PythonCode(source=source), limits=Limits(wall_s=3))
        after = await box.run(PythonCode(source=FETCH.format(url="http://example.org/")))

    assert (result.status, result.stdout) == ("timeout", "200\n")
    assert after.stdout == "hello example.org/\n"


async def test_a_flood_of_connections_leaves_the_deadline_where_it_was(outside: Outside) -> None:
    source = """
import socket, threading
def knock():
    while True:
        try:
            socket.create_connection(("127.0.0.1", 61080)).sendall(b"x")
        except OSError:
            pass
for _ in range(8):
    threading.Thread(target=knock, daemon=True).start()
knock()
"""
    policy = NAMED.model_copy(update={"wall_s": 1.0})
    async with open_bubblewrap(policy, outside=outside) as box:
        result = await box.run(PythonCode(source=source))

    assert (result.status, result.killed_by) == ("timeout", "wall")


async def test_the_guarantee_names_the_proxy_and_its_hosts(outside: Outside) -> None:
    async with open_bubblewrap(NAMED, outside=outside) as box:
        kept = {each.guarantee: each.mechanism for each in box.capabilities()}

    assert "a proxy" in str(kept["network"])
    assert "*.example.net:8080" in str(kept["network"])


@pytest.mark.slow
def test_an_ordinary_users_programs_have_their_proxy_too() -> None:
    script = f"""
import asyncio
from sandbox import Policy, PythonCode, open_sandbox
async def main():
    async with open_sandbox(Policy(network=("example.org",))) as box:
        print((await box.run(PythonCode(source={FETCH.format(url="http://evil.example/")!r}))).stdout)
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=60)

    assert ended.stdout.startswith("403 evil.example:80 is not among the hosts"), ended.stderr


async def test_the_caller_is_asked_about_other_hosts_and_only_about_those_that_can_be_reached(
    outside: Outside,
) -> None:
    asked = []

    async def ask(host: str, port: int) -> bool:
        asked.append((host, port))
        return host == "good.example"

    policy = Policy(ask_host=ask)
    async with open_bubblewrap(policy, outside=outside) as box, box.session(fresh=True) as session:
        fetch = "for host in good.example evil.example 127.0.0.2; do curl -s http://$host/; done"
        said = (await session.sh(fetch)).output
        mechanism = next(one.mechanism for one in box.capabilities() if one.guarantee == "network")

    assert said.startswith("hello good.example/evil.example:80 is not among the hosts"), said
    assert asked == [("good.example", 80), ("evil.example", 80)]
    assert str(mechanism).endswith("public addresses of hosts that the caller is asked about")


async def test_a_host_that_the_caller_allows_is_still_reached_at_a_public_address_only() -> None:
    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def connect(address: str, port: int) -> socket.socket:
        raise AssertionError("it was reached")

    async def ask(host: str, port: int) -> bool:
        return True

    outside = Outside(resolve, connect)
    async with open_bubblewrap(Policy(ask_host=ask), outside=outside) as box:
        result = await box.run(PythonCode(source=FETCH.format(url="http://rebound.example/")))

    assert result.stdout.startswith("403 rebound.example:80 is not public")


async def test_where_no_proxy_can_be_had_nobody_is_asked() -> None:
    async def ask(host: str, port: int) -> bool:
        raise AssertionError("somebody was asked")

    source = "import os; print([n for n in os.environ if 'proxy' in n.lower()])"
    async with open_bubblewrap(Policy(ask_host=ask), walls="one") as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "[]\n"
