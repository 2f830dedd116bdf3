"""Finding: the result of one run of tests, checks or the code, and its text for the next prompt."""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from coder.base.text.failure_lines import reason_line
from coder.base.text.sanitize import printable
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.message import Cause, CheckLine, Strength, Verified
from coder.source.manifests import missing_modules
from coder.verify.failure_messages import by_place, format_names, trim_message
from sandbox import CheckReport, Result

NOTHING_RAN = Result(status="ok", exit_code=None)
_MESSAGE_CHARACTERS = 1500
_OUTPUT_CHARACTERS = 600
_FIRST_MESSAGE_CHARACTERS = (2_000, 600, 600)
"""Longest messages of the first failing checks in a first prompt, in characters."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,16}\b")
"""Address of an object: it differs between processes, and would make equal requests differ."""
_RUNNER_FRAMES = re.compile(
    r"""^  File "[^"\n]*/\.coder/(?:launch|ours\.zip/\w+\.py)", line .*\n(?:    .*\n)*"""
    r"""(?:  File "(?:<frozen runpy>|[^"\n]*/runpy\.py)", line .*\n(?:    .*\n)*)*""",
    re.MULTILINE,
)
"""Frames of a traceback above the test."""


Lack = Literal["network", "service"]
"""What a failed test lacks: a host can't be looked up or reached, or answers to no connection."""


@dataclass(frozen=True, slots=True)
class ScriptProgram:
    """A Python program run by a test command's script."""

    source: str = ""
    """Source given on the command line or by standard input."""
    path: str = ""
    module: str = ""
    """The file or module that was run, if no source was given."""
    arguments: int = 0
    """Number of arguments."""
    prepared: bool = False
    """Whether the program ran in another folder than the command, or with other variables."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one run; a turn's Outcome combines all findings."""

    verified: Verified
    passed: bool
    lines: tuple[CheckLine, ...] = ()
    result: Result = NOTHING_RAN
    note: str = ""
    """Why exit code 0 is no pass, or a remark on a pass."""
    strength: Strength = "outside"
    is_late: bool = False
    """Whether the run failed after the program used up its time."""
    complete: bool = True
    """Whether the command ended by itself; False if it was ended early."""
    names_tests: bool = True
    """Whether the tests were reported one by one; if False, only the exit code is known."""
    pytest: PytestSetup | None = None
    """Source of pytest's settings, if the command runs pytest."""
    reached: frozenset[str] = frozenset()
    """Tests that failed in an assertion or an exception of the code; outside Python, with an expected
    value."""
    lacks: Mapping[str, Lack] = field(default_factory=dict)
    """What tests lack that failed for want of the network or of a service: by their exceptions in Python,
    elsewhere by the codes and classes of errors in their messages."""
    opened: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Files whose code opens or imports a file, by that file's path; only filled with `traces`."""
    programs: tuple[ScriptProgram, ...] = ()
    """Python programs that a script has run, as far as known."""
    calls: tuple[PytestCall, ...] = ()
    """A script's calls of pytest, as far as known."""
    mended: int = 0
    """Number of tests that were mended, if all that fail failed before the work; see `Outcome`."""
    running: str | None = None
    """Test that a time limit interrupted, or empty; None: not interrupted. The code can forge the name."""
    exits: frozenset[str] = frozenset()
    """Checks that failed by the exit code of a program, which has said why on stdout or stderr."""
    is_endless: bool = False
    """Whether the interrupted test took longer than a single one may."""

    @property
    def is_cut(self) -> bool:
        """Whether the time limit stopped Python tests, so that some may not have run."""
        return self.running is not None

    @property
    def stop(self) -> str:
        """Description of how the time limit stopped Python tests; empty if it didn't."""
        if self.running is None:
            return ""
        interrupted_note = (
            f" while {self.running} ran; {self.running} may not be at fault" if self.running else ""
        )
        if self.is_endless:
            return f"{self.running} was stopped, and with it the tests behind it ({len(self.lines):,} ran)."
        duration_note = f"stopped after {self.result.wall_s:.0f} s ({len(self.lines):,} tests ran)"
        return f"The whole test command was {duration_note}{interrupted_note}."

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
        """The program's output and the messages of the failures."""
        messages = [line.message for line in self.failing]
        return "\n".join([*messages, self.result.stdout, self.result.stderr])


