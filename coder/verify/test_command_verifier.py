"""Verify by the task's test command, run on the candidate's workspace.

Flaky tests that fail run again before they count, and what failed before the work is judged as such
(regressions.py). What passes runs once more with the code under test in a process of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from coder.run.command_inputs import reporter_arguments
from coder.run.state import State
from coder.verify.confirmation import confirm, confirm_programs
from coder.verify.cut_runs import reach_baseline
from coder.verify.finding import Finding
from coder.verify.regressions import judge, new_reds, shows_work, without_flaky
from coder.verify.verification import Verification

_FLAKY_AGAIN = 2
"""Times that a flaky test which fails is run again."""


async def by_command(on: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the task's test command in the candidate's workspace."""
    state, target = on.state, on.target
    run = await _without_flaky(on, files)
    if state.progress.baseline is not None and state.progress.baseline.is_cut:
        run = await reach_baseline(on, files, run, state.progress.baseline)
    given_paths = {test.path for test in state.task.test_files}
    judged = judge(run, state.progress.baseline, mends=state.task.mends, given_paths=given_paths)
    shows = not judged.passed or shows_work(
        run.lines, state.progress.baseline, given_paths=given_paths, mends=state.task.mends
    )
    nothing = replace(judged, verified="none", strength="none")
    if judged.passed and target.writes_tests:
        return replace(nothing, verified="self", note="the tests were written with the code")
    if judged.passed and run.programs:
        judged = await confirm_programs(on, files, run=judged)
    if judged.passed and not run.names_tests:
        return _by_exit_code(judged, state)
    if not judged.passed or reporter_arguments(state.task.test_command or ()) is None:
        return judged if shows else nothing
    confirmed = await confirm(on, files, run=judged, script=_script(state.task.test_command or ()))
    if confirmed.passed and run.is_cut:
        confirmed = replace(confirmed, strength="inside")
    return confirmed if shows or not confirmed.passed else nothing


def _by_exit_code(run: Finding, state: State) -> Finding:
    """A command that succeeds and reports no test shows something only where it failed before."""
    if state.progress.baseline is not None and not all(state.progress.baseline.before.values()):
        return replace(run, note="by its exit code, which was different before the change")
    return replace(run, verified="none", strength="none", note="the command reports no test")


async def _without_flaky(on: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the whole command, and flaky tests that fail in it again: one pass is enough for them.

    If a test fails that passed before the work, and passes alone, the whole runs again, and decides.
    """
    state = on.state
    run = await on.command()
    flaky = set(state.progress.baseline.flaky) if state.progress.baseline is not None else set()
    if new := new_reds(run, state.progress.baseline):
        await on.lay(files)
        alone = await on.command(only=new)
        if not alone.passing.isdisjoint(new):
            await on.lay(files)
            run = await on.command()
    for _ in range(_FLAKY_AGAIN):
        again = [line.name for line in run.failing if line.name in flaky]
        if not again or not run.complete:
            break
        await on.lay(files)
        second = await on.command(only=again)
        run = without_flaky(run, second.passing.intersection(again))
    return run


def _script(argv: Sequence[str]) -> str | None:
    """The file that a test command runs, where it runs one."""
    inner = reporter_arguments(argv) or ["-m"]
    return None if inner[0] == "-m" else PurePosixPath(inner[0]).as_posix()
