"""How programs end, and what is told of it."""

import asyncio
from contextlib import suppress

from sandbox.contract import Sandbox
from sandbox.policy import Limits
from tests.contracts.rules.source import python
from tests.growing_limits import growing_limits


async def a_program_that_ends_well_is_ok(box: Sandbox) -> None:
    """Both streams apart, exit code 0."""
    result = await box.run(python("import sys; print('out'); print('err', file=sys.stderr)"))

    assert result.ok
    assert (result.exit_code, result.stdout, result.stderr) == (0, "out\n", "err\n")


async def an_exit_code_of_its_own_is_an_error(box: Sandbox) -> None:
    """The code is the program's."""
    result = await box.run(python("raise SystemExit(42)"))

    assert (result.status, result.exit_code, result.killed_by) == ("error", 42, None)


async def sys_exit_with_text_prints_it_and_gives_1(box: Sandbox) -> None:
    """As Python does."""
    result = await box.run(python("import sys; sys.exit('sorry')"))

    assert (result.exit_code, result.stderr) == (1, "sorry\n")


async def an_uncaught_exception_shows_the_line_it_came_from(box: Sandbox) -> None:
    """A traceback as Python prints it, with none of the sandbox's own frames."""
    result = await box.run(python("def f():\n    return 1 / 0  # here\nf()\n"))

    assert result.exit_code == 1
    assert "return 1 / 0  # here" in result.stderr
    assert result.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert result.stderr.count("File ") == 2


async def a_signal_of_its_own_is_an_error_without_exit_code(box: Sandbox) -> None:
    """The signal's number is told."""
    result = await box.run(python("import os; os.abort()"))

    assert (result.status, result.exit_code, result.signal) == ("error", None, 6)


async def what_was_printed_before_the_end_of_time_is_kept(box: Sandbox) -> None:
    """A program that ignores SIGTERM ends at its wall time too."""
    source = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('so far', flush=True)\n"

    for wall_s in growing_limits(2):
        result = await box.run(python(source + "while True: time.sleep(1)"), limits=Limits(wall_s=wall_s))
        if result.stdout:
            break

    assert (result.status, result.killed_by, result.stdout) == ("timeout", "wall", "so far\n")
    assert (await box.run(python("print('next')"))).stdout == "next\n"  # it wasn't ended with the sandbox


async def a_program_that_burns_cpu_is_ended(box: Sandbox) -> None:
    """Within about a second of its CPU time."""
    result = await box.run(python("while True: pass"), limits=Limits(cpu_s=1, wall_s=300))

    assert (result.status, result.killed_by) == ("timeout", "cpu")


async def a_daemon_dies_with_its_run(box: Sandbox) -> None:
    """However it has hidden itself: the caller doesn't wait for it, and it writes nothing any more."""
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            open('beat', 'a').write('x')
            time.sleep(0.01)
    os._exit(0)
while not os.path.exists('beat'):
    time.sleep(0.01)
"""
    result = await box.run(python(source), limits=Limits(wall_s=60))

    assert result.ok
    before = await box.read("beat")
    await box.run(python("import time; time.sleep(0.2)"))
    assert await box.read("beat") == before


async def a_cancelled_run_leaves_the_sandbox_usable(box: Sandbox) -> None:
    """Its program is gone when the cancellation comes through."""
    source = """
import time
while True:
    open('beat', 'a').write('x')
    print(flush=True)
    time.sleep(0.01)
"""
    beating = asyncio.Event()
    running = asyncio.create_task(box.run(python(source), on_output=lambda *_: beating.set()))
    await beating.wait()

    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    before = await box.read("beat")
    assert (await box.run(python("import time; time.sleep(0.2); print(1)"))).stdout == "1\n"
    assert await box.read("beat") == before


async def every_guarantee_is_named(box: Sandbox) -> None:
    """With its mechanism, or None."""
    guarantees = {item.guarantee for item in box.capabilities()}

    assert guarantees >= {"memory", "processes", "wall time", "output", "disk", "network", "nothing left"}


async def closing_twice_is_closing_once(box: Sandbox) -> None:
    """And a closed sandbox runs nothing."""
    await box.close()

    await box.close()


ENDINGS = (
    a_program_that_ends_well_is_ok,
    an_exit_code_of_its_own_is_an_error,
    sys_exit_with_text_prints_it_and_gives_1,
    an_uncaught_exception_shows_the_line_it_came_from,
    a_signal_of_its_own_is_an_error_without_exit_code,
    what_was_printed_before_the_end_of_time_is_kept,
    a_program_that_burns_cpu_is_ended,
    a_daemon_dies_with_its_run,
    a_cancelled_run_leaves_the_sandbox_usable,
    every_guarantee_is_named,
    closing_twice_is_closing_once,
)
