"""Finding: what one run of tests, checks or the code itself showed, and why other code might not help."""

import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coder.run.message import Cause, CheckLine, Strength, Verified
from coder.source.manifests import missing_modules
from coder.verify.feedback import NOTHING_RAN
from sandbox import CheckReport, Result


@dataclass(frozen=True, slots=True)
class Finding:
    """What one run showed; the Outcome of a turn is made of those of all means."""

    verified: Verified
    passed: bool
    lines: tuple[CheckLine, ...] = ()
    result: Result = NOTHING_RAN
    note: str = ""
    """Why a run with exit code 0 is no pass, or what a person should know of a pass."""
    strength: Strength = "outside"
    late: bool = False
    """It failed, and the program had used up its time."""
    complete: bool = True
    """The command came to its own end; False when something ended it early."""
    told: bool = True
    """Single tests were reported; False: only the exit code is known."""
    reached: frozenset[str] = frozenset()
    """Tests that failed by what the code does: an assertion, or an exception out of it; of other languages
    than Python those whose report has an expected value."""

    @property
    def failing(self) -> list[CheckLine]:
        """The checks that failed."""
        return [line for line in self.lines if not line.passed]

    @property
    def passing(self) -> set[str]:
        """Names of the checks that passed."""
        return {line.name for line in self.lines if line.passed}

    @property
    def said(self) -> str:
        """Output of the program and messages of the failures."""
        messages = [line.message for line in self.failing]
        return "\n".join([*messages, self.result.stdout, self.result.stderr])


def finding_of(
    result: Result,
    lines: Sequence[CheckLine],
    *,
    complete: bool = True,
    note: str = "",
    told: bool = True,
    reached: set[str] | None = None,
) -> Finding:
    """How a test command ended, by its exit code and the tests that it reported."""
    passed = result.ok and complete and bool(lines) and all(line.passed for line in lines)
    return Finding(
        "tests",
        passed,
        tuple(lines),
        result,
        note,
        strength="inside",
        complete=complete,
        told=told,
        reached=frozenset(reached or ()),
    )


_NETWORK = re.compile(
    r"\b(?:gaierror|NameResolutionError|ClientConnectorDNSError|ProxyError)\b"  # Python's exceptions
    r"|\b(?:OSError|URLError|ConnectError|ConnectionError)\b.*\[Errno (?:-2|-3|101)\]"
    r"|\b(?:ENOTFOUND|EAI_AGAIN|ENETUNREACH)\b"  # Node's codes
    r"|\bcurl: \((?:5|6|7)\)"
)
_HOST = re.compile(
    r"\bhost='([\w.-]+)'|\b(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)|^curl: .* host: ([\w.-]+)", re.MULTILINE
)


def cause_of(failed: Finding, own: Collection[str]) -> tuple[Cause | None, tuple[str, ...]]:
    """Why it failed and what it lacked, None if the code may be at fault; `own`: the workspace's paths."""
    if failed.late or failed.result.status == "timeout":
        return ("test_timeout" if failed.verified == "tests" else "program_timeout"), ()
    modules = tuple(name for name in missing_modules(failed.said, own) if name not in sys.stdlib_module_names)
    if modules:
        return "missing_module", modules
    if _NETWORK.search(failed.said):
        hosts = ("".join(groups).rstrip(".") for groups in _HOST.findall(failed.said))
        return "network", tuple(dict.fromkeys(filter(None, hosts)))
    return None, ()


def lines_of(report: CheckReport) -> tuple[CheckLine, ...]:
    """The checks of a report, as events keep them."""
    return tuple(CheckLine(**result.model_dump(exclude={"asserted"})) for result in report.results)
