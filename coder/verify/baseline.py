"""Baseline: how the test command ends on the untouched files, before the work or beside its first calls.

It runs twice where that is quick and may matter: tests that then end differently are flaky. A model that acts
is told the first run, and asked beside the second. Both see the untouched files, since the model's session is
another sandbox.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from coder.environment.python_line import python_line
from coder.environment.workbench import Workbench
from coder.run.event_types import LONG_TESTS_S, BaselineTaken, BaselineTest
from coder.run.journal import Journal
from coder.run.message import CheckLine
from coder.run.state import State
from coder.source.manifests import missing_modules
from coder.verify.finding import Finding, failures, feedback
from coder.verify.preflight import refuse_what_decides_nothing
from coder.verify.verification import Verification

_MOST_CALLS = 20
"""Calls of pytest by one script that are kept."""
FIRST_WAIT_S = 5.0
"""Seconds that the first request waits for the tests: most are shorter, and what fails saves a call."""


@asynccontextmanager
async def pending_baseline(
    journal: Journal, bench: Workbench
) -> AsyncIterator[Callable[[float | None], Awaitable[None]]]:
    """Take the baseline of a run that has none, and wait for what the first request says of it.

    That is the first run for a model that acts, which is asked without it after a while, unless failing tests
    are its task; else the whole.

    Returns:
        Function that logs the baseline if it ends within this many seconds, else its first run once that has
        ended; None waits for the whole.
    """
    state, tests = journal.state, None
    acts = state.settings.strategy == "act"
    first: asyncio.Future[BaselineTaken] = asyncio.get_running_loop().create_future()
    if wants_baseline(state):
        tests = asyncio.create_task(_taken(bench, state, first, acts=acts))

    async def log_baseline(within_s: float | None) -> None:
        nonlocal tests
        if tests is None:
            return
        await asyncio.wait([tests], timeout=within_s)
        if tests.done():
            task, tests = tests, None
            await journal.append(task.result())
        elif first.done() and journal.state.progress.baseline is None:
            await journal.append(first.result())

    try:
        if tests is not None and acts:
            wait_s = 0.0 if state.settings.chat else FIRST_WAIT_S  # a chat's user waits for an answer
            limit_s = None if state.task.mends else wait_s
            await asyncio.wait([tests, first], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        await log_baseline(0.0 if acts else None)
        yield log_baseline
    finally:
        if tests is not None:
            tests.cancel()
            await asyncio.wait([tests])


async def _taken(
    bench: Workbench, state: State, first: "asyncio.Future[BaselineTaken]", *, acts: bool
) -> BaselineTaken:
    if acts:
        await python_line(bench, state.files)  # by the same sandbox, which the tests may keep busy for long
    return await take_baseline(bench, state, first)


def wants_baseline(state: State) -> bool:
    """Whether a baseline can be taken and is missing, or its second run is."""
    baseline = state.progress.baseline
    if (baseline is not None and not baseline.is_preliminary) or state.task.test_command is None:
        return False
    return bool(state.files) and not state.target.writes_tests


async def take_baseline(
    bench: Workbench, state: State, first_taken: "asyncio.Future[BaselineTaken] | None" = None
) -> BaselineTaken:
    """Run the test command on the untouched files.

    Args:
        first_taken: gets the first run where a second follows.
    """
    target = state.target
    on = Verification(bench, state, target)

    async def run(*, traces: bool = False) -> Finding:
        await on.lay_over({})
        return await on.command(is_shown=False, traces=traces)

    runs = [await run(traces=True)]
    first, alone_s = await _with_running(on, runs[0])
    missing = () if first.passed else missing_modules(first.text, state.files)
    refuse_what_decides_nothing(first, state, missing=missing)
    runs[0] = first
    decides = state.task.mends or bool(first.passing)
    if decides and first.result.wall_s < LONG_TESTS_S and first.result.status != "timeout":
        if first_taken is not None and not (first.passed and state.task.mends):  # else there is no work
            first_taken.set_result(_baseline(runs, alone_s, missing, is_preliminary=True))
        runs.append(await run())
    return _baseline(runs, alone_s, missing)


def _baseline(
    runs: list[Finding], alone_s: float, missing: tuple[str, ...], *, is_preliminary: bool = False
) -> BaselineTaken:
    """The event of these runs.

    Args:
        alone_s: seconds of the rerun of a stopped test.
        missing: modules that aren't there.
        is_preliminary: another run follows.
    """
    first, flaky = runs[0], _flaky(runs)
    lines = first.lines if not first.passed else runs[-1].lines
    red = [line for line in lines if not line.passed and line.name not in flaky]
    failed = next((one for one in runs if not one.passed), None)
    steady = [line for line in lines if line.name not in flaky]
    return BaselineTaken(
        passed=failed is None,
        tests=tuple(BaselineTest(name=line.name, passed=line.passed) for line in steady),
        flaky=flaky,
        first=red[0] if red else None,
        feedback="" if failed is None else feedback(red, failed.result, note=first.note, stop=failed.stop),
        failures="" if failed is None else failures(red, failed.result, note=first.note, stop=failed.stop),
        runs=len(runs),
        seconds=first.result.wall_s,
        is_cut=first.is_cut,
        alone_s=alone_s,
        told=first.names_tests,
        missing=missing,
        pytest=first.pytest,
        calls=first.calls[:_MOST_CALLS],
        opened={path: users for path, users in first.opened.items() if users},
        is_preliminary=is_preliminary,
    )


async def _with_running(on: Verification, cut: Finding) -> tuple[Finding, float]:
    """Rerun the stopped test alone; return the run with its result, and the seconds of the rerun.

    The test fails if it is stopped again.
    """
    if not cut.running:
        return cut, 0.0
    await on.lay_over({})
    limit_s = on.state.settings.test_timeout / 2
    alone = await on.command(only=(cut.running,), wall_s=limit_s, is_shown=False)
    reports = [line for line in alone.lines if line.name == cut.running]
    if not reports and alone.running == cut.running:
        message = f"Run alone, it was stopped after {alone.result.wall_s:.0f} s."
        reports = [CheckLine(name=cut.running, passed=False, message=message)]
    return replace(cut, lines=(*cut.lines, *reports)), alone.result.wall_s


def _flaky(runs: list[Finding]) -> tuple[str, ...]:
    """Tests that ended differently on the same files."""
    ended = [{line.name: line.passed for line in run.lines} for run in runs]
    names = dict.fromkeys(name for run in ended for name in run)
    return tuple(name for name in names if len({run[name] for run in ended if name in run}) > 1)
