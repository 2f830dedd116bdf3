"""Hostile programs in a session, and what they try against its agent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio

from sandbox import Command, Policy, PythonCode, Sandbox, SandboxBroken, Session
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.docker.open_docker import open_docker
from tests.docker_engine import IMAGE
from tests.growing_limits import growing_limits
from tests.layered import open_layered
from tests.security.test_mechanisms import ESCAPED, PATIENT, PROBES, Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOMY = Policy(wall_s=60, memory_mb=256, processes=40, disk_mb=32, files=2000)
_OF_THE_RUN = frozenset({"cpu", "wall", "output"})
"""Kept by the clock and the count of a run; a session has its own, which test_session looks at."""
_NOT_HERE = {
    "a look at other processes": "commands of a session see each other",
    "memory of many processes, sampled": "the largest dies, then the next one, and the others go on",
}
_KEPT_ANYWAY = {
    "a mount": "a new program of a user that isn't root has no capabilities",
    "a mount that seccomp alone stops": "likewise",
    "the host's environment": "a new program has the environment that it is given",
}


@pytest_asyncio.fixture(
    params=["two", "layer", "one", pytest.param("docker", marks=[pytest.mark.slow, pytest.mark.foreign])],
    scope="module",
    loop_scope="module",
)
async def box(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    opening: AbstractAsyncContextManager[Sandbox]
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
        opening = open_docker(ROOMY.model_copy(update={"image": IMAGE}))
    elif request.param == "layer":
        opening = open_layered(ROOMY)
    else:
        opening = open_bubblewrap(ROOMY, walls=request.param)
    async with opening as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def session(box: Sandbox, request: pytest.FixtureRequest) -> AsyncIterator[Session]:
    """A session for each test; the sandbox outlives every attack."""
    async with box.session(fresh="layer" not in request.node.callspec.id) as opened:
        yield opened
    await box.remove(".")


async def outcome(attack: Probe, without: frozenset[str]) -> str:
    async with open_bubblewrap(PATIENT, without=without) as box, box.session(fresh=True) as session:
        result = await session.python(attack.script(without))
        return result.output


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [one for one in PROBES if not (one.mechanism & _OF_THE_RUN or one.name in _NOT_HERE)],
    ids=lambda attack: attack.name,
)
async def test_the_mechanism_contains_the_probe_in_a_session_and_without_it_the_probe_escapes(
    attack: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hidden-from-programs")

    kept = await outcome(attack, attack.keeps)
    escaped = await outcome(attack, attack.keeps | attack.mechanism)

    assert ESCAPED not in kept
    assert (ESCAPED in escaped) == (attack.name not in _KEPT_ANYWAY)


@pytest.mark.parametrize(
    "attack",
    [
        "kill -9 -1",
        "kill -9 1; kill -TERM 1; kill -INT 1; kill -HUP 1",
        "kill -STOP 1; kill -STOP -1 2> /dev/null & sleep 0.2",
        "kill -CONT 1; kill -CHLD 1; for i in $(seq 2000); do kill -CHLD 1; done",
        "kill -9 $PPID",
        "kill -9 $$",
        "cat /proc/1/environ /proc/1/mem /proc/1/fd/*; echo > /proc/1/comm",
        "for fd in $(seq 3 254); do eval \"exec $fd> /dev/null\"; done; ls /proc/self/fd | wc -l",
        "for i in $(seq 200); do (exec 9< /dev/null; sleep 60) & done",
        "dd if=/dev/zero of=/w/full bs=1M; dd if=/dev/zero of=/tmp/full bs=1M",
        "i=0; while : > /tmp/f$i && : > /w/f$i; do i=$((i+1)); done",
        "rm -rf /w /tmp/* /w/.* ; mv /tmp/out /tmp/in; chmod 000 /w /tmp/home",
        "rm -rf /tmp/out; ln -s /w /tmp/out; ln -s /etc/passwd /w/2",
        "ulimit -Hn 3; ulimit -Hu 1; ulimit -v 100000; echo 1000 > /proc/1/oom_score_adj",
        "nice -n 19 true; renice -n 19 -p 1; chrt -f -p 50 1; taskset -p 1 1",
    ],
)  # fmt: skip
async def test_after_an_attack_the_next_command_runs_in_the_same_session(
    session: Session, attack: str
) -> None:
    await session.sh("echo kept > /dev/shm/kept")

    await session.sh(attack, wall_s=2)
    after = await session.sh("cat /dev/shm/kept; exit 7", cwd="/tmp")

    assert (after.exit_code, after.output, after.state_lost) == (7, "kept\n", False)


async def test_a_command_reads_its_agent_only_where_it_is_dumpable() -> None:
    outputs = []
    for without in (frozenset[str](), frozenset({"dumpable"})):
        async with open_bubblewrap(ROOMY, without=without) as box, box.session(fresh=True) as session:
            outputs.append((await session.sh("ls /proc/1/fd > /dev/null 2>&1 && echo read")).output)

    assert outputs == ["", "read\n"]


@pytest.mark.slow
async def test_a_command_kills_its_agent_only_where_it_is_not_pid_1() -> None:
    lost = []
    for without in (frozenset[str](), frozenset({"pid"})):
        async with open_bubblewrap(ROOMY, without=without) as box, box.session() as session:
            lost.append((await session.sh("kill -9 $PPID; sleep 1")).state_lost)

    assert lost == [False, True]


@pytest.mark.slow
async def test_an_agent_that_does_not_answer_is_replaced_and_the_workspace_kept() -> None:
    async with open_bubblewrap(ROOMY, without=frozenset({"pid"})) as box, box.session() as session:
        for wall_s in growing_limits(0.5):
            result = await session.sh("echo 1 > kept; kill -STOP $PPID; sleep 1000", wall_s=wall_s)
            if result.state_lost:
                break
        after = await session.sh("cat kept")

    assert (result.status, result.killed_by, result.state_lost) == ("timeout", "wall", True)
    assert (after.output, after.state_lost, after.number) == ("1\n", False, 2)


async def test_a_session_whose_own_workspace_went_with_its_agent_says_so() -> None:
    without = frozenset({"pid"})
    async with open_bubblewrap(ROOMY, without=without) as box, box.session(fresh=True) as session:
        await session.sh("kill -9 $PPID; sleep 1000")

        with pytest.raises(SandboxBroken):
            await session.sh("true")


async def test_a_command_has_no_descriptor_but_its_three(session: Session) -> None:
    result = await session.python("import os\nprint(sorted(os.listdir('/proc/self/fd')))")

    assert result.output == "['0', '1', '2', '3']\n"  # the last one is the folder's own


async def test_a_command_that_sends_itself_too_many_descriptors_costs_others_their_log_only(
    session: Session,
) -> None:
    hold = """
