"""Each guarantee and its mechanism: with it a probe is contained, without it the probe escapes."""

import asyncio
import uuid
from dataclasses import dataclass, field

import pytest

from sandbox import Policy, PolicyUnmet, PythonCode, Result
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.processes import processes_with

ESCAPED = "ESCAPED"
SMALL = Policy(memory_mb=64, processes=16, wall_s=1.5, cpu_s=1, disk_mb=4, files=64, output_bytes=4096)
WAIT_S = {True: 50, False: 2}
"""Seconds that a probe waits to be noticed: many while its mechanism is on, few while it is off."""
PATIENT = SMALL.model_copy(update={"wall_s": 60, "cpu_s": 30})
"""On a busy machine a probe needs its time to escape, and what only looks now and then its time to see it."""


@dataclass(frozen=True)
class Probe:
    """A hostile program, and what must be off for it to escape."""

    name: str
    source: str
    mechanism: frozenset[str]
    keeps: frozenset[str] = field(default=frozenset())
    """Other mechanisms that are off both times, since they would contain it too."""

    def script(self, without: frozenset[str]) -> str:
        """Return the program; where it waits, it waits longer if something is to end it."""
        return self.source.replace("WAIT_S", str(WAIT_S[not self.mechanism <= without]))


def probe(name: str, mechanism: str, source: str, *, besides: str = "") -> Probe:
    return Probe(name, source, frozenset(mechanism.split()), frozenset(besides.split()))


_PRIVILEGED = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.{call} == 0:
    print('ESCAPED')
"""

EVERYWHERE = (
    probe(
        "disk",
        "disk",
        "for i in range(4): open(str(i), 'wb').write(bytes(3 << 20))\nprint('ESCAPED')",
    ),
    probe("number of files", "files", "for i in range(200): open(str(i), 'w')\nprint('ESCAPED')"),
    probe(
        "cpu time",
        "cpu",
        "import time\nwhile time.process_time() < 2.2: pass\nprint('ESCAPED')",
        besides="wall",
    ),
    probe("a flood", "output", "for _ in range(500): print('x' * 100_000)\nprint('ESCAPED')", besides="wall"),
)
"""Those that a container's mechanisms hold, too."""

PROBES = (
    *EVERYWHERE,
    probe(
        "the names of control groups, which hold a pid of the host",
        "groups",
        "print('ESCAPED' if 'coder-' in open('/proc/self/cgroup').read() else '')",
    ),
    probe("memory in a cgroup", "memory", "x = b'x' * (100 << 20); print('ESCAPED')"),
    probe(
        "memory, sampled",
        "memory",
        "import time\nx = b'x' * (100 << 20)\ntime.sleep(WAIT_S)\nprint('ESCAPED')",
        besides="cgroup",
    ),
    probe(
        "memory of many processes, sampled",
        "memory",
        """
import os, time
for _ in range(8):
    if os.fork() == 0:
        x = b'x' * (20 << 20)
        time.sleep(30)
time.sleep(WAIT_S)
print('ESCAPED')
""",
        besides="cgroup",
    ),
    probe(
        "shared memory, sampled",
        "memory",
        """
import mmap, time
kept = mmap.mmap(-1, 100 << 20)
for i in range(0, 100 << 20, 4096):
    kept[i] = 1
time.sleep(WAIT_S)
print('ESCAPED')
""",
        besides="cgroup",
    ),
    probe(
        "memory in sockets, sampled",
        "memory",
        """
import os, socket, time
for _ in range(3):
    if os.fork() == 0:
        break
kept = []
for _ in range(100):
    pair = socket.socketpair()
    pair[0].setblocking(False)
    try:
        while True:
            pair[0].send(bytes(65536))
    except BlockingIOError:
        kept.append(pair)
time.sleep(WAIT_S)
print('ESCAPED')
""",
        besides="cgroup",
    ),
    probe(
        "memory in connections, sampled",
        "memory",
        """
import socket, time
listening = socket.create_server(('127.0.0.1', 0))
kept = []
for _ in range(100):
    kept += [socket.create_connection(listening.getsockname()), listening.accept()[0]]
    kept[-2].setblocking(False)
    try:
        while True:
            kept[-2].send(bytes(65536))
    except BlockingIOError:
        continue
time.sleep(WAIT_S)
print('ESCAPED')
""",
        besides="cgroup",
    ),
    probe(
        "memory in a file without a name",
        "seccomp",
        "import os\nos.memfd_create('x')\nprint('ESCAPED')",
        besides="cgroup",
    ),
    probe(
        "processes",
        "processes",
        """
import os, time
for _ in range(40):
    if os.fork() == 0:
        time.sleep(30)
print('ESCAPED')
""",
        besides="cgroup",
    ),
    probe(
        "threads",
        "processes",
        """
import threading
for _ in range(40):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print('ESCAPED')
""",
        besides="cgroup",
    ),
    probe("wall time", "wall", "import time; time.sleep(WAIT_S); print('ESCAPED')"),
    probe(
        "user namespaces",
        "seccomp",
        _PRIVILEGED.format(call="unshare(0x10000000)"),
    ),
    probe(
        "a mount",
        "capabilities",
        _PRIVILEGED.format(call="mount(b'x', b'/tmp', b'tmpfs', 0, None)"),
        besides="seccomp landlock",
    ),
    probe(
        "a mount that seccomp alone stops",
        "seccomp",
        _PRIVILEGED.format(call="mount(b'x', b'/tmp', b'tmpfs', 0, None)"),
        besides="capabilities landlock",
    ),
    probe(
        "tracing another process",
        "seccomp",
        """
import ctypes, os, time
child = os.fork()
if child == 0:
    time.sleep(30)
if ctypes.CDLL(None).ptrace(16, child, 0, 0) == 0:
    print('ESCAPED')
""",
    ),
    probe(
        "a socket to the hypervisor",
        "seccomp",
        "import socket\nsocket.socket(40, socket.SOCK_STREAM)\nprint('ESCAPED')",
    ),
    probe(
        "a look at other processes",
        "pid",
        "import os\nif sum(name.isdigit() for name in os.listdir('/proc')) > 2: print('ESCAPED')",
        besides="leftovers",
    ),
    probe(
        "a write to /proc",
        "landlock",
        "open('/proc/self/comm', 'w').write('x')\nprint('ESCAPED')",
    ),
    probe(
        "the host's environment",
        "environment",
        "if b'hidden-from-programs' in open('/proc/self/environ', 'rb').read(): print('ESCAPED')",
    ),
)


