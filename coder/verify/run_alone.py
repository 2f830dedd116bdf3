"""Run the code of an answer by itself: as a program if a task has no checks, or as cells of a kernel."""

import ast
from collections.abc import Mapping

from coder.run.message import CheckLine, Verified
from coder.source.python_names import parse_source
from coder.verify.finding import Finding, gist
from coder.verify.verification import Verification
from sandbox import Command, Result

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
    if result.status == "error" and _KERNEL_NEEDS_INPUT in result.stderr[-500:]:
        return Finding("none", True, (), result, strength="none")
    return _finding_of_code(f"{target.path} as cells", source, result)


async def run_code(verification: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the code without arguments if there are no checks, which decides nothing: programs may need some.

    Only code that isn't Python fails.
    """
    target = verification.target
    sandbox = await verification.bench.candidate()
    if not target.path.endswith(".py") or target.path not in files:
        return Finding("none", True, strength="none")
    name, source = f"python3 {target.path}", files[target.path]
    result = await sandbox.run(
        Command(argv=("python3", target.path)),
        limits=verification.limits(verification.state.settings.program_timeout),
        on_output=verification.bench.on_output,
    )
    if result.ok or _parsed(source) is None:
        return _finding_of_code(name, source, result)
    how = gist(result) or f"exit code {result.exit_code}"
    return Finding("none", True, (), result, f"`{name}` without arguments: {how}", strength="none")


def _finding_of_code(name: str, source: bytes, result: Result) -> Finding:
    """Return the finding of code that was run by itself."""
    line = CheckLine(name=name, passed=result.ok, message="" if result.ok else result.stderr)
    verified: Verified = "self" if _checks_itself(source) else "none"
    return Finding(verified, result.ok, (line,), result, strength="none")


def _parsed(source: bytes) -> ast.Module | None:
    return parse_source(source.decode("utf-8-sig", "replace"))


def _checks_itself(source: bytes) -> bool:
    """Return whether a file asserts something when it runs."""
    tree = _parsed(source)
    return tree is not None and any(isinstance(node, ast.Assert) for node in ast.walk(tree))
