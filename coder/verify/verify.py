"""Verify: how a run knows that it is done. Strongest first, and all that was given must pass.

Test files, checks and examples are decided in the checker's sandbox, on values that come out of the
candidate's by `sandbox.call`. A test command shares its process with the code under test, so its exit
code alone proves nothing (see test_command.py), and what it says is labelled `inside`.
"""

import ast
import time
from collections.abc import Collection, Mapping, Sequence

from coder.environment.workbench import Workbench
from coder.run.examples import find_examples
from coder.run.message import Cause, CheckLine, Outcome, Verified
from coder.run.state import State
from coder.run.target import Target
from coder.verify.feedback import feedback, gist, shorten
from coder.verify.finding import Finding, cause_of, checked, line_of
from sandbox import Assertion, Check, Command, Example, Limits, Result, TestFile

_OUTPUT = 4000
_NEEDS_INPUT = "EOFError: EOF when reading a line"
_KERNEL_NEEDS_INPUT = "StdinNotImplementedError: "


async def verify(
    bench: Workbench, state: State, target: Target, files: Mapping[str, bytes]
) -> tuple[Outcome, Result | None]:
    """Decide on what stands in the candidate's workspace.

    Raises:
        SandboxError: a sandbox itself failed.
    """
    began = time.monotonic()
    seen = await _verify(bench, state, target, files)
    lines = tuple(line for part in seen for line in part.lines)
    failed = next((part for part in seen if not part.passed), None)
    findings, said = await _lint(bench, state, files) if failed is None else ((), "")
    shown = failed or seen[-1]
    cause, lacks = _cause(failed, target, {**state.files, **files})
    result = shown.result
    saying = [part for part in seen if part.verified != "none"] or seen
    strengths = {part.strength for part in saying}
    outcome = Outcome(
        passed=failed is None,
        verified=saying[0].verified if failed is None else failed.verified,
        strength="none" if "none" in strengths else "inside" if "inside" in strengths else "outside",
        checks=lines,
        feedback=said if failed is None else feedback(failed.lines, failed.result, note=failed.note),
        gist="" if failed is None else gist(failed.result, note=failed.note),
        lint=findings,
        note="" if failed is not None else " ".join(part.note for part in seen if part.note),
        cause=cause,
        lacks=lacks,
        stdout=shorten(result.stdout, _OUTPUT) if result is not None else "",
        stderr=shorten(result.stderr, _OUTPUT) if result is not None else "",
        seconds=time.monotonic() - began,
    )
    return outcome, result


def _cause(
    failed: Finding | None, target: Target, files: Collection[str]
) -> tuple[Cause | None, tuple[str, ...]]:
    if failed is not None:
        return cause_of(failed, [*files, target.path])
    return ("own_tests" if target.writes_tests else None), ()


async def _lint(
    bench: Workbench, state: State, files: Mapping[str, bytes]
) -> tuple[tuple[CheckLine, ...], str]:
    """New findings of the lint command, and what the next prompt says of them."""
    if state.task.lint_command is None:
        return (), ""
    from coder.verify.lint import lint, told

    findings = await lint(bench, state, files)
    return findings, told(findings, state.task.lint_command) if findings else ""


async def _verify(
    bench: Workbench, state: State, target: Target, files: Mapping[str, bytes]
) -> list[Finding]:
    """Each means that the task gives, until one fails; running it where there is none.

    With a kernel the code itself goes first, as cells, and where that fails, nothing follows.
    """
    seen: list[Finding] = []
    shown = await _by_cells(bench, state, target, files)
    if shown is not None and not shown.passed:
        return [shown]
    given = _given(state)
    if shown is not None and (given or state.task.test_command):
        await (await bench.candidate()).lay(files)  # they try what was answered, not what it has left
    if state.task.test_command:
        from coder.verify.regressions import was_run
        from coder.verify.test_command_verifier import by_command

        seen.append(await by_command(bench, state, target, files))
        ran = seen[0].lines
        given = [
            (verified, [one for one in checks if verified != "tests" or not was_run(one.name, ran)], seconds)
            for verified, checks, seconds in given
        ]
    for verified, checks, seconds in given:
        if checks and all(part.passed for part in seen):
            seen.append(
                await _by_checks(bench, target, files, verified=verified, checks=checks, seconds=seconds)
            )
    return seen or [shown or await _by_running(bench, state, target, files)]


