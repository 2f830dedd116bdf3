"""By command: what a test command says of the candidate's workspace.

Where it takes long, the tests that failed last are run first, or those nearest to the change, and only when
these pass does the whole command decide. Flaky tests that fail are run again before they count, and what was
red before the work is judged as such (regressions.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from coder.environment.workbench import Workbench
from coder.run.command_inputs import reported
from coder.run.message import CheckLine
from coder.run.state import State
from coder.run.target import Target
from coder.verify.cross_check import confirm
from coder.verify.finding import Finding
from coder.verify.regressions import judge, new_reds, shows_work, was_run, without_flaky
from coder.verify.test_command import TestRun, run_tests
from coder.workspace.overlay import workspace_files
from sandbox import Limits

NARROW_FROM_S = 2.0
"""Time of the whole command from which it pays to run the failing tests alone first."""
FLAKY_AGAIN = 2
"""Times that a flaky test which fails is run again."""
_MOST_NARROW = 200


async def by_command(bench: Workbench, state: State, target: Target, files: Mapping[str, bytes]) -> Finding:
    """Run the task's test command on what stands in the candidate's workspace.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    assert state.task.test_command is not None
    if targets := _targets(state):
        run = await run_command(bench, state, ours=target.tests, only=targets)
        if any(not line.passed for line in run.lines):
            return _failed(run)
        await (await bench.candidate()).lay(files)
    elif (broken := await _broken_nearby(bench, state, target)) is not None:
        return _failed(broken)
    elif _is_long(state):
        await (await bench.candidate()).lay(files)
    run = await _without_flaky(bench, state, target, files)
    given = {test.path for test in state.task.test_files}
    judged = judge(run, state.baseline, mends=state.task.mends, given=given)
    if judged.passed and target.writes_tests:
        note = "the tests were written with the code"
        return Finding("self", True, run.lines, run.result, note, strength="none")
    if judged.passed and not run.told:
        return _by_exit_code(run, state)
    shows = not run.passed or shows_work(run.lines, state.baseline, given=given)
    if not run.passed or reported(state.task.test_command) is None:
        seen = Finding("tests", judged.passed, judged.lines, run.result, judged.note, strength="inside")
        return seen if shows else replace(seen, verified="none", strength="none")
    await (await bench.candidate()).lay(files)  # what the tests' own run has changed is not what was answered
    confirmed = await confirm(bench, state, target, files, run=run)
    if confirmed.verdict == "refuted":
        return Finding("tests", False, confirmed.lines, run.result, confirmed.note, strength="inside")
    if not shows:
        return Finding("none", True, run.lines, run.result, strength="none")
    return Finding("tests", True, run.lines, run.result, strength=confirmed.verdict)


def _failed(run: TestRun) -> Finding:
    judged = judge(run, None)
    return Finding("tests", False, judged.lines, run.result, judged.note, strength="inside")


async def _broken_nearby(bench: Workbench, state: State, target: Target) -> TestRun | None:
    """Where the command takes long: the tests nearest to the change, where it breaks some; they run first.

    A test that fails alone without the change, too, says nothing here: the whole command decides.
    """
    if not _is_long(state) or not (near := _nearby(state, target)):
        return None
    run = await run_command(bench, state, ours=target.tests, only=near)
    red = {line.name for line in run.lines if not line.passed} & {*near}
    if not red:
        return None
    await (await bench.candidate()).lay(workspace_files(state, {}))
    before = await run_command(bench, state, ours=target.tests, only=sorted(red))
    return run if red <= {line.name for line in before.lines if line.passed} else None


def _is_long(state: State) -> bool:
    command, baseline = state.task.test_command, state.baseline
    return baseline is not None and baseline.is_long and reported(command or ()) is not None


def _nearby(state: State, target: Target) -> list[str]:
    """Tests that passed before the work, of files that name a module which the answer changes."""
    changed = "|".join(re.escape(PurePosixPath(path).stem) for path in state.codes[-1].files)
    if not changed:
        return []
    named = re.compile(rf"\b(?:{changed})\b")
    paths = [
        path for path in target.tests if path in state.files and named.search(state.files[path].text or "")
    ]
    known = state.baseline.tests if state.baseline is not None else ()
    lines = [CheckLine(name=test.name, passed=True) for test in known if test.passed]
    return [line.name for line in lines if any(was_run(path, (line,)) for path in paths)][:_MOST_NARROW]


def _by_exit_code(run: TestRun, state: State) -> Finding:
    """A command that succeeds and tells of no test says something only where it failed before."""
    before = state.baseline.tests if state.baseline is not None else ()
    if any(not test.passed for test in before):
        note = "by its exit code, which was another before the work"
        return Finding("tests", True, run.lines, run.result, note, strength="inside")
    return Finding("none", True, run.lines, run.result, "it tells of no test", strength="none")


async def _without_flaky(
    bench: Workbench, state: State, target: Target, files: Mapping[str, bytes]
) -> TestRun:
    """The whole command; flaky tests that fail in it are run again, and one pass is enough for them.

    Where a test that passed before the work fails, and passes alone, the whole is run again, and decides.
    """
    run = await run_command(bench, state, ours=target.tests)
    flaky = set(state.baseline.flaky) if state.baseline is not None else set()
    if new := new_reds(run, state.baseline):
        await (await bench.candidate()).lay(files)
        alone = await run_command(bench, state, ours=target.tests, only=new)
        if not {*new}.isdisjoint(line.name for line in alone.lines if line.passed):
            await (await bench.candidate()).lay(files)
            run = await run_command(bench, state, ours=target.tests)
    for _ in range(FLAKY_AGAIN):
        again = [line.name for line in run.lines if not line.passed and line.name in flaky]
        if not again or not run.complete:
            break
        await (await bench.candidate()).lay(files)
        second = await run_command(bench, state, ours=target.tests, only=again)
        run = without_flaky(run, {line.name for line in second.lines if line.passed} & set(again))
    return run


async def run_command(
    bench: Workbench,
    state: State,
    *,
    ours: Sequence[str],
    only: Sequence[str] = (),
    wall_s: float | None = None,
) -> TestRun:
    """Run the task's test command, or these tests of it, on what stands in the candidate's workspace.

    Args:
        ours: paths that hold tests.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    assert state.task.test_command is not None
    seconds = wall_s or state.settings.test_timeout_s
    return await run_tests(
        await bench.candidate(),
        state.task.test_command,
        ours=ours,
        limits=Limits(wall_s=seconds, cpu_s=seconds),
        on_output=bench.on_output,
        only=only,
    )


def _targets(state: State) -> list[str]:
    """The tests to run first: those that failed in the latest try, or before the work where all must pass."""
    baseline = state.baseline
    if baseline is None or baseline.seconds < NARROW_FROM_S or state.task.test_command is None:
        return []
    if reported(state.task.test_command) is None:
        return []
    latest = next((m.outcome for m in reversed(state.messages) if m.outcome is not None), None)
    if latest is not None:
        known = {test.name for test in baseline.tests}
        red = {test.name for test in baseline.tests if not test.passed}
        failing = [line.name for line in latest.checks if not line.passed and line.name in known]
        failing = failing if state.task.mends else [name for name in failing if name not in red]
    else:
        failing = [test.name for test in baseline.tests if not test.passed] if state.task.mends else []
    return [name for name in failing if name not in baseline.flaky][:_MOST_NARROW]
