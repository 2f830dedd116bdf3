"""Checks that are decided in the checker's sandbox, outside of the candidate's process."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from coder.environment.workbench import Workbench
from coder.run.message import CheckLine
from coder.run.target import Target, is_test
from sandbox import Check, CheckReport, CheckResult, Limits, check


async def checked(
    bench: Workbench, target: Target, files: Mapping[str, bytes], checks: Sequence[Check], seconds: float
) -> CheckReport:
    """What the checks show, run from the checker's sandbox.

    Raises:
        SandboxError: a sandbox itself failed.
    """
    return await check(
        await bench.candidate(),
        await bench.checker(),
        checks,
        module=target.module,
        provides=modules_of(files),
        limits=Limits(wall_s=seconds, cpu_s=seconds),
    )


def line_of(result: CheckResult) -> CheckLine:
    """What a check showed, as events keep it."""
    return CheckLine(**result.model_dump(exclude={"asserted"}))


def modules_of(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Top-level modules of the workspace that tests may import from the candidate, wherever their folder is.

    One in `src` or any other folder may be on the path: without its name here, a copy of it that is installed
    would be tested instead.
    """
    paths = [PurePosixPath(path) for path in files if path.endswith(".py") and not is_test(path)]
    names = (name for path in paths for name in (path.parts[0].removesuffix(".py"), _top(path, files)))
    return tuple(dict.fromkeys(names))


def _top(path: PurePosixPath, files: Collection[str]) -> str:
    """The outermost package around a file; its own name where it is in none."""
    folders = [folder for folder in path.parents if folder.name and str(folder / "__init__.py") in files]
    if path.parts[0] == "src" and len(path.parts) > 2:
        return path.parts[1]  # it may be a package without that file
    return folders[-1].name if folders else path.stem
