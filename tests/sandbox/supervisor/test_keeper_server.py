"""The server of keepers forks each of them, holds nothing of any, and ends with its owner alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import Policy, PythonCode, SandboxBroken
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.inner.process.descendants import fields_of
from sandbox.supervisor.keeper import KeeperServer
from tests.moved_python import FOLDERS, moved_python
from tests.ordinary_user import REPOSITORY, run_as_ordinary_user
from tests.processes import processes_with, wait_until

KINDS = ("two", "one")
OWNER = """
import asyncio, os, sys
from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.inner.process.descendants import fields_of
from sandbox.supervisor.owner import this_process
async def main():
    async with open_bubblewrap(Policy(), walls="two") as box:
        server = fields_of(box.keeper)[1]
    print(this_process().mark, server, flush=True)
asyncio.run(main())
if os.fork() == 0:
    asyncio.run(main())
    os._exit(0)
os.wait()
sys.stdin.read()
"""
IGNORANT = """
import asyncio, os, signal
from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.inner.process.descendants import fields_of
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
async def main():
    async with open_bubblewrap(Policy(), walls="{walls}") as first:
        server = fields_of(first.keeper)[1]
    for _ in range(3):
        async with open_bubblewrap(Policy(), walls="{walls}") as later:
            assert fields_of(later.keeper)[1] == server
    print("one server")
asyncio.run(main())
"""
DEMOTED = """
import asyncio, marshal, os, socket
from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.supervisor import keeper
from sandbox.supervisor.outer_wall import memory_file
async def main():
    async with open_bubblewrap(Policy()):
        pass
asyncio.run(main())
if os.getuid() == 0 and "user" in {dropped!r}:
    os.setresuid(65534, 65534, 65534)
ours, theirs = socket.socketpair()
ours.settimeout(60)
lifeline, held = os.pipe()
job = {{
    "not_inherited": [], "folders": {{}}, "uid": 65534, "layered": [], "files": {{}}, "cgroups": [],
    "control": 3, "lifeline": 0,
    "bwrap": "/bin/sh", "name": "sh", "before": ["-c", "true"], "after": [],
}}
request = marshal.dumps({{"keeper": "launch", "descriptors": 4, "environment": {{}}}})
descriptors = [theirs.fileno(), os.open(os.devnull, os.O_WRONLY), memory_file(marshal.dumps(job)), lifeline]
keeper._shared._server.send(request, descriptors)
theirs.close()
print("answered" if ours.recv(10) else "refused")
"""
RAISED = """
import asyncio, os, resource
from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
async def main():
    async with open_bubblewrap(Policy()) as box:
        return (await box.run(PythonCode(source="print(1)"))).ok
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
print(asyncio.run(main()))
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(400)]
print(asyncio.run(main()))
"""
FEW = """
import asyncio, resource
from sandbox import Policy, SandboxBroken
from sandbox.backends.bubblewrap import open_bubblewrap
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
async def main():
    try:
        async with open_bubblewrap(Policy()):
            pass
    except SandboxBroken as error:
        print(error)
asyncio.run(main())
"""
IN_FLIGHT = """
import array, asyncio, os, resource, signal, socket
from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
sent, is_sent = os.pipe()
other = os.fork()
if other == 0:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    pairs = [socket.socketpair() for _ in range(3)]
    for ours, _ in pairs:
        many = array.array("i", [ours.fileno()] * 200)
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, many)])
    os.write(1, b"in flight\\n")
    os.close(is_sent)
    while True:
        signal.pause()
os.close(is_sent)
os.read(sent, 1)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
async def main():
    async with open_bubblewrap(Policy()):
        print("opened", flush=True)
try:
    asyncio.run(main())
finally:
    os.kill(other, 9)
"""
MOVED = """
import asyncio, os, sys
from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
os.environ["LD_LIBRARY_PATH"] = {folders!r}
sys.executable = {python!r}
look = PythonCode(source="import os; print({folders!r} in str(os.environ))")
async def main():
    async with open_bubblewrap(Policy(), walls={walls!r}) as box:
        print((await box.run(look)).stdout, end="")
