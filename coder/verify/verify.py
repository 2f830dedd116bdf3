"""Verify: how a run knows that it is done. Strongest first, and all that was given must pass.

Test files, checks and examples are decided in the checker's sandbox, on values that cross by `sandbox.call`.
A test command shares its process with the code under test, so what it says is labelled `inside`.
"""

import ast
import time
from collections.abc import Mapping, Sequence

from coder.run.examples import find_examples
from coder.run.message import CheckLine, Outcome, Verified
from coder.run.state import State
from coder.source.python_names import parse_source
from coder.verify.finding import NOTHING_RAN, Finding, cause_of, feedback, gist, lines_of, shorten
from coder.verify.verification import Verification
from sandbox import Assertion, Check, Command, Result, TestFile

_OUTPUT = 4000
_NEEDS_INPUT = "EOFError: EOF when reading a line"
_KERNEL_NEEDS_INPUT = "StdinNotImplementedError: "


async def verify(on: Verification, files: Mapping[str, bytes]) -> tuple[Outcome, Result]:
    """Decide on what stands in the candidate's workspace."""
    began = time.monotonic()
    state, target = on.state, on.target
    findings = await _findings(on, files)
    lines = tuple(line for part in findings for line in part.lines)
    failed = next((part for part in findings if not part.passed), None)
    deciding = [part for part in findings if part.verified != "none"] or findings
    strengths = {part.strength for part in deciding}
    cause, lacks = cause_of(failed, [*state.files, *files, target.path]) if failed else (None, ())
    result = (failed or findings[-1]).result
    outcome = Outcome(
        passed=failed is None,
        verified=(failed or deciding[0]).verified,
        strength=next((weak for weak in ("none", "inside") if weak in strengths), "outside"),
        checks=lines,
        feedback=feedback(failed.lines, result, note=failed.note, stop=failed.stop) if failed else "",
        gist=gist(result, note=failed.note, stop=failed.stop) if failed else "",
        note="" if failed else " ".join(part.note for part in findings if part.note),
        cause="own_tests" if failed is None and target.writes_tests else cause,
        lacks=lacks,
        stdout=shorten(result.stdout, _OUTPUT),
        stderr=shorten(result.stderr, _OUTPUT),
        seconds=time.monotonic() - began,
    )
    return outcome, result


async def _findings(on: Verification, files: Mapping[str, bytes]) -> list[Finding]:
    """Apply each check of the task until one fails; without checks, run the code.

    With a kernel the code runs as cells first; if that fails, nothing follows.
    """
    findings: list[Finding] = []
    means, command = _means(on.state), on.state.task.test_command
    in_cells = await _by_cells(on, files)
    if in_cells is not None and not in_cells.passed:
        return [in_cells]
    if in_cells is not None and (means or command):
        await on.lay(files)  # they try what was answered, not what it has left
    if command:
        from coder.verify.regressions import was_run
        from coder.verify.test_command_verifier import by_command

        findings.append(await by_command(on, files))
        ran = [
            line.name for line in findings[0].lines if not findings[0].is_cut
        ]  # a file may have run in part
        tests = [one for one in means.get("tests", ()) if not was_run(one.name, ran)]
        means = {**means, "tests": tests}
    for verified, checks in means.items():
        if checks and all(part.passed for part in findings):
            findings.append(await _by_checks(on, files, verified=verified, checks=checks))
    return findings or [in_cells or await _by_running(on, files)]


def _means(state: State) -> dict[Verified, Sequence[Check]]:
    """What decides beside a test command; the task's examples where nothing else does."""
    task = state.task
    means: dict[Verified, Sequence[Check]] = {}
    if task.test_files:
        means["tests"] = [TestFile(path=test.path, source=test.text) for test in task.test_files]
    if task.checks:
        means["checks"] = [Assertion(source=source) for source in task.checks]
    if not task.test_command and not means and (examples := find_examples(task.prompt)):
        means["examples"] = examples
    return means


async def _by_checks(
    on: Verification, files: Mapping[str, bytes], *, verified: Verified, checks: Sequence[Check]
) -> Finding:
    settings = on.state.settings
    seconds = settings.test_timeout if verified == "tests" else settings.program_timeout
    report = await on.checked(files, checks, seconds)
    ended = report.candidate if report.candidate.killed_by != "cancel" else NOTHING_RAN  # not needed any more
    late = not report.passed and report.candidate.wall_s >= seconds
    return Finding(verified, report.passed, lines_of(report), ended, report.note, late=late)


async def _by_cells(on: Verification, files: Mapping[str, bytes]) -> Finding | None:
    """Run the code as cells, where a kernel was asked for."""
    settings, target = on.state.settings, on.target
    if not settings.kernel or not target.path.endswith(".py") or target.path not in files:
        return None
    if settings.may_act and on.state.task.test_command:  # it may be a module, which is no script
        return None
    from coder.environment.script_cells import cells_of
    from sandbox.kernel.kernel import run_cells

    source = files[target.path]
    cells = cells_of(source.decode("utf-8", "replace"))
    result = await run_cells(await on.bench.candidate(), cells, on_output=on.bench.on_output)
    waited = result.status == "error" and _KERNEL_NEEDS_INPUT in result.stderr[-500:]
    return _of_running(f"{target.path} as cells", source, result, waited=waited)


async def _by_running(on: Verification, files: Mapping[str, bytes]) -> Finding:
    """Without any other means the code must at least run, with its own checks."""
    target = on.target
    sandbox = await on.bench.candidate()
    if not target.path.endswith(".py") or target.path not in files:
        return Finding("none", True, strength="none")
    result = await sandbox.run(
        Command(argv=("python3", target.path)),
        limits=on.limits(on.state.settings.program_timeout),
        on_output=on.bench.on_output,
    )
    waited = result.status == "error" and result.stderr.rstrip().endswith(_NEEDS_INPUT)
    return _of_running(f"python3 {target.path}", files[target.path], result, waited=waited)


def _of_running(name: str, source: bytes, result: Result, *, waited: bool) -> Finding:
    """What code shows that was run by itself; `waited`: it ended because it asked for input."""
    passed = result.ok or waited
    if waited:
        result = result.model_copy(update={"stderr": ""})
    line = CheckLine(name=name, passed=passed, message="" if passed else result.stderr)
    verified: Verified = "self" if _checks_itself(source) and not waited else "none"
    return Finding(verified, passed, (line,), result, strength="none")


def _checks_itself(source: bytes) -> bool:
    """Whether a file asserts something when it runs."""
    tree = parse_source(source.decode("utf-8-sig", "replace"))
    return tree is not None and any(isinstance(node, ast.Assert) for node in ast.walk(tree))
