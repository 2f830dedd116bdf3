"""Programs of a session call functions of the host, and what they send is bounded."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
import pytest_asyncio

from sandbox import CommandResult, Limits, Policy, PythonCode, Sandbox, Session, open_sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.docker.open_docker import open_docker
from tests.docker_engine import IMAGE
from tests.growing_limits import growing_limits
from tests.system_python import SYSTEM_PYTHON

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOMY = Policy(wall_s=60, cpu_s=600, open_files=1024)
TOLD = [["double", ["number"]], ["wait-for", ["seconds"]], ["meet", ["number"]]]


class Clock:
    """Counts the seconds of excused waits, also of one that goes on."""

    def __init__(self) -> None:
        self._counted, self._began = 0.0, math.inf

    @property
    def seconds(self) -> float:
        return self._counted + max(0.0, monotonic() - self._began)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._began = monotonic()
        try:
            yield
        finally:
            self._counted, self._began = self.seconds, math.inf


async def answer(request: bytes) -> bytes:
    name, arguments = json.loads(request)
    if not name:
        return json.dumps({"value": f"of {arguments['help']}" if arguments else TOLD}).encode()
    if name == "wait-for":
        await asyncio.sleep(arguments["seconds"])
        return b'{"value": "waited"}'
    if not isinstance(arguments.get("number"), int):
        return json.dumps({"error": "number: it is none"}).encode()
    return json.dumps({"value": arguments["number"] * 2}).encode()


@pytest_asyncio.fixture(
    params=["two", "one", "container", pytest.param("docker", marks=[pytest.mark.slow, pytest.mark.foreign])],
    scope="module",
    loop_scope="module",
)
async def box(request: pytest.FixtureRequest, allowed_host: None) -> AsyncIterator[Sandbox]:
    if request.param == "container":
        async with open_in_container(ROOMY.model_copy(update={"python": SYSTEM_PYTHON})) as opened:
            yield opened
        return
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
        async with open_docker(ROOMY.model_copy(update={"image": IMAGE})) as opened:
            yield opened
        return
    async with open_bubblewrap(ROOMY, walls=request.param) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def session(box: Sandbox) -> AsyncIterator[Session]:
    async with box.session(fresh=True) as opened:
        await opened.serve(answer)
        yield opened


async def test_a_program_calls_and_gets_values_and_exceptions(session: Session) -> None:
    result = await session.python(
        "import tools\n"
        "print(tools.double(21), tools.double(number=4), tools.wait_for(0))\n"
        "tools.help('double')\n"
        "for arguments in ['x'], [1, 2]:\n"
        "    try: tools.double(*arguments)\n"
        "    except (tools.ToolError, TypeError) as error: print(type(error).__name__, error)\n"
    )

    assert result.output.splitlines() == [
        "42 8 waited", "of double",
        "ToolError number: it is none", "TypeError double takes each of these once: number",
    ]  # fmt: skip


async def test_threads_and_forked_processes_call_side_by_side(session: Session) -> None:
    meeting = asyncio.Barrier(8)

    async def answer_once_all_have_called(request: bytes) -> bytes:
        if b"meet" in request:
            await meeting.wait()
            return b'{"value": "met"}'
        return await answer(request)

    await session.serve(answer_once_all_have_called)
    result = await session.python(
        "import concurrent.futures, multiprocessing, os, tools\n"
        "with concurrent.futures.ThreadPoolExecutor(8) as pool:\n"
        "    print(sorted(pool.map(tools.double, range(8))), end=' ')\n"
        "    print(*pool.map(tools.meet, range(8)))\n"
        "tools.double(1)\n"
        "if (pid := os.fork()) == 0: print(tools.double(50), flush=True); os._exit(0)\n"
        "os.waitpid(pid, 0); print(tools.double(60))\n"
    )

    assert result.output == f"[0, 2, 4, 6, 8, 10, 12, 14] {' '.join(['met'] * 8)}\n100\n120\n"


@pytest.mark.slow
async def test_no_other_program_can_import_them(box: Sandbox, session: Session) -> None:
    alone = await box.run(PythonCode(source="import tools"), limits=Limits(wall_s=10), fresh=True)
    forged = PythonCode(source="import sys; sys.path.append('/tmp/.tools'); import tools")

    assert "No module named 'tools'" in alone.stderr
    assert "No module named 'tools'" in (await box.run(forged, fresh=True)).stderr
    async with box.session(fresh=True) as other:
        assert "No module named 'tools'" in (await other.python("import tools")).output


async def test_a_replaced_answerer_cuts_calls_off_and_none_lets_them_wait(session: Session) -> None:
    arrival = asyncio.Event()

    async def other(request: bytes) -> bytes:
        if b"wait-for" in request:
            arrival.set()
        return await answer(request)

    await session.serve(other)
    begun = await session.start("python3 -c 'import tools; tools.wait_for(60)'")
    await arrival.wait()
    await session.serve(None)
    cut = await begun.wait()
    waiting = await session.start("python3 -c 'import tools; print(tools.double(4))'")
    await session.serve(answer)

    assert "ToolError: The call was cut off: " in cut.output
    assert (await waiting.wait()).output == "8\n"


@pytest.mark.slow
async def test_a_clocks_time_is_not_a_commands_and_any_other_wait_for_an_answer_is(session: Session) -> None:
    clock = Clock()

    async def excused(request: bytes) -> bytes:
        with clock.running():
            return await answer(request)

    late = await session.python("import tools; tools.wait_for(60)", wall_s=1)
    await session.serve(excused, clock=clock)
    for wall_s in growing_limits(1):
        waits = await session.python(
            f"import tools; tools.wait_for({wall_s + 0.5}); print('went on')", wall_s=wall_s
        )
        if waits.output:
            break
    loops = await session.python("import tools; tools.wait_for(0.5)\nwhile True: pass", wall_s=1)

    assert (late.killed_by, loops.killed_by) == ("wall", "wall")
    assert (waits.output, waits.killed_by) == ("went on\n", None)
    assert late.wall_s < 60


LINE = """\
import os, socket, sys, time
calls = os.environ.get("CODER_CALLS")
def line():
    if calls is None:
        made = socket.socket(socket.AF_UNIX)
        made.connect("/tmp/.tools/socket")
        return made
    made, other = socket.socketpair()
    with other, socket.socket(fileno=os.dup(int(calls))) as sending:
        socket.send_fds(sending, [b"."], [other.fileno()])
    return made