import array, os, socket, time
sockets = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(100)]
nothing = os.open('/dev/null', os.O_RDONLY)
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [nothing] * 200))]
sent = 0
for ours, _ in sockets:
    ours.setblocking(False)
    try:
        while sent < 100_000:
            ours.sendmsg([b'x'], rights)
            sent += 200
    except OSError:
        pass
print(sent, flush=True)
time.sleep(1000)
"""
    await session.python(hold, wall_s=0.1)
    holder = await session.start(PythonCode(source=hold))
    await session.sh(f"until [ -s {holder.log} ]; do sleep 0.05; done")

    after = await session.sh("echo fine; exit 3")

    assert int(holder.output()) >= ROOMY.open_files
    assert (after.output, after.exit_code, after.state_lost) == ("fine\n", 3, False)


@pytest.mark.slow
async def test_a_fork_bomb_ends_at_its_deadline_with_all_that_it_became(session: Session) -> None:
    bomb = "import os\nwhile True:\n  try: os.fork(); os.setsid()\n  except OSError: pass"

    result = await session.python(bomb, wall_s=1)
    after = await session.sh("ls /proc | grep -c '^[0-9]'")

    assert (result.status, result.still_running) == ("timeout", ())
    assert int(after.output) < 8


@pytest.mark.slow
async def test_a_command_is_started_where_others_used_up_all_processes(
    session: Session, request: pytest.FixtureRequest
) -> None:
    fill = "import os, time\ntry:\n  while os.fork(): pass\n  time.sleep(1000)\nexcept OSError: pass"
    bomb = await session.start(PythonCode(source=fill))
    await bomb.wait()

    # Not bash, which tries to fork for 15 s; and not at once: but in a container, which has its limit before,
    # limits come a moment after a command's begin.
    counts = "true" if "docker" in request.node.callspec.id else "has_limit"
    script = f"""
has_limit() {{ while read -r a b n rest; do [ "$a $b $n" = "Max processes 40" ] && return; done; return 1; }}
echo builtin
until {counts} < /proc/self/limits; do :; done
/bin/true || exit 9
"""
    result = await session.run(Command(argv=("sh", "-c", script)))
    await bomb.stop()
    after = await session.sh("/bin/true && echo room")

    assert result.output.startswith("builtin\n")
    assert result.exit_code != 0
    assert after.output == "room\n"


@pytest.mark.slow
async def test_a_daemon_is_named_and_ended_with_its_command(session: Session) -> None:
    daemon = """
import os, time
begins, begun = os.pipe()  # closed where the daemon becomes another program
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for descriptor in (0, 1, 2): os.close(descriptor)
        os.execvp('sleep', ['sleep', '1000'])
    os._exit(0)
os.close(begun)
os.read(begins, 1)
"""
    daemon_result = await session.python(daemon)
    ended = await session.python(daemon + "time.sleep(1000)", wall_s=1)
    count = await session.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 100[0]' | wc -l")

    assert [one.command for one in daemon_result.still_running] == ["sleep 1000"]
    assert ended.still_running == ()
    assert count.output == "1\n"


@pytest.mark.parametrize("without", [frozenset(), frozenset({"cgroup"})], ids=["cgroup", "sampled"])
async def test_where_memory_is_used_up_the_largest_dies_and_the_session_lives(
    without: frozenset[str],
) -> None:
    policy = ROOMY.model_copy(update={"memory_mb": 128})
    async with open_bubblewrap(policy, without=without) as box, box.session(fresh=True) as session:
        server = await session.start("exec sleep 1000")

        result = await session.python("import time\nx = b'x' * (300 << 20)\ntime.sleep(60)")
        after = await session.sh("echo fine")

        assert (result.status, result.killed_by) == ("oom", "memory")
        assert server.running
        assert (after.output, after.state_lost) == ("fine\n", False)


@pytest.mark.slow
async def test_a_child_of_a_command_that_runs_out_of_memory_is_told(session: Session) -> None:
    result = await session.sh("python3 -c 'x = b\"x\" * (600 << 20)'; exit $?")

    assert result.status == "oom"


async def test_two_sessions_do_not_see_each_other() -> None:
    async with open_bubblewrap(ROOMY) as box, box.session() as one, box.session() as other:
        await one.start("exec -a of-the-first sleep 1000")

        listing = await other.sh("cat /proc/[0-9]*/cmdline | grep -c 'of-the-firs[t]'; ls /tmp")

    assert listing.output == "0\nhome\nout\n"


async def test_many_commands_at_once_each_get_their_own_end_and_output(session: Session) -> None:
    results = await asyncio.gather(*(session.sh(f"echo {n}; exit {n}") for n in range(40)))

    assert [(one.exit_code, one.output) for one in results] == [(n, f"{n}\n") for n in range(40)]