def _given(state: State) -> list[tuple[Verified, Sequence[Check], float]]:
    """What decides beside a test command, each with its time; the task's examples where nothing else does."""
    task = state.task
    tests = [TestFile(path=test.path, source=test.text) for test in task.test_files]
    given: list[tuple[Verified, Sequence[Check], float]] = [
        ("tests", tests, _test_time(state)),
        ("checks", [Assertion(source=source) for source in task.checks], _program_time(state)),
    ]
    if not task.test_command and not task.test_files and not task.checks:
        given.append(("examples", _examples(task.prompt), _program_time(state)))
    return [means for means in given if means[1]]


async def _by_cells(
    bench: Workbench, state: State, target: Target, files: Mapping[str, bytes]
) -> Finding | None:
    settings = state.settings
    if not settings.kernel or not target.path.endswith(".py") or target.path not in files:
        return None
    if settings.strategy == "act" and state.task.test_command:  # it may be a module, which is no script
        return None
    source = files[target.path]
    from coder.environment.script_cells import cells_of
    from sandbox.kernel.cells import run_cells

    cells = cells_of(source.decode("utf-8", "replace"))
    result = await run_cells(await bench.candidate(), cells, on_output=bench.on_output)
    waited = waits_for_input(result)
    passed = result.ok or waited
    line = CheckLine(name=f"{target.path} as cells", passed=passed, message="" if passed else result.stderr)
    verified: Verified = "self" if _checks_itself(source) and not waited else "none"
    if waited:
        result = result.model_copy(update={"stderr": ""})
    return Finding(verified, passed, (line,), result, strength="none")


async def _by_checks(
    bench: Workbench,
    target: Target,
    files: Mapping[str, bytes],
    *,
    verified: Verified,
    checks: Sequence[Check],
    seconds: float,
) -> Finding:
    report = await checked(bench, target, files, checks, seconds)
    lines = tuple(map(line_of, report.results))
    ended = report.candidate if report.candidate.killed_by != "cancel" else None  # cancelled: not needed more
    late = not report.passed and report.candidate.wall_s >= seconds
    return Finding(verified, report.passed, lines, ended, report.note, late=late)


async def _by_running(bench: Workbench, state: State, target: Target, files: Mapping[str, bytes]) -> Finding:
    """With nothing to check it by, the code must at least run, with whatever it checks of itself."""
    seconds = _program_time(state)
    sandbox = await bench.candidate()
    if not target.path.endswith(".py") or target.path not in files:
        return Finding("none", True, strength="none")
    result = await sandbox.run(
        Command(argv=("python3", target.path)),
        limits=Limits(wall_s=seconds, cpu_s=seconds),
        on_output=bench.on_output,
    )
    waited = result.status == "error" and result.stderr.rstrip().endswith(_NEEDS_INPUT)
    checks_itself = _checks_itself(files[target.path])
    passed = result.ok or waited
    if waited:
        result = result.model_copy(update={"stderr": ""})
    line = CheckLine(name=f"python3 {target.path}", passed=passed, message="" if passed else result.stderr)
    verified: Verified = "self" if checks_itself and not waited else "none"
    return Finding(verified, passed, (line,), result, strength="none")


def _examples(prompt: str) -> list[Check]:
    found: list[Check] = []
    for example in find_examples(prompt):
        if example.want is None:
            found.append(Assertion(source=example.source))
        else:
            found.append(Example(source=example.source, want=example.want))
    return found


def _checks_itself(source: bytes) -> bool:
    """Whether a file asserts something when it runs."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def _program_time(state: State) -> float:
    return state.settings.program_timeout_s


def _test_time(state: State) -> float:
    return state.settings.test_timeout_s


def waits_for_input(result: Result) -> bool:
    """The cells ended because they asked for input, which nobody gives."""
    return result.status == "error" and _KERNEL_NEEDS_INPUT in result.stderr[-500:]
