"""Baseline: the result of the test command on the untouched files, taken before the work or during its first
calls.

The command runs twice if it is quick and a second run may matter: tests with two results are flaky. A model
with tools is told the first result, and works during the second run. Both runs see the untouched files, since
the model's session is another sandbox.
"""

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from coder.base.errors import PackagesMissing, UsageError, own_command
from coder.environment.python_line import python_line
from coder.environment.python_path import find_python_path
from coder.environment.workbench import Workbench
from coder.run.command_inputs import split_folder, uses_pytest
from coder.run.event_types import LONG_TESTS_S, BaselineTaken, BaselineTest, TestsDropped
from coder.run.find_target import find_target
from coder.run.found_tests import FoundTests
from coder.run.journal import Journal
from coder.run.message import CheckLine
from coder.run.shared_limits import ChildJournal
from coder.run.state import State
from coder.run.task import Task
from coder.run.use_tests import PASSES, TOO_SLOW, without_first_found
from coder.run.verdict_words import join_names
from coder.run.watch import offers_install
from coder.source.manifests import is_ignored_module, missing_modules
from coder.source.shell import format_command
from coder.verify.finding import Finding, failures, feedback, without_failures
from coder.verify.missing_programs import find_missing_programs
from coder.verify.offline_steps import without_offline_step
from coder.verify.preflight import PytestMissing, check_command, require_decisive_command, require_online
from coder.verify.time_limits import found_s
from coder.verify.uninstalled import require_pass_without, require_shown
from coder.verify.verification import Verification

Recall = Callable[[State, BaselineTaken], Awaitable[tuple[str, ...]]]
_MAX_CALLS = 20
"""Number of pytest calls of one script that are logged."""
FIRST_WAIT_S = 5.0
"""Seconds that the first request waits for the tests, as knowing their failures saves a call."""


_ENDLESS, _ENDLESS_ALONE = 1 / 20, 1 / 10
"""Parts of the time limit after which one test of a suite that is to be mended is stopped, and counts as
failed where it is run alone."""
_LEAST_ENDLESS_S = 2.0
MAX_WAIT_S = 10.0
"""Seconds that the first request of a strategy without tools waits for tests that were found."""


class TooSlow(UsageError):
    """The found test command takes too long for a task that doesn't name it."""

    def __init__(self, task: Task, limit_s: float) -> None:
        nearest = join_names(task.found[1].nearest_to) if len(task.found) > 1 else ""
        decides = f" The tests nearest to {nearest} decide." if nearest else ""
        command = shlex.quote(format_command(task.test_command or ()))
        super().__init__(f"{TOO_SLOW}{limit_s:g} s.{decides} Have it run all the same: --test {command}")