async def outcome(attack: Probe, without: frozenset[str]) -> Result:
    policy = SMALL if attack.mechanism & {"wall", "cpu"} else PATIENT
    async with open_bubblewrap(policy, without=without) as box:
        return await box.run(PythonCode(source=attack.script(without)))


@pytest.mark.slow
@pytest.mark.parametrize("attack", PROBES, ids=lambda attack: attack.name)
async def test_the_mechanism_contains_the_probe_and_without_it_the_probe_escapes(
    attack: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hidden-from-programs")

    kept = await outcome(attack, attack.keeps)
    escaped = await outcome(attack, attack.keeps | attack.mechanism)

    assert ESCAPED not in kept.stdout, kept
    assert ESCAPED in escaped.stdout, escaped


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mechanism", "besides", "listen", "connect"),
    [
        (
            "net",
            "",
            "s = socket.create_server(('127.0.0.1', 4567))",
            "socket.create_connection(('127.0.0.1', 4567), timeout=2)",
        ),
        (
            "landlock",
            "net",
            "s = socket.socket(socket.AF_UNIX)\ns.bind('\\0meet')\ns.listen()",
            "socket.socket(socket.AF_UNIX).connect('\\0meet')",
        ),
    ],
)
async def test_two_runs_meet_only_without_the_mechanism(
    mechanism: str, besides: str, listen: str, connect: str
) -> None:
    waits = f"import os, socket, time\n{listen}\nopen('ready', 'w').close()\n"
    waits += "while not os.path.exists('tried'): time.sleep(0.01)\n"
    meets = f"""
import os, socket, time
while not os.path.exists('ready'):
    time.sleep(0.01)
try:
    {connect}
    print('ESCAPED')
finally:
    open('tried', 'w').close()
"""
    escapes = []
    for without in (frozenset(besides.split()), frozenset({mechanism, *besides.split()})):
        async with open_bubblewrap(Policy(), without=without) as box:
            _, met = await asyncio.gather(
                box.run(PythonCode(source=waits)), box.run(PythonCode(source=meets))
            )
        escapes.append(ESCAPED in met.stdout)

    assert escapes == [False, True]


async def test_a_daemon_outlives_its_run_only_without_the_reaper_and_its_namespace() -> None:
    alive = []
    for without in (frozenset[str](), frozenset({"pid", "leftovers"})):
        tag = f"tag-{uuid.uuid4().hex}"
        source = f"""
import os
if os.fork() == 0:
    os.setsid()
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    os.execvp('sh', ['sh', '-c', ': > up; while :; do sleep 1; done', {tag!r}])
import time
while not os.path.exists('up'):
    time.sleep(0.01)
"""
        async with open_bubblewrap(Policy(), without=without) as box:
            await box.run(PythonCode(source=source))
            alive.append(bool(processes_with(tag)))

    assert alive == [False, True]


@pytest.mark.slow
async def test_a_program_keeps_no_more_processors_busy_than_it_may() -> None:
    spin = """
import os, time
began, until, before = time.monotonic(), time.monotonic() + 2, sum(os.times()[:4])
if os.fork() == 0:
    while time.monotonic() < until: pass
    os._exit(0)
while time.monotonic() < until: pass
os.wait()
used = sum(os.times()[:4]) - before
print(used / (time.monotonic() - began))
"""
    busy = []
    for without in (frozenset[str](), frozenset({"cpus"})):
        async with open_bubblewrap(Policy(cpus=0.02, wall_s=60), without=without) as box:
            share = 0.0
            for _ in range(10 if without else 1):  # a busy machine may give it little
                share = max(share, float((await box.run(PythonCode(source=spin))).stdout))
                if share > 0.05:
                    break
            busy.append(share)

    assert busy[0] < 0.05 < busy[1]


async def test_without_a_cgroup_a_program_begins_on_so_many_processors_and_strict_refuses() -> None:
    count = PythonCode(source="import os; print(len(os.sched_getaffinity(0)))")
    policy = Policy(cpus=0.5)
    async with open_bubblewrap(policy, without=frozenset({"cgroup"})) as box:
        assert (await box.run(count)).stdout == "1\n"
        kept = {item.guarantee: item.mechanism for item in box.capabilities()}
        assert kept["processors"] is None

    with pytest.raises(PolicyUnmet, match="processors"):
        async with open_bubblewrap(policy.model_copy(update={"strict": True}), without=frozenset({"cgroup"})):
            pass
