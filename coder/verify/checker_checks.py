"""Verify by the checks of the checker's sandbox: test files, statements, and examples of the prompt."""

from collections.abc import Mapping, Sequence

from coder.run.examples import find_examples
from coder.run.message import Verified
from coder.run.state import State
from coder.verify.finding import NOTHING_RAN, Finding, lines_of
from coder.verify.verification import Verification
from coder.verify.weighing import limit_to_shown, weighed
from sandbox import Assertion, Check, CheckReport, TestFile
from sandbox.verdicts.check import WeighedTests


def checks_by_kind(state: State) -> dict[Verified, Sequence[Check]]:
    """Return the checks besides a test command, by kind; the task's examples if there are no other checks."""
    task = state.task
    checks: dict[Verified, Sequence[Check]] = {}
    if task.test_files:
        checks["tests"] = [TestFile(path=test.path, source=test.text) for test in task.test_files]
    if task.checks:
        checks["checks"] = [Assertion(source=source) for source in task.checks]
    is_commanded = task.test_command is not None and not task.found
    if not is_commanded and not checks and (examples := find_examples(task.prompt)):
        checks["examples"] = examples
    return checks


async def verify_by_checks(
    verification: Verification, files: Mapping[str, bytes], by_command: Finding | None
) -> list[Finding]:
    """Apply the checks until one kind fails; test files that the test command has run aren't run again.

    Args:
        by_command: the finding of the task's test command; None: the task has none.
    """
    if by_command is not None and not by_command.passed:
        return []
    findings: list[Finding] = []
    for verified, checks in checks_by_kind(verification.state).items():
        if verified == "tests" and by_command is not None:
            from coder.verify.regressions import was_run

            # If the time limit cut the command off, a file may have run in part.
            test_names = [line.name for line in by_command.lines if not by_command.is_cut]
            checks = [check for check in checks if not was_run(check.name, test_names)]
        if checks and all(finding.passed for finding in findings):
            findings.append(await _run_checks(verification, files, verified=verified, checks=checks))
    return findings


async def _run_checks(
    verification: Verification, files: Mapping[str, bytes], *, verified: Verified, checks: Sequence[Check]
) -> Finding:
    settings = verification.state.settings
    seconds = settings.test_timeout if verified == "tests" else settings.program_timeout

    async def run(weighing: WeighedTests) -> CheckReport:
        return await verification.run_checks(files, checks, seconds, weighed=weighing)

    report = await run(weighed())
    is_cancelled = report.candidate.killed_by == "cancel"
    result = NOTHING_RAN if is_cancelled else report.candidate
    is_late = not report.passed and report.candidate.wall_s >= seconds
    finding = Finding(verified, report.passed, lines_of(report), result, report.note, is_late=is_late)
    if not report.passed:
        return finding
    return await limit_to_shown(finding, report, [check.source for check in checks], run)