def without_failures(run: Finding, names: Collection[str]) -> Finding:
    """Return the run without failures of these names; it passes if no other test fails."""
    lines = tuple(line for line in run.lines if line.passed or line.name not in names)
    if len(lines) == len(run.lines) or not run.complete or any(not line.passed for line in lines):
        return replace(run, lines=lines)
    result = run.result.model_copy(update={"status": "ok", "exit_code": 0})
    return replace(run, lines=lines, result=result, passed=bool(lines))


def finding_of(
    result: Result,
    lines: Sequence[CheckLine],
    *,
    complete: bool = True,
    note: str = "",
    names_tests: bool = True,
    reached_tests: set[str] | None = None,
) -> Finding:
    """Return the result of a test command, by its exit code and the reported tests."""
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
        reached=frozenset(reached_tests or ()),
    )


_NETWORK_ERROR = re.compile(
    r"\b(?:gaierror|NameResolutionError|ClientConnectorDNSError|ProxyError)\b"  # Python's exceptions
    r"|\b(?:OSError|URLError|ConnectError|ConnectionError)\b.*\[Errno (?:-2|-3|101)\]"
    r"|\b(?:ENOTFOUND|EAI_AGAIN|ENETUNREACH)\b"  # Node's codes
    r"|\bdial \w+: lookup "  # Go's net.OpError
    r"|\bjava\.net\.(?:UnknownHost|NoRouteToHost)Exception\b"
    r"|\bkind: (?:Network|Host)Unreachable\b"  # Rust's io::Error
    r"|\bcurl: \((?:5|6|7)\)"
)
_REFUSED = re.compile(
    r"\bECONNREFUSED\b|\bdial \w+ \S+: connect: |\bjava\.net\.ConnectException\b|\bkind: ConnectionRefused\b"
)
_UNREACHED_HOST = re.compile(
    r"\bhost='([\w.-]+)'|\b(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)|^curl: .* host: ([\w.-]+)", re.MULTILINE
)


def lacks_network(text: str) -> bool:
    """Whether an output tells of an error of the network."""
    return _NETWORK_ERROR.search(text) is not None


def find_lack(line: CheckLine) -> Lack | None:
    """Return what a failed test lacks, by its message; None if it compares values, or lacks nothing."""
    if line.passed or line.expected is not None:
        return None
    if lacks_network(line.message):
        return "network"
    return "service" if _REFUSED.search(line.message) else None


def cause_of(finding: Finding, own_paths: Collection[str]) -> tuple[Cause | None, tuple[str, ...]]:
    """Return the cause of a failure and the missing modules or hosts; None if the code may be at fault.

    Args:
        own_paths: the workspace's paths.
    """
    if finding.is_late or finding.result.status == "timeout":
        return ("test_timeout" if finding.verified == "tests" else "program_timeout"), ()
    modules = tuple(
        name for name in missing_modules(finding.text, own_paths) if name not in sys.stdlib_module_names
    )
    if modules:
        return "missing_module", modules
    # The output also tells of tests that were left out for want of the network.
    text = "\n".join(line.message for line in finding.failing) if finding.lacks else finding.text
    if lacks_network(text):
        hosts = ("".join(groups).rstrip(".") for groups in _UNREACHED_HOST.findall(text))
        return "network", tuple(dict.fromkeys(filter(None, hosts)))
    if finding.lacks and all(line.name in finding.lacks for line in finding.failing):
        return "service", ()
    if (
        finding.verified == "tests"
        and not finding.result.ok
        and all(line.name in finding.exits for line in finding.failing)
    ):
        return "exit", ()
    return None, ()


