"""Run the code of an answer by itself: as a program if a task has no checks, or as cells of a kernel."""

import ast
from collections.abc import Mapping

from coder.run.message import CheckLine, Verified
from coder.source.python_names import parse_source
from coder.verify.finding import Finding
from coder.verify.verification import Verification
from sandbox import Command, Result

_NEEDS_INPUT = "EOFError: EOF when reading a line"
_KERNEL_NEEDS_INPUT = "StdinNotImplementedError: "


async def decide_by_cells(verification: Verification, files: Mapping[str, bytes]) -> Finding | None:
    """Run the code as cells of a kernel; return the finding, or None if the task's checks decide."""
    from coder.verify.checker_checks import checks_by_kind

    finding = await _run_as_cells(verification, files)
    state = verification.state
    if finding is None or not finding.passed or not (state.task.test_command or checks_by_kind(state)):
        return finding
    await verification.lay(files)  # the tests need the answer's files, not those that the cells left
    return None


async def _run_as_cells(verification: Verification, files: Mapping[str, bytes]) -> Finding | None:
    """Run the code as cells of a kernel; return None if the code isn't a script."""
    settings, target = verification.state.settings, verification.target
    if not target.path.endswith(".py") or target.path not in files:
        return None
    if settings.may_act and verification.state.task.test_command:
        return None  # the code may be a module instead of a script
    from coder.environment.script_cells import cells_of
    from sandbox.kernel.kernel import run_cells

    source = files[target.path]
    cells = cells_of(source.decode("utf-8", "replace"))
    result = await run_cells(
        await verification.bench.candidate(), cells, on_output=verification.bench.on_output
    )
    waited = result.status == "error" and _KERNEL_NEEDS_INPUT in result.stderr[-500:]
    return _finding_of_code(f"{target.path} as cells", source, result, waited=waited)


async def run_code(verification: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the code, with its own checks, if there are no other checks."""
    target = verification.target
    sandbox = await verification.bench.candidate()
    if not target.path.endswith(".py") or target.path not in files:
        return Finding("none", True, strength="none")
    result = await sandbox.run(
        Command(argv=("python3", target.path)),
        limits=verification.limits(verification.state.settings.program_timeout),
        on_output=verification.bench.on_output,
    )
    waited = result.status == "error" and result.stderr.rstrip().endswith(_NEEDS_INPUT)
    return _finding_of_code(f"python3 {target.path}", files[target.path], result, waited=waited)


def _finding_of_code(name: str, source: bytes, result: Result, *, waited: bool) -> Finding:
    """Return the finding of code that was run by itself.

    Args:
        waited: whether the code ended because it asked for input.
    """
    passed = result.ok or waited
    if waited:
        result = result.model_copy(update={"stderr": ""})
    line = CheckLine(name=name, passed=passed, message="" if passed else result.stderr)
    verified: Verified = "self" if _checks_itself(source) and not waited else "none"
    return Finding(verified, passed, (line,), result, strength="none")


def _checks_itself(source: bytes) -> bool:
    """Return whether a file asserts something when it runs."""
    tree = parse_source(source.decode("utf-8-sig", "replace"))
    return tree is not None and any(isinstance(node, ast.Assert) for node in ast.walk(tree))