"""
GARBAGE = """\
if calls is not None:  # what is no connection, none at all, and too many
    with socket.socket(fileno=os.dup(int(calls))) as sending:
        socket.send_fds(sending, [b"."], [0])
        sending.send(b"." * 1000)
        socket.send_fds(sending, [b"."], [0] * 100)
rubbish = (1 << 20).to_bytes(4, "little") + bytes(1 << 20)
for content in (b"x" * 100, b"\\xff" * 100, rubbish, b"\\x02\\0\\0\\0{}"):
    with line() as one:
        one.sendall(content)
        print(len(one.recv(100)))
with line() as one:
    one.sendall((1 << 30).to_bytes(4, "little"))
    try:
        while True:
            one.sendall(bytes(1 << 20))
    except OSError:
        print("closed")
"""


async def test_what_is_no_request_closes_its_connection(session: Session) -> None:
    hostile = await session.python(LINE + GARBAGE)
    result = await session.python("import tools; print(tools.double(3))")

    assert hostile.output == "0\n0\n0\n0\nclosed\n"
    assert result.output == "6\n"


@pytest.mark.slow
async def test_connections_are_bounded_in_number_and_pace(session: Session) -> None:
    script = (
        f"{LINE}def closed():\n"
        "    with line() as one: one.sendall(b'\\xff' * 100); return not one.recv(100)\n"
        "for _ in range(1_000): closed()\n"
        "began = time.monotonic()\n"
        "for _ in range(200): closed()\n"
        "print(time.monotonic() - began > 0.9)\n"  # 5 ms each; a slow machine takes longer, no fast one less
        "held = [line() for _ in range(100)]\n"
    )
    result = await session.python(script)
    after = await session.python("import tools; print(tools.double(3))")

    assert result.output == "True\n"
    assert after.output == "6\n"


@pytest.mark.slow
async def test_a_session_that_was_replaced_serves_its_programs() -> None:
    async with open_bubblewrap(ROOMY) as box, box.session() as session:
        await session.serve(answer, module="other_tools")
        lost = await kill_agent(session)
        result = await session.python("import other_tools; print(other_tools.double(3))")

    assert lost.state_lost
    assert result.output == "6\n"


async def kill_agent(session: Session) -> CommandResult:
    """End the session's agent, as a failure of the machine would."""
    begun = await session.start("sleep 60")
    session._link.close()  # type: ignore[attr-defined]
    return await begun.wait()


async def test_the_door_for_any_backend_serves_too() -> None:
    async with open_sandbox(ROOMY) as box, box.session(fresh=True) as session:
        await session.serve(answer)

        assert (await session.python("import tools; print(tools.double(1))")).output == "2\n"
