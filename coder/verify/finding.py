"""Finding: what one run of tests, checks or the code showed, and what the next prompt quotes of it."""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from coder.base.text.sanitize import printable
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.message import Cause, CheckLine, Strength, Verified
from coder.source.manifests import missing_modules
from coder.verify.failure_messages import by_place, names, trimmed
from sandbox import CheckReport, Result

NOTHING_RAN = Result(status="ok", exit_code=None)
_MESSAGE = 1500
_OUTPUT = 600
_FIRST_MESSAGES = (2_000, 600, 600)
"""Characters of the messages of the first checks that fail, in a first prompt."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,16}\b")
"""Address of an object: it differs in each process, and so would requests about the same failure."""
_RUNNER = re.compile(
    r"""^  File "[^"\n]*/\.coder/(?:launch|ours\.zip/\w+\.py)", line .*\n(?:    .*\n)*"""
    r"""(?:  File "(?:<frozen runpy>|[^"\n]*/runpy\.py)", line .*\n(?:    .*\n)*)*""",
    re.MULTILINE,
)
"""Frames of a traceback that run the test."""


@dataclass(frozen=True, slots=True)
class ScriptProgram:
    """A Python program run by a test command's script."""

    source: str = ""
    """Given on the command line or by standard input."""
    path: str = ""
    module: str = ""
    """Or the file or module that was run."""
    arguments: int = 0
    """Number of them."""
    prepared: bool = False
    """It ran in another folder than the command's, or with other variables."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one run showed; a turn's Outcome is made of all findings."""

    verified: Verified
    passed: bool
    lines: tuple[CheckLine, ...] = ()
    result: Result = NOTHING_RAN
    note: str = ""
    """Why exit code 0 is no pass, or what a person should know of a pass."""
    strength: Strength = "outside"
    late: bool = False
    """It failed, and the program had used up its time."""
    complete: bool = True
    """The command came to its own end; False when something ended it early."""
    names_tests: bool = True
    """Single tests were reported; if False, only the exit code is known."""
    pytest: PytestSetup | None = None
    """Where pytest took its settings from, if the command is pytest's."""
    reached: frozenset[str] = frozenset()
    """Tests that failed by an assertion or an exception of the code; beyond Python, by an expected value."""
    opened: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Files whose code opens or imports a file, by that file's path; only where it was asked for."""
    programs: tuple[ScriptProgram, ...] = ()
    """Python programs that a script has run, as far as that is known."""
    calls: tuple[PytestCall, ...] = ()
    """Its calls of pytest, as far as they are known."""
    running: str | None = None
    """Where the time limit stopped Python tests: the test that ran then, or empty; the code can forge it."""

    @property
    def is_cut(self) -> bool:
        """The time limit stopped Python tests, so that some may not have run."""
        return self.running is not None

    @property
    def stop(self) -> str:
        """How the time limit stopped Python tests; empty where it didn't."""
        if self.running is None:
            return ""
        during = f" while {self.running} ran; {self.running} may not be at fault" if self.running else ""
        ended = f"stopped after {self.result.wall_s:.0f} s ({len(self.lines):,} tests ran)"
        return f"The whole test command was {ended}{during}."

    @property
    def failing(self) -> list[CheckLine]:
        """The checks that failed."""
        return [line for line in self.lines if not line.passed]

    @property
    def passing(self) -> set[str]:
        """Names of the checks that passed."""
        return {line.name for line in self.lines if line.passed}

    @property
    def text(self) -> str:
        """Output of the program and messages of the failures."""
        messages = [line.message for line in self.failing]
        return "\n".join([*messages, self.result.stdout, self.result.stderr])


