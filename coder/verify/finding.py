"""Finding: what one means of verifying showed, and why it failed where other code would fail too."""

import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from coder.run.message import Cause, CheckLine, Verified
from coder.source.manifests import missing_modules
from sandbox import Result


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