def limit_to_reached(finding: Finding, report: CheckReport) -> Finding:
    """Return a passed finding: at most `inside`, with a remark, if an assertion of the report never ran."""
    if not report.unreached:
        return finding
    remark = f"An assertion never ran: {shorten(min(report.unreached), _MESSAGE_CHARACTERS)}"
    strength = "inside" if finding.strength == "outside" else finding.strength
    return replace(finding, strength=strength, note=" ".join(filter(None, (finding.note, remark))))


def lines_of(report: CheckReport) -> tuple[CheckLine, ...]:
    """Return the checks of a report in the form of events."""
    return tuple(CheckLine(**result.model_dump(exclude={"cause"})) for result in report.results)


def shorten(text: str, limit: int) -> str:
    """Return the head and the tail of a long text, about `limit` characters in total."""
    text = text.strip()
    if len(text) <= limit:
        return text
    head, tail = limit // 3, limit - limit // 3
    return f"{text[:head].rstrip()}\n…\n{text[-tail:].lstrip()}"


def feedback(
    lines: Sequence[CheckLine], result: Result = NOTHING_RAN, *, note: str = "", stop: str = ""
) -> str:
    """Format a failed run for the next prompt; `stop` says how it was stopped."""
    failing_line = next((line for line in lines if not line.passed), None)
    parts, message = (
        (_format_check(failing_line, _MESSAGE_CHARACTERS), failing_line.message)
        if failing_line is not None
        else ([], "")
    )
    return _join_sections(note, parts, result, message=message, stop=stop)


def failures(
    lines: Sequence[CheckLine], result: Result = NOTHING_RAN, *, note: str = "", stop: str = ""
) -> str:
    """Format a failed run for a first prompt: names of failing checks, and the first three messages."""
    failing_lines = [line for line in lines if not line.passed]
    parts = [format_names(failing_lines)] if len(failing_lines) > 1 else []
    for (line, other_count), max_characters in zip(
        by_place(failing_lines), _FIRST_MESSAGE_CHARACTERS, strict=False
    ):
        parts += _format_check(line, max_characters)
        if other_count:
            parts.append(f"{other_count} other{'s end' if other_count > 1 else ' ends'} at the same line.")
    return _join_sections(
        note, parts, result, message="\n".join(line.message for line in failing_lines), stop=stop
    )


def _join_sections(note: str, parts: list[str], result: Result, *, message: str, stop: str) -> str:
    sections = [note] if note else []
    sections += parts
    if (reason := stop or stopped(result)) and reason not in message:
        sections.append(reason)
    if not message and result.stderr.strip():
        sections.append("stderr:\n" + shorten(result.stderr, _MESSAGE_CHARACTERS))
    if not message and result.stdout.strip():
        sections.append("stdout:\n" + shorten(result.stdout, _OUTPUT_CHARACTERS))
    return _ADDRESS.sub(" at 0x…", printable("\n".join(sections))) or "It failed without saying why."


def _format_check(check: CheckLine, max_characters: int) -> list[str]:
    """Format one failed check, with its message in about `max_characters` characters."""
    parts = [f"This check fails: {check.name}"]
    if check.path is not None and not check.message:
        parts.append(f"in {check.path}, line {check.line}")
    # A test runner's message already holds both values.
    shows_values = check.path is not None and str(check.expected) in check.message
    if (check.expected, check.actual) != (None, None) and not shows_values:
        parts.append(f"expected: {check.expected}\nactual: {check.actual}")
    if check.message:
        parts.append(shorten(trim_message(_RUNNER_FRAMES.sub("", check.message)), max_characters))
    return parts


def gist(result: Result, *, note: str = "", stop: str = "") -> str:
    """Return one line for a person if no check failed by name."""
    return note or stop or stopped(result) or reason_line(result.stderr, result.stdout)


def stopped(result: Result) -> str:
    """Return why the sandbox ended a run; empty if the run ended by itself."""
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
