"""Finding: what one means of verifying showed, also checks from outside, and why other code would fail."""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from coder.environment.workbench import Workbench
from coder.run.message import Cause, CheckLine, Verified
from coder.run.target import Target, is_test
from coder.source.manifests import missing_modules
from sandbox import Check, CheckReport, CheckResult, Limits, Result, check


@dataclass(frozen=True, slots=True)
class Finding:
    """What one means of verifying showed."""

    verified: Verified
    passed: bool
    lines: tuple[CheckLine, ...] = ()
    result: Result | None = None
    note: str = ""
    strength: Literal["outside", "inside", "none"] = "outside"
    late: bool = False
    """It failed, and the program had used up its time."""


_NETWORK = re.compile(
    r"\b(?:gaierror|NameResolutionError|ClientConnectorDNSError|ProxyError)\b"  # Python's exceptions
    r"|\b(?:OSError|URLError|ConnectError|ConnectionError)\b.*\[Errno (?:-2|-3|101)\]"
    r"|\b(?:ENOTFOUND|EAI_AGAIN|ENETUNREACH)\b"  # Node's codes
    r"|\bcurl: \((?:5|6|7)\)"
)
"""What programs say where a name can't be resolved or no network is there, by kinds and codes."""
_HOST = re.compile(
    r"\bhost='([\w.-]+)'|\b(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)|^curl: .* host: ([\w.-]+)", re.MULTILINE
)


def cause_of(failed: Finding, own: Collection[str]) -> tuple[Cause | None, tuple[str, ...]]:
    """Why it failed, and the modules or hosts that it lacked; None where the code itself may be at fault.

    Args:
        own: paths of the workspace, and of what an answer was to write.
    """
    result = failed.result
    if failed.late or (result is not None and result.status == "timeout"):
        return ("test_timeout" if failed.verified == "tests" else "program_timeout"), ()
    said = "\n".join(line.message for line in failed.lines if not line.passed)
    if result is not None:
        said = f"{said}\n{result.stdout}\n{result.stderr}"
    modules = tuple(name for name in missing_modules(said, own) if name not in sys.stdlib_module_names)
    if modules:
        return "missing_module", modules
    if _NETWORK.search(said):
        return "network", tuple(dict.fromkeys(filter(None, map(_joined, _HOST.findall(said)))))
    return None, ()


def _joined(groups: tuple[str, ...]) -> str:
    return "".join(groups).rstrip(".")


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
