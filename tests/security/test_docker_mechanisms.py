"""Docker's own mechanisms: with each a probe is contained, without it the probe escapes."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from sandbox import Policy, PythonCode, Sandbox, SandboxBroken
from sandbox.docker.open_docker import open_docker
from tests.docker_engine import IMAGE, remove_containers, start_and_kill, wait_until_none_of
from tests.processes import processes_with
from tests.security.test_mechanisms import ESCAPED, EVERYWHERE, Probe, probe

SMALL = Policy(
    image=IMAGE, memory_mb=64, processes=16, wall_s=5, cpu_s=1, disk_mb=4, files=64, output_bytes=4096
)
PATIENT = SMALL.model_copy(update={"wall_s": 60, "cpu_s": 30})
"""On a busy machine a probe needs its time to escape."""


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("docker_engine")]


PROBES = (
    *EVERYWHERE,
    probe("memory", "memory", "x = b'x' * (120 << 20); print('ESCAPED')"),
    probe(
        "processes",
        "processes",
        "import os, time\nfor _ in range(40):\n  if os.fork() == 0: time.sleep(30)\nprint('ESCAPED')",
    ),
    probe("wall time", "wall", "import time; time.sleep(7); print('ESCAPED')"),
    probe(
        "an interface to the world",
        "network",
        "if any('lo:' not in line for line in open('/proc/net/dev') if ':' in line): print('ESCAPED')",
    ),
    probe(
        "a write to the root",
        "read-only",
        "open('/etc/x', 'w').write('x')\nprint('ESCAPED')",
        besides="uid landlock capabilities tidy",
    ),
    probe(
        "being root",
        "uid",
        "import os\nif os.getuid() == 0: print('ESCAPED')",
        besides="capabilities tidy landlock",
    ),
    probe(
        "a right of root's that could be had",
        "capabilities",
        "if any('CapBnd' in line and int(line.split()[1], 16) for line in open('/proc/self/status')):\n"
        "  print('ESCAPED')",
    ),
    probe(
        "a socket to the hypervisor",
        "seccomp",
        "import socket\nsocket.socket(40, socket.SOCK_STREAM)\nprint('ESCAPED')",
    ),
    probe("a write to /proc", "landlock", "open('/proc/self/comm', 'w').write('x')\nprint('ESCAPED')"),
)


_OF_THE_RUN = frozenset({"cpu", "wall", "output"})
"""Kept by the clock and the count of a run."""


class Walled:
    """A container for all probes that the same mechanisms are to hold: none may change it for the next."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._boxes: dict[tuple[str, frozenset[str]], Sandbox] = {}

    async def tell(self, attack: Probe) -> list[str]:
        """As `outputs`, with every mechanism on but those that the probe keeps off."""
        policy = policy_of(attack)
        which = policy.model_dump_json(), attack.keeps
        if which not in self._boxes:
            opening = open_docker(policy, without=attack.keeps)
            self._boxes[which] = await self._stack.enter_async_context(opening)
        return await outputs(attack, self._boxes[which])

    async def close(self) -> None:
        await self._stack.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def walled() -> AsyncIterator[Walled]:
    kept = Walled()
    yield kept
    await kept.close()


def policy_of(attack: Probe) -> Policy:
    return SMALL if attack.mechanism & {"wall", "cpu"} else PATIENT


async def outputs(attack: Probe, box: Sandbox) -> list[str]:
    """What the probe prints in a run and, if that can hold it too, in a session; each in an empty folder."""
    printed = [(await box.run(PythonCode(source=attack.source))).stdout]
    await box.remove(".")
    if not attack.mechanism & _OF_THE_RUN:
        async with box.session() as session:
            printed.append((await session.python(attack.source)).output)
        await box.remove(".")
    return printed


@pytest.mark.slow
@pytest.mark.parametrize("attack", PROBES, ids=lambda attack: attack.name)
async def test_the_mechanism_contains_the_probe_and_without_it_the_probe_escapes(
    attack: Probe, walled: Walled
) -> None:
    contained = await walled.tell(attack)
    async with open_docker(policy_of(attack), without=attack.keeps | attack.mechanism) as box:
        escaped = await outputs(attack, box)

    assert not [printed for printed in contained if ESCAPED in printed]
    assert not [printed for printed in escaped if ESCAPED not in printed]


@pytest.mark.slow
async def test_a_command_reads_the_agent_of_its_container_only_with_its_uid_and_rights() -> None:
    texts = []
    for without in (frozenset[str](), frozenset({"uid", "capabilities", "landlock", "seccomp"})):
        async with open_docker(Policy(image=IMAGE), without=without) as box, box.session() as session:
            texts.append((await session.sh("ls /proc/1/fd > /dev/null 2>&1 && echo read")).output)

    assert texts == ["", "read\n"]


async def test_a_daemon_outlives_its_run_only_where_pid_1_lets_it() -> None:
    alive = []
    for without in (frozenset[str](), frozenset({"leftovers"})):
        tag = f"tag-{uuid.uuid4().hex}"
        source = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    os.execvp('sh', ['sh', '-c', ': > up; while :; do sleep 1; done', {tag!r}])
while not os.path.exists('up'):
    time.sleep(0.01)
"""
        async with open_docker(Policy(image=IMAGE), without=without) as box:
            await box.run(PythonCode(source=source))
            alive.append(bool(processes_with(tag)))

    assert alive == [False, True]


@pytest.mark.slow
async def test_what_a_run_left_in_tmp_is_seen_only_where_nobody_tidies() -> None:
    texts = []
    for without in (frozenset[str](), frozenset({"tidy"})):
        async with open_docker(Policy(image=IMAGE), without=without) as box:
            await box.run(PythonCode(source="open('/tmp/left', 'w')"))
            result = await box.run(PythonCode(source="import os; print(os.path.exists('/tmp/left'))"))
            texts.append(result.stdout.strip())

    assert texts == ["False", "True"]


_OWNER = """
import asyncio, sys
from sandbox import PythonCode
from sandbox.docker.open_docker import open_docker
from sandbox.supervisor.owner import this_process
from tests.docker_engine import POLICY
async def main():
    async with open_docker(POLICY, without=frozenset(sys.argv[1:])) as box:
        print(this_process().mark, flush=True)
        await box.run(PythonCode(source="import time; time.sleep(600)"))
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("without", [(), ("lifeline", "keeper")], ids=["with", "without"])
async def test_a_container_outlives_its_owner_only_without_a_lifeline(without: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", _OWNER, *without]
    mark = await asyncio.to_thread(start_and_kill, command)

    leftovers = await wait_until_none_of(mark, seconds=60 if not without else 2)

    await remove_containers(leftovers)
    assert bool(leftovers) == bool(without)


@pytest.mark.slow
async def test_a_process_without_its_walls_gets_no_job() -> None:
    """pid 1 looks at it: what it finds is decided outside of the process."""
    without = frozenset({"no_new_privs", "seccomp", "landlock"})

    async with open_docker(Policy(image=IMAGE), without=without) as box:
        with pytest.raises(SandboxBroken, match="refused: NoNewPrivs"):
            await box.run(PythonCode(source="print('ran')"))
