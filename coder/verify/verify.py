"""Verify the code of a run: the strongest check first, and all given checks must pass.

Test files, checks and examples are decided in the checker's sandbox, on values that cross by `sandbox.call`.
A test command shares its process with the code under test, so its strength is `inside`. So is every strength
where candidate and checker share one container.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

from coder.run.message import Outcome
from coder.verify.checker_checks import verify_by_checks
from coder.verify.finding import Finding, cause_of, failures, feedback, gist, shorten
from coder.verify.run_alone import decide_by_cells, run_code
from coder.verify.test_command_verifier import verify_by_command
from coder.verify.verification import Verification
from sandbox import Result
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
        describe = failures if failed.mended else feedback
        feedback_text = describe(failed.lines, result, note=failed.note, stop=failed.stop)
        remarks = {"cause": cause, "lacks": lacks, "feedback": feedback_text, "mended": failed.mended}
        remarks["gist"] = gist(result, note=failed.note, stop=failed.stop)
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
    task = verification.state.task
    uses_cells = verification.state.settings.kernel
    if uses_cells and (cell_finding := await decide_by_cells(verification, files)) is not None:
        return [cell_finding]
    findings: list[Finding] = []
    if task.test_command:
        findings.append(await verify_by_command(verification, files))
    if task.test_files or task.checks or task.found or not task.test_command:
        findings += await verify_by_checks(verification, files, findings[0] if findings else None)
    if not findings:
        findings.append(await run_code(verification, files))
    return findings
