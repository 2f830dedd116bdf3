"""Read the report of a test command: the rows that keeper.py has signed, up to the first unsigned row."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from pydantic import BaseModel, StrictBool, ValidationError

from coder.base.text.sanitize import printable
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.message import CheckLine
from coder.verify.finding import Lack, ScriptProgram
from coder.verify.reports.failures import PrintedPlaces, compared_values

_SYNTAX_ERROR = re.compile(
    r'^[ \t]*(File "[^"\n]+", line \d+)\n(?:[^\n]*\n){0,2}?[ \t]*(?:SyntaxError|IndentationError|TabError): ',
    re.MULTILINE,
)
"""Place of a syntax error, which Python prints before the error."""


class _Row(BaseModel, frozen=True):
    """A row of a report, as the process of the code under test sent it."""

    test: str | None = None
    passed: StrictBool = False
    message: str = ""
    reached: StrictBool = False
    lack: Lack | None = None
    exit_code: int | None = None
    """Exit code of a failed script that has printed the reason."""
    setup: PytestSetup | None = None
    program: ScriptProgram | None = None
    call: PytestCall | None = None
    opened: dict[str, tuple[str, ...]] | None = None
    end: int | None = None
    """Exit code of the runner, in the last entry alone."""
    changed: tuple[str, ...] | None = None


@dataclass(slots=True)
class SignedReport:
    """The contents of a report."""

    lines: dict[str, CheckLine] = field(default_factory=dict)
    complete: bool = False
    """Whether the report has its end."""
    reached: set[str] = field(default_factory=set)
    """Tests that failed in an assertion or an exception of the code."""
    lacks: dict[str, Lack] = field(default_factory=dict)
    """What tests lack that failed for want of the network or of a service."""
    exits: set[str] = field(default_factory=set)
    """Scripts that failed by their exit code."""
    setup: PytestSetup | None = None
    programs: list[ScriptProgram] = field(default_factory=list)
    calls: list[PytestCall] = field(default_factory=list)
    opened: dict[str, tuple[str, ...]] = field(default_factory=dict)
    is_whole: bool = False
    """Whether all rows are signed, and our files are unchanged."""


def read_report(content: bytes, key: bytes, places: PrintedPlaces) -> SignedReport:
    """Return the report up to the first row whose signature doesn't follow from the key and the rows
    before.
    """
    report, proof = SignedReport(), key
    for row in content.splitlines():
        signature, _, payload = row.partition(b" ")
        proof = hmac.digest(proof, payload, hashlib.sha256)
        if not hmac.compare_digest(signature, proof.hex().encode()):
            report.complete = report.is_whole = False
            return report
        try:
            entry = _Row.model_validate_json(payload[1:])
        except ValidationError:  # the code under test has sent this row
            report.complete = False
            return report
        is_ours = payload.startswith(b"+")
        report.complete = is_ours and entry.end is not None
        report.is_whole = is_ours and entry.changed == ()
        _add_entry(entry, report, places)
    return report


def _add_entry(entry: _Row, report: SignedReport, places: PrintedPlaces) -> None:
    report.setup = entry.setup or report.setup
    report.programs += [entry.program] if entry.program is not None else []
    report.calls += [entry.call] if entry.call is not None else []
    report.opened |= entry.opened or {}
    if entry.test is None:
        return
    line = _line(entry.test, entry.passed, printable(entry.message), places)
    if entry.exit_code is not None and not entry.passed:
        line = line.model_copy(update={"expected": "exit code 0", "actual": f"exit code {entry.exit_code}"})
        report.exits.add(line.name)
    failed_before = line.name in report.lines and not report.lines[line.name].passed
    report.lines[line.name] = report.lines[line.name] if failed_before else line
    if entry.reached:
        report.reached.add(line.name)
    if entry.lack is not None:
        report.lacks[line.name] = entry.lack


def _line(name: str, passed: bool, message: str, places: PrintedPlaces) -> CheckLine:
    """Return the line of one test, with the place of its failure from the message."""
    if passed or not places.count_searched(message):
        return CheckLine(name=name, passed=passed, message=message)
    syntax_error = _SYNTAX_ERROR.search(message)
    path, line = places.last(message if syntax_error is None else syntax_error[1])
    expected, actual = compared_values(message)
    return CheckLine(
        name=name, passed=False, message=message, expected=expected, actual=actual, path=path, line=line
    )
