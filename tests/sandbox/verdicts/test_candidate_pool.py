"""Candidates that are cloned from one child, one after another, know nothing of each other."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Limits, Policy, Result
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.contract import Sandbox
from sandbox.inner.bridge.codec import encode
from sandbox.inner.process.wire import Channel
from sandbox.verdicts.candidate_pool import Candidate, Candidates
from tests.system_python import SYSTEM_PYTHON

_POLICY = Policy(memory_mb=128, cpu_s=5)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with open_bubblewrap(_POLICY) as sandbox:
        yield sandbox


@contextlib.asynccontextmanager
async def open_candidates(box: Sandbox, *without: str) -> AsyncIterator[Candidates]:
    candidates = Candidates(box, without=frozenset(without))
    try:
        yield candidates
    finally:
        await candidates.close()


async def load(candidates: Candidates, source: str, *, cpu_s: float = 3) -> Result:
    """What a candidate does while its module is loaded."""
    limits = Limits(wall_s=120, cpu_s=cpu_s)
    candidate = await candidates.start({"modules": {"solution": source}}, limits=limits)
    assert isinstance(candidate, Candidate)
    line = Channel(candidate.hand_over())
    if not await asyncio.to_thread(_is_answered, line):
        candidate.hung_up()
    return await candidate.finish()


def _is_answered(line: Channel) -> bool:
    try:
        line.send(encode(("import", "solution")))
        return line.receive() is not None
    except OSError:
        return False


PID = "import os\nprint('cloned from', os.getppid())\n"
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_candidates_are_processes_of_their_own_from_one_child(box: Sandbox) -> None:
    async with open_candidates(box) as candidates:
        first = await load(candidates, "import os\nprint(os.getpid(), os.getppid())")
        second = await load(candidates, "import os\nprint(os.getpid(), os.getppid())")

    assert first.stdout.split()[1] == second.stdout.split()[1] == "2"
    assert first.stdout.split()[0] != second.stdout.split()[0]


WRITES = {
    "a file": "open('/tmp/seen', 'w').close()",
    "a file that it removes again": "import os\nopen('seen', 'w').close()\nos.remove('seen')",
    "an attribute of a folder": "import os\nos.utime('/dev/shm', ns=(5, 5))",
    "the mode of a folder": "import os\nos.chmod('/tmp', 0o1770)",
    "an extended attribute": "import os\nos.setxattr('/tmp', 'user.seen', b'1')",
    "a terminal's mode": "import os\nos.chmod('/dev/pts/ptmx', 0o600)",
}
LOOK = """
import os
found = [os.path.exists('/tmp/seen'), os.path.exists('seen'), os.stat('/dev/shm').st_mtime < 100]
found += [os.stat('/tmp').st_mode & 0o7 == 0, bool(os.listxattr('/tmp'))]
print(any(found) or os.stat('/dev/pts/ptmx').st_mode & 0o777 == 0o600)
"""


@pytest.mark.parametrize("what", WRITES)
async def test_what_a_candidate_writes_no_other_one_finds(box: Sandbox, what: str) -> None:
    async with open_candidates(box) as candidates:
        first = await load(candidates, PID + WRITES[what])
        second = await load(candidates, LOOK)

    assert "cloned" in first.stdout
    assert second.stdout == "False\n"


async def test_without_that_look_a_file_would_be_found(box: Sandbox) -> None:
    async with open_candidates(box, "traces") as candidates:
        await load(candidates, WRITES["a file"])
        second = await load(candidates, LOOK)

    assert second.stdout == "True\n"


SHARED = {
    "what it writes to doesn't wait": ("os.set_blocking(1, False)", "not os.get_blocking(1)"),
    "a flag of its input": ("fcntl.fcntl(0, fcntl.F_SETFL, os.O_APPEND)", "fcntl.fcntl(0, 3) & os.O_APPEND"),
    "a lock on its input": ("fcntl.flock(0, fcntl.LOCK_EX)", "is_locked('/dev/null')"),
    "whom its output tells": ("fcntl.fcntl(2, fcntl.F_SETOWN, 2)", "fcntl.fcntl(2, fcntl.F_GETOWN)"),
    "how much its output holds": ("fcntl.fcntl(1, 1031, 1 << 17)", "fcntl.fcntl(1, 1032) == 1 << 17"),
}
LOCKED = """
import fcntl, os
def is_locked(path):
    try:
        fcntl.flock(open(path), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
"""


@pytest.mark.parametrize("what", SHARED)
async def test_what_a_candidate_sets_of_its_descriptors_no_other_one_finds(box: Sandbox, what: str) -> None:
    act, condition = SHARED[what]

    async with open_candidates(box) as candidates:
        first = await load(candidates, f"{LOCKED}\n{act}\nprint(bool({condition}))")
        second = await load(candidates, f"{LOCKED}\nprint(bool({condition}))")

    assert first.stdout == "True\n"
    assert second.stdout == "False\n"


LEAVE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
os.wait()
"""
COUNT = "import os\nprint(sum(name.isdigit() for name in os.listdir('/proc')))"


async def test_no_process_of_a_candidate_is_there_for_the_next(box: Sandbox) -> None:
    async with open_candidates(box) as candidates:
        await load(candidates, LEAVE)
        second = await load(candidates, COUNT)

    assert second.stdout == "3\n"  # the reaper, what it is cloned from, itself


async def test_without_their_end_it_would_be_there(box: Sandbox) -> None:
    async with open_candidates(box, "leftovers") as candidates:
        await load(candidates, LEAVE)
        second = await load(candidates, COUNT)

    assert second.stdout == "4\n"


SPEAK = """
import socket
try:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b'x' * 1000, ('127.0.0.1', 9))
except OSError as error:
    print(error.errno)
"""
COUNTED = """
for line in open('/proc/net/dev'):
    if 'lo:' in line:
        print(int(line.split(':')[1].split()[0]) > 0)
"""


async def test_a_candidate_has_no_sockets_whose_traffic_the_next_could_count(box: Sandbox) -> None:
    async with open_candidates(box) as candidates:
        first = await load(candidates, SPEAK)
        second = await load(candidates, COUNTED)

    assert first.stdout == "97\n"  # EAFNOSUPPORT
    assert second.stdout == "False\n"


async def test_with_sockets_it_could(box: Sandbox) -> None:
    async with open_candidates(box, "sockets") as candidates:
        await load(candidates, SPEAK)
        second = await load(candidates, COUNTED)

    assert second.stdout == "True\n"


TOUCH = """
try:
    open('/proc/2/mem', 'rb').close()
    print('open')
except OSError as error:
    print('closed')
"""


async def test_a_candidate_cant_reach_into_what_the_next_is_cloned_from() -> None:
    async with open_bubblewrap(_POLICY, without=frozenset({"landlock"})) as bare:
        async with open_candidates(bare) as candidates:
            kept = await load(candidates, TOUCH)
        async with open_candidates(bare, "dumpable") as candidates:
            reached = await load(candidates, TOUCH)

    assert kept.stdout == "closed\n"
    assert reached.stdout == "open\n"


ATTACKS = {
    "kill": "import os, signal\nos.kill(2, signal.SIGKILL)",
    "interrupt": "import os, signal\nos.kill(2, signal.SIGINT)",
    "stop": "import os, signal\nos.kill(2, signal.SIGSTOP)",
    "stop everything": "import os, signal\nos.kill(-1, signal.SIGSTOP)",
    "use up memory": "x = bytearray(1 << 30)",
    "limit": "import resource\nresource.prlimit(2, resource.RLIMIT_CPU, (1, 1))",
    "slow down": "import os\nos.setpriority(os.PRIO_PROCESS, 2, 19)",
    "slow down all": "import os\nos.setpriority(os.PRIO_PGRP, 0, 19)",
    "fork": "import os\nwhile True:\n    os.fork()",
    "flood": "import os\nwhile True:\n    os.write(1, b'x' * 65536)",
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_candidate_spoils_nothing_for_the_next(box: Sandbox, attack: str) -> None:
    async with open_candidates(box) as candidates:
        await load(candidates, "print('first')")
        await load(candidates, ATTACKS[attack])
        source = "import os, resource\nprint(os.getpriority(0, 2), resource.getrlimit(0)[0])"
        after = await load(candidates, source)

    assert after.stdout == f"{os.getpriority(os.PRIO_PROCESS, 0)} 3\n"


@pytest.mark.slow
async def test_each_candidate_has_its_own_time_output_and_end(box: Sandbox) -> None:
    async with open_candidates(box) as candidates:
        busy = await load(candidates, "print('a')\nwhile True: pass", cpu_s=1)
        ended = await load(candidates, "import os\nos.write(1, b'b')\nos._exit(7)")
        killed = await load(candidates, "import os\nos.abort()")
        large = await load(candidates, "x = bytearray(1 << 30)\nx[::4096] = b'x' * len(x[::4096])")
        plain = await load(candidates, "print('c')")

    assert (busy.killed_by, busy.status) == ("cpu", "timeout")
    assert busy.cpu_s >= 0.5
    assert (ended.exit_code, ended.stdout, ended.killed_by) == (7, "b", None)
    assert (killed.signal, killed.killed_by) == (signal.SIGABRT, None)
    assert large.killed_by == "memory"
    assert (plain.stdout, plain.stderr) == ("c\n", "")
    assert plain.cpu_s < 0.5


async def test_a_module_is_as_if_it_lay_in_a_file(box: Sandbox) -> None:
    source = (
        "# -*- coding: utf-8 -*-\nimport inspect, sys\n\n\ndef f():\n    return 'é'\n\n\n"
        "print(inspect.getsource(f).count('é'), __name__, __file__, sys.modules[__name__].f is f)"
    )

    async with open_candidates(box) as candidates:
        result = await load(candidates, source)

    assert result.stdout == "1 solution /w/solution.py True\n"


@pytest.mark.slow
@pytest.mark.usefixtures("allowed_host")
async def test_where_a_child_has_no_namespaces_each_candidate_gets_one_of_its_own() -> None:
    async with open_in_container(Policy(python=SYSTEM_PYTHON)) as plain:
        candidates = Candidates(plain)
        running = await candidates.start({"modules": {"solution": ""}}, limits=Limits(wall_s=20))
        result = await running.finish()

    assert not isinstance(running, Candidate)
    assert result.killed_by == "cancel"
