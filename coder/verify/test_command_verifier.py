"""Verify by the task's test command, run in the candidate's workspace.

Failing flaky tests are rerun before they count, and failures from before the work are judged as such
(regressions.py). A passing run is repeated with the code under test in a separate process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from coder.run.command_inputs import reporter_arguments
from coder.run.state import State
from coder.run.verdict_words import join_names
from coder.source.shell import format_command
from coder.verify.changed_inputs import without_changed_inputs
from coder.verify.confirmation import confirm, confirm_programs
from coder.verify.cut_runs import reach_baseline
from coder.verify.finding import Finding
from coder.verify.lost_tests import lost_tests
from coder.verify.offline_steps import without_offline_step
from coder.verify.regressions import judge, new_failures_of, shows_work, without_flaky
from coder.verify.verification import Verification

_FLAKY_RERUNS = 2
"""Number of reruns of a failing flaky test."""


async def verify_by_command(verification: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the task's test command in the candidate's workspace, and judge the result."""
    state, target = verification.state, verification.target
    command = state.task.test_command or ()
    is_confirmed = not target.writes_tests and reporter_arguments(command) is not None
    if is_confirmed:  # most answers pass, so that the pass is confirmed there
        verification.bench.open_checker_early()
    run = await _run_without_flaky(verification, files)
    if state.progress.baseline is not None and state.progress.baseline.is_cut:
        run = await reach_baseline(verification, files, run, state.progress.baseline)
    run = await without_offline_step(verification, run)
    given_paths = {test.path for test in state.task.test_files}
    mends, is_found = state.task.mends, state.task.is_found
    finding = judge(run, state.progress.baseline, mends=mends, is_found=is_found, given_paths=given_paths)
    if format_command(command) in run.lacks:
        note = "a step behind the tests needs the network and was left out (--network HOST)"
        finding = replace(finding, note="; ".join(filter(None, [finding.note, note])))
    if finding.passed and not (run.is_cut or state.settings.allow):
        finding = _without_losses(finding, verification)
    if finding.passed and not target.writes_tests:
        finding = await without_changed_inputs(verification, files, finding)
    has_effect = not finding.passed or shows_work(
        run.lines,
        state.progress.baseline,
        given_paths=given_paths,
        mends=mends,
    )
    unverified = replace(finding, verified="none", strength="none")
    if finding.passed and target.writes_tests:
        return replace(unverified, verified="self", note="the tests were written with the code")
    if finding.passed and run.programs:
        finding = await confirm_programs(verification, files, run=finding)
    if finding.passed and not run.names_tests:
        return _by_exit_code(finding, state)
    if not finding.passed or not is_confirmed:
        return finding if has_effect else unverified
    confirmation = await confirm(verification, files, run=finding, script=_script(command))
    if confirmation.passed and run.is_cut:
        confirmation = replace(confirmation, strength="inside")
    return confirmation if has_effect or not confirmation.passed else unverified


def _without_losses(finding: Finding, verification: Verification) -> Finding:
    """Return the finding; failed if a given test ran before the work and no longer runs."""
    lost = lost_tests(finding.lines, verification.state.progress.baseline, verification.target.tests)
    if not lost:
        return finding
    note = f"ran before the work and no longer runs: {join_names(lost, most=10)}"
    return replace(finding, passed=False, note=note)


def _by_exit_code(run: Finding, state: State) -> Finding:
    """Judge a passing command without reported tests; its success only counts if it failed before."""
    if not run.result.ok:  # a found one that fails as before
        return replace(run, verified="none", strength="none")
    if state.progress.baseline is not None and not all(state.progress.baseline.before.values()):
        return replace(run, note="by its exit code, which was different before the change")
    return replace(run, verified="none", strength="none", note="the command reports no test")


async def _run_without_flaky(verification: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the whole command, and rerun its failing flaky tests, for which one pass is enough.

    If a test that passed before the work fails but passes alone, the whole command runs again, and decides.
    """
    state = verification.state
    run = await verification.run_command()
    flaky = set(state.progress.baseline.flaky) if state.progress.baseline is not None else set()
    if new_failures := new_failures_of(run, state.progress.baseline):
        await verification.lay(files)
        rerun_alone = await verification.run_command(only=new_failures)
        if not rerun_alone.passing.isdisjoint(new_failures):
            await verification.lay(files)
            run = await verification.run_command()
    for _ in range(_FLAKY_RERUNS):
        failing_flaky = [line.name for line in run.failing if line.name in flaky]
        if not failing_flaky or not run.complete:
            break
        await verification.lay(files)
        rerun = await verification.run_command(only=failing_flaky)
        run = without_flaky(run, rerun.passing.intersection(failing_flaky))
    return run


def _script(argv: Sequence[str]) -> str | None:
    """Return the file that a test command runs; None if it runs none."""
    inner = reporter_arguments(argv) or ["-m"]
    return None if inner[0] == "-m" else PurePosixPath(inner[0]).as_posix()