def finding_of(
    result: Result,
    lines: Sequence[CheckLine],
    *,
    complete: bool = True,
    note: str = "",
    names_tests: bool = True,
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
        names_tests=names_tests,
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
    modules = tuple(name for name in missing_modules(failed.text, own) if name not in sys.stdlib_module_names)
    if modules:
        return "missing_module", modules
    if _NETWORK.search(failed.text):
        hosts = ("".join(groups).rstrip(".") for groups in _HOST.findall(failed.text))
        return "network", tuple(dict.fromkeys(filter(None, hosts)))
    return None, ()


def lines_of(report: CheckReport) -> tuple[CheckLine, ...]:
    """The checks of a report, as events keep them."""
    return tuple(CheckLine(**result.model_dump(exclude={"asserted"})) for result in report.results)


def shorten(text: str, limit: int) -> str:
    """Head and tail of a long text, at most about `limit` characters."""
    text = text.strip()
    if len(text) <= limit:
        return text
    head, tail = limit // 3, limit - limit // 3
    return f"{text[:head].rstrip()}\n…\n{text[-tail:].lstrip()}"


def feedback(
    lines: Sequence[CheckLine], result: Result = NOTHING_RAN, *, note: str = "", stop: str = ""
) -> str:
    """Format a failed run for the next prompt; `stop` says how it was stopped."""
    failed = next((line for line in lines if not line.passed), None)
    parts, message = (_of_check(failed, _MESSAGE), failed.message) if failed is not None else ([], "")
    return _joined(note, parts, result, message=message, stop=stop)


def failures(
    lines: Sequence[CheckLine], result: Result = NOTHING_RAN, *, note: str = "", stop: str = ""
) -> str:
    """What a first prompt quotes of a failed run: names of checks that fail, and the first three messages."""
    failed = [line for line in lines if not line.passed]
    parts = [names(failed)] if len(failed) > 1 else []
    for (line, others), most in zip(by_place(failed), _FIRST_MESSAGES, strict=False):
        parts += _of_check(line, most)
        if others:
            parts.append(f"{others} other{'s end' if others > 1 else ' ends'} at the same line.")
    return _joined(note, parts, result, message="\n".join(line.message for line in failed), stop=stop)


def _joined(note: str, parts: list[str], result: Result, *, message: str, stop: str) -> str:
    every = [note] if note else []
    every += parts
    if (why := stop or stopped(result)) and why not in message:
        every.append(why)
    if not message and result.stderr.strip():
        every.append("stderr:\n" + shorten(result.stderr, _MESSAGE))
    if not message and result.stdout.strip():
        every.append("stdout:\n" + shorten(result.stdout, _OUTPUT))
    return _ADDRESS.sub(" at 0x…", printable("\n".join(every))) or "It failed without saying why."


def _of_check(failed: CheckLine, most: int) -> list[str]:
    """One failed check, its message in about `most` characters."""
    parts = [f"This check fails: {failed.name}"]
    if failed.path is not None and not failed.message:
        parts.append(f"in {failed.path}, line {failed.line}")
    # A test runner's message gives both values itself.
    is_said = failed.path is not None and str(failed.expected) in failed.message
    if (failed.expected, failed.actual) != (None, None) and not is_said:
        parts.append(f"expected: {failed.expected}\nactual: {failed.actual}")
    if failed.message:
        parts.append(shorten(trimmed(_RUNNER.sub("", failed.message)), most))
    return parts


def gist(result: Result, *, note: str = "", stop: str = "") -> str:
    """One line for a person where no check failed by name."""
    return note or stop or stopped(result) or last_line(result.stderr) or last_line(result.stdout)


def last_line(text: str) -> str:
    """The last line that isn't blank."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def stopped(result: Result) -> str:
    """Why the sandbox ended it; empty where it ended by itself."""
    match result.status:
        case "timeout":
            return f"It was stopped after {result.wall_s:.0f} s: it does not end, or is far too slow."
        case "oom":
            return "It was stopped because it used too much memory."
        case "output_limit":
            return "It was stopped because it printed without end."
        case "killed":
            return "It was killed."
        case _:
            return ""
