"""Verify the code of a run: the strongest check first, and all given checks must pass.

Test files, checks and examples are decided in the checker's sandbox, on values that cross by `sandbox.call`.
A test command shares its process with the code under test, so its strength is `inside`. So is every strength
where candidate and checker share one container.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from coder.run.examples import find_examples
from coder.run.message import Outcome, Verified
from coder.run.state import State
from coder.verify.finding import NOTHING_RAN, Finding, cause_of, feedback, gist, lines_of, shorten
from coder.verify.verification import Verification
from sandbox import Assertion, Check, Result, TestFile
from sandbox.policy import keeps_apart

_OUTPUT_CHARACTERS = 4000
_SHARED_NOTE = "It was decided in the container in which the code ran."


async def verify(verification: Verification, files: Mapping[str, bytes]) -> tuple[Outcome, Result]:
    """Verify the files in the candidate's workspace; return the outcome and the program's result."""
    start_time = time.monotonic()
    state, target = verification.state, verification.target
    findings = await _findings(verification, files)
    if not keeps_apart((await verification.bench.candidate()).capabilities()):
        findings = [_limit_strength(finding) for finding in findings]
    failed = next((finding for finding in findings if not finding.passed), None)
    deciding = [finding for finding in findings if finding.verified != "none"] or findings
    strengths = {finding.strength for finding in deciding}
    result = (failed or findings[-1]).result
    outcome = Outcome(
        passed=failed is None,
        verified=(failed or deciding[0]).verified,
        strength=next((strength for strength in ("none", "inside") if strength in strengths), "outside"),
        checks=tuple(line for finding in findings for line in finding.lines),
        stdout=shorten(result.stdout, _OUTPUT_CHARACTERS),
        stderr=shorten(result.stderr, _OUTPUT_CHARACTERS),
        seconds=time.monotonic() - start_time,
    )
    remarks: dict[str, object]
    if failed is None:
        note = " ".join(finding.note for finding in findings if finding.note)
        remarks = {"note": note, "cause": "own_tests" if target.writes_tests else None}
    else:
        cause, lacks = cause_of(failed, [*state.files, *files, target.path])
        feedback_text = feedback(failed.lines, result, note=failed.note, stop=failed.stop)
        gist_text = gist(result, note=failed.note, stop=failed.stop)
        remarks = {"cause": cause, "lacks": lacks, "feedback": feedback_text, "gist": gist_text}
    return outcome.model_copy(update=remarks), result


def _limit_strength(finding: Finding) -> Finding:
    """Return a finding of a container that candidate and checker share: at most `inside`."""
    if finding.strength != "outside":
        return finding
    note = " ".join(filter(None, (finding.note, _SHARED_NOTE if finding.passed else "")))
    return replace(finding, strength="inside", note=note)


async def _findings(verification: Verification, files: Mapping[str, bytes]) -> list[Finding]:
    """Apply each check of the task until one fails; without checks, run the code.

    With a kernel the code runs as cells first; if that fails, nothing follows.
    """
    findings: list[Finding] = []
    checks_by_kind, command = _checks_by_kind(verification.state), verification.state.task.test_command
    if verification.state.settings.kernel:
        from coder.verify.run_alone import run_as_cells  # imported late: few runs have a kernel

        cell_finding = await run_as_cells(verification, files)
        if cell_finding is not None and not (cell_finding.passed and (checks_by_kind or command)):
            return [cell_finding]
        if cell_finding is not None:
            await verification.lay(files)  # the tests need the answer's files, not those that the cells left
    if command:
        from coder.verify.regressions import was_run
        from coder.verify.test_command_verifier import verify_by_command

        findings.append(await verify_by_command(verification, files))
        # If the time limit cut the command off, a file may have run in part.
        test_names = [line.name for line in findings[0].lines if not findings[0].is_cut]
        tests = [check for check in checks_by_kind.get("tests", ()) if not was_run(check.name, test_names)]
        checks_by_kind = {**checks_by_kind, "tests": tests}
    for verified, checks in checks_by_kind.items():
        if checks and all(finding.passed for finding in findings):
            findings.append(await _run_checks(verification, files, verified=verified, checks=checks))
    if not findings:
        from coder.verify.run_alone import run_code  # imported late: most tasks have checks

        findings.append(await run_code(verification, files))
    return findings


def _checks_by_kind(state: State) -> dict[Verified, Sequence[Check]]:
    """Return the checks besides a test command; the task's examples if there are no others."""
    task = state.task
    checks_by_kind: dict[Verified, Sequence[Check]] = {}
    if task.test_files:
        checks_by_kind["tests"] = [TestFile(path=test.path, source=test.text) for test in task.test_files]
    if task.checks:
        checks_by_kind["checks"] = [Assertion(source=source) for source in task.checks]
    if not task.test_command and not checks_by_kind and (examples := find_examples(task.prompt)):
        checks_by_kind["examples"] = examples
    return checks_by_kind


async def _run_checks(
    verification: Verification, files: Mapping[str, bytes], *, verified: Verified, checks: Sequence[Check]
) -> Finding:
    settings = verification.state.settings
    seconds = settings.test_timeout if verified == "tests" else settings.program_timeout
    report = await verification.run_checks(files, checks, seconds)
    is_cancelled = report.candidate.killed_by == "cancel"
    result = NOTHING_RAN if is_cancelled else report.candidate
    is_late = not report.passed and report.candidate.wall_s >= seconds
    return Finding(verified, report.passed, lines_of(report), result, report.note, is_late=is_late)