@asynccontextmanager
async def pending_baseline(
    journal: Journal, bench: Workbench, recall: "Recall | None" = None
) -> AsyncIterator[Callable[[float | None], Awaitable[None]]]:
    """Take the baseline of a run that has none, and wait for the result that the first request needs.

    A model with tools needs the first run. If that is slow, the model is asked without it, unless its task
    is to mend failing tests. Any other model needs both runs, for at most `longest_wait_s`. An attempt waits
    for the tests of its parent run.

    Args:
        recall: returns the lessons of a failing baseline; None: nothing is recalled.

    Returns:
        Function that waits up to a number of seconds and logs the baseline, or only the first run if the
        second hasn't ended; None waits for both runs.
    """
    state, loop = journal.state, asyncio.get_running_loop()
    if isinstance(journal, ChildJournal) and state.settings.subagent is None and wants_baseline(state):
        yield partial(_take_over, journal)
        return
    acts = state.settings.strategy == "act"
    first: asyncio.Future[BaselineTaken] = loop.create_future()
    tests: asyncio.Task[BaselineTaken] | None = None

    def begin() -> None:
        nonlocal first, tests
        if wants_baseline(journal.state):
            first = loop.create_future()
            tests = asyncio.create_task(_take(bench, journal.state, first, acts=acts))

    async def log(baseline: BaselineTaken) -> None:
        changes: dict[str, object] = {"is_repeat": journal.state.progress.baseline is not None}
        if recall is not None and not baseline.passed:
            changes["lessons"] = await recall(journal.state, baseline)
        await journal.append(baseline.model_copy(update=changes))

    async def log_baseline(within_s: float | None) -> None:
        nonlocal tests
        end = None if within_s is None else loop.time() + within_s
        while tests is not None:
            await asyncio.wait([tests], timeout=None if end is None else max(0.0, end - loop.time()))
            if not tests.done():
                if first.done() and journal.state.progress.baseline is None:
                    await log(first.result())
                return
            task, tests = tests, None
            try:
                baseline = task.result()
            except UsageError as error:
                is_begun = journal.state.spend.calls > 0
                if isinstance(error, PackagesMissing) and offers_install(journal.watch) and not is_begun:
                    raise
                await drop_found(journal, error)
                begin()
            else:
                if baseline.passed and await _pass_over(journal):
                    begin()
                else:
                    await log(baseline)

    begin()
    journal.baseline = log_baseline
    try:
        wait_s = 0.0 if state.settings.chat else FIRST_WAIT_S  # a chat's user waits for an answer
        end = None if state.task.mends else loop.time() + wait_s
        while acts and tests is not None and not first.done():
            limit_s = max(0.0, end - loop.time()) if end is not None else None
            done, _ = await asyncio.wait([tests, first], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            await log_baseline(0.0)
        await log_baseline(0.0 if acts else longest_wait_s(state))
        yield log_baseline
    finally:
        if tests is not None:
            tests.cancel()
            await asyncio.wait([tests])


def longest_wait_s(state: State) -> float | None:
    """Return the seconds for which a model without tools waits for the tests; None: until they end."""
    is_hurried = state.settings.strategy in ("repair", "one-shot") and not state.task.mends
    return MAX_WAIT_S if state.task.found and is_hurried else None


async def _take_over(journal: ChildJournal, within_s: float | None) -> None:
    """Wait for the baseline of the parent run, and log it in the attempt's run, too."""
    if journal.parent.baseline is not None:
        await journal.parent.baseline(within_s)
    parent = journal.parent.state
    for tests in parent.task.dropped[len(journal.state.task.dropped) :]:
        await _drop_first(journal, tests.reason)
    baseline = parent.progress.baseline
    if baseline is not None and baseline != journal.state.progress.baseline:
        await journal.append(baseline)


async def drop_found(journal: Journal, error: UsageError) -> None:
    """Log that the found test command can't be run, and use the next one.

    Raises the error of a given command; UsageError if none is left for a task that is to mend tests.
    """
    if not journal.state.task.found:
        raise error
    is_dropped = True
    while is_dropped:
        await _drop_first(journal, str(error))
        found = journal.state.task.found
        is_dropped = bool(found) and _is_also_unusable(found[0], error)
    task = journal.state.task
    if task.mends and task.test_command is None:
        lack = (
            "fails and can be run" if any(tests.reason == PASSES for tests in task.dropped) else "can be run"
        )
        tried = [f"{format_command(tests.argv)} ({tests.place}): {tests.reason}" for tests in task.dropped]
        raise UsageError(
            f"None of the test commands that were found {lack}. {' '.join(tried)} Give the one that must "
            f"pass: {own_command()} fix -- CMD"
        ) from error


async def _pass_over(journal: Journal) -> bool:
    """Use the tests that were found in another project of the repository, if the task is to mend tests.

    Returns:
        Whether there are such tests; else the found command that passes is the one that decides.
    """
    task = journal.state.task
    folder = split_folder(task.test_command or ())[0]
    others = [tests for tests in task.found if split_folder(tests.argv)[0] != folder]
    if not (task.mends and others):
        return False
    while journal.state.task.found[0] != others[0]:
        await _drop_first(journal, PASSES)
    return True


async def _drop_first(journal: Journal, reason: str) -> None:
    task = journal.state.task
    target = find_target(without_first_found(task, reason), journal.state.files)
    await journal.append(TestsDropped(found=task.found[0], reason=reason, target=target))


def _is_also_unusable(tests: FoundTests, error: UsageError) -> bool:
    """Whether another command can't be run for the reason for which the one before can't."""
    if tests.nearest_to:
        return not isinstance(error, TooSlow)
    return isinstance(error, TooSlow) or (isinstance(error, PytestMissing) and uses_pytest(tests.argv))


async def _take(
    bench: Workbench, state: State, first: "asyncio.Future[BaselineTaken]", *, acts: bool
) -> BaselineTaken:
    if acts:
        await python_line(bench, state.files)  # else its program would wait for the tests, or disturb them
    if state.task.found:
        await check_command(bench, state.task, state.files)
    return await take_baseline(bench, state, first)


def wants_baseline(state: State) -> bool:
    """Return whether a baseline can be taken, and it or its second run is missing."""
    baseline = state.progress.baseline
    if (baseline is not None and not baseline.is_preliminary) or state.task.test_command is None:
        return False
    return bool(state.files) and not state.target.writes_tests


async def take_baseline(
    bench: Workbench, state: State, first_taken: "asyncio.Future[BaselineTaken] | None" = None
) -> BaselineTaken:
    """Run the test command on the untouched files.

    Args:
        first_taken: future that gets the result of the first run if a second run follows.
    """
    target, task = state.target, state.task
    limit_s = found_s(state)
    verification = Verification(bench, state, target)

    async def run(*, traces: bool = False, longest_s: float | None = None) -> Finding:
        await verification.lay_over({})
        run = await verification.run_command(
            is_shown=False, traces=traces, wall_s=limit_s, longest_s=longest_s
        )
        return await without_offline_step(verification, run)

    endless_s = state.settings.test_timeout * _ENDLESS
    is_watched = task.mends and endless_s >= _LEAST_ENDLESS_S
    first = await run(traces=True, longest_s=endless_s if is_watched else None)
    if limit_s is not None and first.result.status == "timeout" and not task.mends:
        raise TooSlow(task, limit_s)
    was_stopped = first.is_endless
    first, alone_s = await _finish_interrupted(verification, first)
    if was_stopped and not first.is_endless:  # it is only slow
        first, alone_s = await _finish_interrupted(verification, await run(traces=True))
    if limit_s is not None and first.is_cut and not first.failing:
        raise TooSlow(task, limit_s)
    require_online(first, state)
    missing = () if first.passed else missing_modules(first.text, state.files)
    programs = await find_missing_programs(await bench.candidate(), first, state)
    path = find_python_path(state.task, state.settings, state.files, python=bench.policy.python)
    require_shown(missing, path.outside)
    require_decisive_command(first, state, missing=missing, missing_programs=programs)
    others = [tests for tests in task.found[1:] if not tests.nearest_to]
    if others and missing and not first.passing:
        raise UsageError(
            f"The tests need {join_names(missing)}, which is neither installed nor in the folder."
        )
    texts = {path: file.text for path, file in state.files.items()} if missing else {}
    ignored = tuple(name for name in missing if is_ignored_module(name, texts))
    facts = {
        "missing": tuple(name for name in missing if name not in ignored),
        "ignored": ignored,
        "sources": path.added,
        "found": task.found[0] if task.found else None,
    }
    runs = [first]
    runs_twice = state.task.mends or bool(first.passing)
    is_short = first.result.wall_s < LONG_TESTS_S and first.result.status != "timeout"
    if runs_twice and is_short and not first.is_cut:
        if first_taken is not None and not (
            first.passed and state.task.mends
        ):  # without failures there is no work
            preliminary = _baseline(runs, alone_s, mends=state.task.mends).model_copy(
                update={**facts, "is_preliminary": True}
            )
            first_taken.set_result(preliminary)
        runs.append(await run())
    baseline = _baseline(runs, alone_s, mends=state.task.mends)
    if baseline.passed and state.task.mends and path.added:
        await require_pass_without(verification, path.added)
    return baseline.model_copy(update=facts)


def _baseline(runs: list[Finding], alone_s: float, *, mends: bool) -> BaselineTaken:
    """Return the event that logs these runs; `alone_s` are the seconds of an interrupted test's rerun."""
    first_run, flaky = runs[0], _flaky_tests(runs)
    lacks = {name: lack for run in runs for name, lack in run.lacks.items()}
    counted_runs = [without_failures(run, lacks) for run in runs]
    if mends and not any(run.failing for run in counted_runs):  # nothing else is to mend
        counted_runs = runs
    lines = first_run.lines if not first_run.passed else runs[-1].lines
    failed_run = next((run for run in counted_runs if not run.passed), None)
    failing = (
        [line for line in failed_run.failing if line.name not in flaky] if failed_run is not None else []
    )
    steady_lines = [line for line in lines if line.name not in flaky]
    return BaselineTaken(
        passed=failed_run is None,
        tests=tuple(BaselineTest(name=line.name, passed=line.passed) for line in steady_lines),
        flaky=flaky,
        first=failing[0] if failing else None,
        feedback=""
        if failed_run is None
        else feedback(failing, failed_run.result, note=first_run.note, stop=failed_run.stop),
        failures=""
        if failed_run is None
        else failures(failing, failed_run.result, note=first_run.note, stop=failed_run.stop),
        runs=len(runs),
        seconds=first_run.result.wall_s,
        is_cut=first_run.is_cut,
        endless=(first_run.running or "") if first_run.is_endless else "",
        alone_s=alone_s,
        told=first_run.names_tests,
        offline=tuple(sorted(name for name, lack in lacks.items() if lack == "network")),
        unserved=tuple(sorted(name for name, lack in lacks.items() if lack == "service")),
        pytest=first_run.pytest,
        calls=first_run.calls[:_MAX_CALLS],
        opened={path: users for path, users in first_run.opened.items() if users},
    )


async def _finish_interrupted(verification: Verification, run: Finding) -> tuple[Finding, float]:
    """Rerun the interrupted test alone; return the run with the test's result, and the rerun's seconds.

    The test fails if it is interrupted again.
    """
    if not run.running:
        return run, 0.0
    await verification.lay_over({})
    limit_s = verification.state.settings.test_timeout / 2
    longest_s = verification.state.settings.test_timeout * _ENDLESS_ALONE if run.is_endless else None
    rerun = await verification.run_command(
        only=(run.running,), wall_s=limit_s, longest_s=longest_s, is_shown=False
    )
    reports = [line for line in rerun.lines if line.name == run.running]
    if not reports and rerun.running == run.running:
        message = f"Run alone, it was stopped after {rerun.result.wall_s:.0f} s."
        reports = [CheckLine(name=run.running, passed=False, message=message)]
    lines = (*(line for line in run.lines if line.name != run.running), *reports)
    return replace(run, lines=lines, is_endless=rerun.is_endless), rerun.result.wall_s


def _flaky_tests(runs: list[Finding]) -> tuple[str, ...]:
    """Return the tests that ended differently on unchanged files."""
    results = [{line.name: line.passed for line in run.lines} for run in runs]
    names = dict.fromkeys(name for run in results for name in run)
    return tuple(name for name in names if len({run[name] for run in results if name in run}) > 1)
