"""A program in a sandbox reaches the hosts that the policy names, by its usual means, and nothing else."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

import pytest
import pytest_asyncio

from sandbox import Command, Limits, Policy, PythonCode, Sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.ssh import open_ssh
from sandbox.docker.open_docker import open_docker
from sandbox.network.outside_lookup import Outside
from sandbox.network.proxy import AT_ONCE
from tests.docker_engine import IMAGE
from tests.growing_limits import growing_limits
from tests.internet import FETCH, PUBLIC, Greeting, internet, outside_to
from tests.ordinary_user import run_as_ordinary_user
from tests.ssh_host import HOST, ssh_host

NAMED = Policy(network=("example.org", "*.example.net:8080"))
TUNNEL = """
import socket
held = socket.create_connection(("127.0.0.1", 61080))
held.sendall(b"CONNECT example.org:443 HTTP/1.1\\r\\n\\r\\n")
head = b""
while b"\\r\\n\\r\\n" not in head:
    head += held.recv(1)
print(head.decode().split()[1], flush=True)
"""


class Open(Protocol):
    """Opens a sandbox of one backend."""

    def __call__(self, policy: Policy, outside: Outside) -> AbstractAsyncContextManager[Sandbox]: ...


@pytest_asyncio.fixture(
    params=[
        "bubblewrap",
        pytest.param("docker", marks=[pytest.mark.slow, pytest.mark.foreign]),
        pytest.param("ssh", marks=pytest.mark.slow),
    ]
)
async def open_box(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """A backend with a proxy."""
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
        yield lambda policy, outside: open_docker(policy.model_copy(update={"image": IMAGE}), outside=outside)
    elif request.param == "ssh":
        with ssh_host():
            yield lambda policy, outside: open_ssh(policy, host=HOST, outside=outside)
    else:
        yield lambda policy, outside: open_bubblewrap(policy, outside=outside)


@pytest.fixture
def outside() -> Iterator[Outside]:
    """An internet in which a server of ours greets whoever comes."""
    with internet(Greeting) as way_out:
        yield way_out


@asynccontextmanager
async def served(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Outside]:
    """An internet that is one server of ours on this machine."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield outside_to(server.sockets[0].getsockname())
    server.close()


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
    outside: Outside, open_box: Open, url: str, answer: str, fresh: bool
) -> None:
    async with open_box(NAMED, outside) as box:
        result = await box.run(PythonCode(source=FETCH.format(url=url)), fresh=fresh)

    assert result.stdout.startswith(answer), result


@pytest.mark.slow
async def test_a_session_reaches_the_named_hosts_only(outside: Outside, open_box: Open) -> None:
    async with open_box(NAMED, outside) as box, box.session(fresh=True) as session:
        allowed_reply = await session.python(FETCH.format(url="http://example.org/"))
        other = await session.python(FETCH.format(url="http://evil.example/"))

    assert allowed_reply.output == "hello example.org/\n"
    assert other.output.startswith("403 evil.example:80 is not among the hosts")


async def test_registries_are_the_usual_package_hosts_and_no_other(outside: Outside, open_box: Open) -> None:
    policy = Policy(network=("registries", "example.org"))
    greeting = ("pypi.org", "registry.npmjs.org", "index.crates.io", "example.org")
    fetch = "".join(FETCH.format(url=f"http://{host}/") for host in (*greeting, "github.com"))

    async with open_box(policy, outside) as box, box.session(fresh=True) as session:
        output = (await session.python(fetch)).output

    greeted = "".join(f"hello {host}/\n" for host in greeting)
    assert output.startswith(f"{greeted}403 github.com:80 is not among the hosts"), output


async def test_a_tunnel_carries_what_it_is_given(outside: Outside, open_box: Open) -> None:
    source = """
import http.client, os, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
connection = http.client.HTTPConnection(proxy.hostname, proxy.port)
connection.set_tunnel("example.org", 443)
connection.request("GET", "/through")
print(connection.getresponse().read().decode())
"""
    async with open_box(NAMED, outside) as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "hello example.org:443/through\n", result


async def test_past_the_proxy_there_is_no_way(outside: Outside, open_box: Open) -> None:
    source = f"""
import socket
for family, place in ((socket.AF_INET, ("{PUBLIC}", 80)), (socket.AF_INET6, ("2606:4700:4700::1111", 80))):
    try:
        socket.socket(family).connect(place)
        print("ESCAPED")
    except OSError as error:
        print(error.strerror)
"""
    async with open_box(NAMED, outside) as box:
        result = await box.run(PythonCode(source=source))

    # The engine's containers have no IPv6 at all.
    assert result.stdout.splitlines()[0] == "Network is unreachable"
    assert result.stdout.splitlines()[1] in ("Network is unreachable", "Cannot assign requested address")


async def test_without_named_hosts_there_is_no_proxy_and_no_word_of_one() -> None:
    source = "import os, socket\nprint([n for n in os.environ if 'proxy' in n.lower()])\n"
    source += "socket.create_connection(('127.0.0.1', 61080), timeout=2)"

    async with open_bubblewrap(Policy()) as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "[]\n"
    assert "Connection refused" in result.stderr


async def test_a_program_does_not_hold_the_door_itself(outside: Outside, open_box: Open) -> None:
    async with open_box(NAMED, outside) as box:
        result = await box.run(Command(argv=("sh", "-c", "ls -l /proc/self/fd")))

    assert "socket" not in result.stdout