asyncio.run(main())
"""
RENUMBERED = """
import os, random
from sandbox.supervisor.keeper_server import _FIRST_NUMBER, _renumber
for seed in range(100):
    draw = random.Random(seed)
    if os.fork() == 0:
        count = draw.randint(1, 20)
        sources = draw.sample(range(3, 40), count)
        for place, number in enumerate(sources):
            made = os.memfd_create(f"f{place}")
            os.pwrite(made, b"%d" % place, 0)
            os.dup2(made, 100 + place)
            os.close(made)
        for place, number in enumerate(sources):
            os.dup2(100 + place, number, inheritable=False)
            os.close(100 + place)
        numbers = range(_FIRST_NUMBER, _FIRST_NUMBER + count)
        _renumber(sources)
        held = {int(name) for name in os.listdir("/proc/self/fd")}
        listing = held - {0, 1, 2, *numbers}
        assert len(listing) <= 1 and {0, 1, 2, *numbers} <= held, (seed, held, numbers)
        for place, number in enumerate(numbers):
            assert os.pread(number, 10, 0) == b"%d" % place, (seed, sources, numbers)
            assert os.get_inheritable(number), (seed, sources, numbers)
        os._exit(0)
    assert os.wait()[1] == 0, seed
print("all of them")
"""


def parent_of(pid: int) -> int:
    fields = fields_of(pid)
    assert fields is not None
    return int(fields[1])


@pytest.mark.parametrize("walls", KINDS)
async def test_the_keepers_of_a_process_are_forked_by_one_server(walls: str) -> None:
    async with open_bubblewrap(Policy(), walls=walls) as one, open_bubblewrap(Policy(), walls=walls) as other:
        server = parent_of(one.keeper)

        assert one.keeper != other.keeper
        assert parent_of(other.keeper) == server
        assert parent_of(server) == os.getpid()


@pytest.mark.slow
@pytest.mark.parametrize("walls", KINDS)
async def test_a_keeper_ends_with_its_sandbox_while_later_ones_live(walls: str) -> None:
    first = open_bubblewrap(Policy(), walls=walls)
    keeper = (await first.__aenter__()).keeper
    async with open_bubblewrap(Policy(), walls=walls) as second:
        await first.__aexit__(None, None, None)

        assert wait_until(lambda: not Path(f"/proc/{keeper}").exists())
        assert (await second.run(PythonCode(source="print(1)"))).ok


async def test_without_its_server_a_sandbox_runs_on_and_the_next_one_has_a_new_server() -> None:
    async with open_bubblewrap(Policy()) as one:
        server = parent_of(one.keeper)
        os.kill(server, signal.SIGKILL)

        assert (await one.run(PythonCode(source="print(1)"))).ok
        async with open_bubblewrap(Policy()) as other:
            assert parent_of(other.keeper) != server
            assert (await other.run(PythonCode(source="print(2)"))).ok


async def test_a_server_that_cannot_start_is_an_error_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_bubblewrap(Policy()) as box:
        os.kill(parent_of(box.keeper), signal.SIGKILL)
    policy, broken = Policy(python=Path(sys.executable)), tmp_path / "python"
    broken.write_text("#!/bin/sh\necho libpython is missing >&2\nexit 127\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr("sandbox.supervisor.keeper.sys.executable", str(broken))

        with pytest.raises(SandboxBroken, match="libpython is missing"):
            await open_bubblewrap(policy).__aenter__()

    async with open_bubblewrap(Policy()) as box:
        assert (await box.run(PythonCode(source="print(1)"))).ok


def test_what_a_server_said_is_kept_when_it_is_closed_and_never_read_from_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, secret = tmp_path / "python", tmp_path / "secret"
    broken.write_text("#!/bin/sh\necho libpython is missing >&2\nexit 127\n")
    broken.chmod(0o755)
    secret.write_text("hunter2")
    monkeypatch.setattr("sandbox.supervisor.keeper.sys.executable", str(broken))
    server = KeeperServer()
    assert wait_until(lambda: server.read_stderr() != "")

    server.close()
    others = [os.open(secret, os.O_RDONLY) for _ in range(8)]  # one gets the number of its file

    assert server.read_stderr() == "libpython is missing"
    for number in others:
        os.close(number)


@pytest.mark.slow
def test_a_server_ends_with_its_owner_and_a_forked_owner_has_its_own() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        (mark, server), (other_mark, other_server) = (owner.stdout.readline().split() for _ in range(2))

        assert server != other_server
        assert wait_until(lambda: not processes_with(other_mark))
        assert processes_with(mark) == [int(server)]

        owner.kill()

        assert wait_until(lambda: not processes_with(mark))


@pytest.mark.slow
@pytest.mark.parametrize("walls", KINDS)
def test_an_owner_that_ignores_the_ends_of_its_children_keeps_its_server(walls: str) -> None:
    assert output_of(IGNORANT.format(walls=walls)) == "one server\n"


@pytest.mark.slow
@pytest.mark.parametrize(("dropped", "answer"), [("nothing", "answered"), ("user", "refused")])
def test_what_has_given_up_root_is_served_no_more(dropped: str, answer: str) -> None:
    assert os.getuid() == 0
    assert output_of(DEMOTED.format(dropped=dropped)) == f"{answer}\n"


async def test_a_server_that_could_not_be_replaced_leaves_the_numbers_of_its_files_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_bubblewrap(Policy()) as box:
        server = parent_of(box.keeper)
    before = set(os.listdir("/proc/self/fd"))
    os.kill(server, signal.SIGKILL)
    policy = Policy(python=Path(sys.executable))
    with monkeypatch.context() as patch:
        patch.setattr("sandbox.supervisor.keeper.sys.executable", "/nowhere/python")
        with pytest.raises(SandboxBroken):
            await open_bubblewrap(policy).__aenter__()
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]

    async with open_bubblewrap(Policy()):
        pass

    for number in others:
        os.close(number)  # raises if something closed it
    assert len(os.listdir("/proc/self/fd")) <= len(before)


@pytest.mark.slow
async def test_a_server_that_does_not_answer_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_bubblewrap(Policy()) as box:
        server = parent_of(box.keeper)
        os.kill(server, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr("sandbox.supervisor.keeper._START_S", 0.5)
            with pytest.raises(SandboxBroken, match="no keeper"):
                await open_bubblewrap(Policy()).__aenter__()

        assert (await box.run(PythonCode(source="print(1)"))).ok
        async with open_bubblewrap(Policy()) as later:
            assert parent_of(later.keeper) != server
            assert not Path(f"/proc/{server}").exists()


@pytest.mark.slow
def test_an_owner_may_raise_its_limit_of_open_files_later() -> None:
    assert output_of(RAISED) == "True\nTrue\n"


@pytest.mark.slow
def test_too_few_open_files_are_said_with_what_to_raise() -> None:
    assert "ulimit -Hn" in output_of(FEW)


@pytest.mark.slow
def test_descriptors_that_another_program_of_the_user_sends_stop_no_opening() -> None:
    ended = run_as_ordinary_user(IN_FLIGHT, timeout_s=100)

    assert ended.stdout == "in flight\nopened\n", ended.stderr


@pytest.mark.slow
def test_descriptors_get_the_numbers_that_the_owner_knows_and_no_others_stay() -> None:
    assert output_of(RENUMBERED) == "all of them\n"


@pytest.mark.slow
@pytest.mark.parametrize("walls", KINDS)
def test_a_python_that_was_moved_opens_sandboxes_that_know_nothing_of_its_library(
    tmp_path: Path, walls: str
) -> None:
    script = MOVED.format(folders=FOLDERS, python=moved_python(tmp_path), walls=walls)

    assert output_of(script) == "False\n"


def output_of(script: str) -> str:
    """What a process prints; its standard error goes to ours."""
    words = [sys.executable, "-c", script]
    return subprocess.run(words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=120).stdout