async def test_each_run_has_a_way_out_of_its_own_and_all_are_closed_at_the_end(
    outside: Outside, open_box: Open
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    source = (
        FETCH.format(url="http://example.org/") + "import os; os.fork() or __import__('time').sleep(6000)"
    )

    async with open_box(NAMED, outside) as box:
        results = await asyncio.gather(*(box.run(PythonCode(source=source), fresh=True) for _ in range(4)))

    assert [result.stdout for result in results] == ["hello example.org/\n"] * 4
    async with asyncio.timeout(300):
        while len(os.listdir("/proc/self/fd")) > before:  # noqa: ASYNC110 - the server's threads close theirs
            await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_a_connection_is_cut_when_its_run_ends(outside: Outside, open_box: Open) -> None:
    source = """
import socket, time
held = socket.create_connection(("127.0.0.1", 61080))
held.sendall(b"CONNECT example.org:443 HTTP/1.1\\r\\n\\r\\n")
print(held.recv(100).decode().split()[1], flush=True)
time.sleep(60)
"""
    async with open_box(NAMED, outside) as box:
        for wall_s in growing_limits(2):
            result = await box.run(PythonCode(source=source), limits=Limits(wall_s=wall_s))
            if result.stdout:
                break
        after = await box.run(PythonCode(source=FETCH.format(url="http://example.org/")))

    assert (result.status, result.stdout) == ("timeout", "200\n")
    assert after.stdout == "hello example.org/\n"


@pytest.mark.slow
async def test_the_other_end_of_a_connection_hears_of_the_end_of_its_run(open_box: Open) -> None:
    ended = asyncio.Event()

    async def send_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
        ended.set()

    source = TUNNEL + "held.recv(1 << 20); print('on', flush=True)\nimport time; time.sleep(60)"
    async with served(send_without_end) as outside, open_box(NAMED, outside) as box:
        for wall_s in growing_limits(2):
            result = await box.run(PythonCode(source=source), limits=Limits(wall_s=wall_s))
            if "on" in result.stdout:
                break
        await asyncio.wait_for(ended.wait(), 300)

    assert (result.status, result.stdout) == ("timeout", "200\non\n")


async def test_a_large_transfer_arrives_whole_both_ways(open_box: Open) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
        writer.close()

    source = f"""{TUNNEL}
import hashlib, os, threading
content = os.urandom(8 << 20)
def send():
    held.sendall(content)
    held.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
received = hashlib.sha256()
while piece := held.recv(1 << 16):
    received.update(piece)
print(received.digest() == hashlib.sha256(content).digest())
"""
    async with served(echo) as outside, open_box(NAMED, outside) as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "200\nTrue\n", result


@pytest.mark.slow
async def test_a_run_has_so_many_connections_at_once_and_the_next_one_waits_for_its_turn(
    outside: Outside, open_box: Open
) -> None:
    source = f"""
import socket
def tunnel():
    held = socket.create_connection(("127.0.0.1", 61080))
    held.sendall(b"CONNECT example.org:443 HTTP/1.1\\r\\n\\r\\n")
    return held
held = [tunnel() for _ in range({AT_ONCE})]
print({{one.recv(100).split()[1] for one in held}})
waiting = tunnel()
waiting.settimeout(0.3)
try:
    waiting.recv(100)
except TimeoutError:
    print("waits")
held[0].close()
waiting.settimeout(30)
print(waiting.recv(100).split()[1])
"""
    async with open_box(NAMED, outside) as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "{b'200'}\nwaits\nb'200'\n", result


@pytest.mark.slow
async def test_a_flood_of_connections_leaves_the_deadline_where_it_was(
    outside: Outside, open_box: Open
) -> None:
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
    async with open_box(policy, outside) as box:
        result = await box.run(PythonCode(source=source))

    assert (result.status, result.killed_by) == ("timeout", "wall")


async def test_the_guarantee_names_the_proxy_and_its_hosts(outside: Outside, open_box: Open) -> None:
    async with open_box(NAMED, outside) as box:
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
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout.startswith("403 evil.example:80 is not among the hosts"), ended.stderr


async def test_the_caller_is_asked_about_other_hosts_and_only_about_those_that_can_be_reached(
    outside: Outside,
    open_box: Open,
) -> None:
    requests = []

    async def ask(host: str, port: int) -> bool:
        requests.append((host, port))
        return host == "good.example"

    policy = Policy(ask_host=ask)
    async with open_box(policy, outside) as box, box.session(fresh=True) as session:
        hosts = ("good.example", "evil.example", "127.0.0.2")
        output = (await session.python("".join(FETCH.format(url=f"http://{host}/") for host in hosts))).output
        mechanism = next(one.mechanism for one in box.capabilities() if one.guarantee == "network")

    assert output.startswith("hello good.example/\n403 evil.example:80 is not among the hosts"), output
    assert requests == [("good.example", 80), ("evil.example", 80)]
    assert str(mechanism).endswith("public addresses of hosts that the caller is asked about")


async def test_a_host_that_the_caller_allows_is_still_reached_at_a_public_address_only(
    open_box: Open,
) -> None:
    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def connect(address: str, port: int) -> socket.socket:
        raise AssertionError("it was reached")

    async def ask(host: str, port: int) -> bool:
        return True

    outside = Outside(resolve, connect)
    async with open_box(Policy(ask_host=ask), outside) as box:
        result = await box.run(PythonCode(source=FETCH.format(url="http://rebound.example/")))

    assert result.stdout.startswith("403 rebound.example:80 is not public")


async def test_where_no_proxy_can_be_had_nobody_is_asked() -> None:
    async def ask(host: str, port: int) -> bool:
        raise AssertionError("somebody was asked")

    source = "import os; print([n for n in os.environ if 'proxy' in n.lower()])"
    async with open_bubblewrap(Policy(ask_host=ask), walls="one") as box:
        result = await box.run(PythonCode(source=source))

    assert result.stdout == "[]\n"
