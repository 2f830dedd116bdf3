"""Read the report of a test command: rows that keeper.py has signed, up to the first that it hasn't."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from pydantic import BaseModel, StrictBool, ValidationError

from coder.base.text.sanitize import printable
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.message import CheckLine
from coder.verify.finding import ScriptProgram
from coder.verify.reports.failures import PrintedPlaces, compared

_UNREAD = re.compile(
    r'^[ \t]*(File "[^"\n]+", line \d+)\n(?:[^\n]*\n){0,2}?[ \t]*(?:SyntaxError|IndentationError|TabError): ',
    re.MULTILINE,
)
"""Place of a syntax error, as Python prints it before the error."""


class _Row(BaseModel, frozen=True):
    """A row of a report, as the process of the code under test sent it."""

    test: str | None = None
    passed: StrictBool = False
    message: str = ""
    reached: StrictBool = False
    setup: PytestSetup | None = None
    program: ScriptProgram | None = None
    call: PytestCall | None = None
    opened: dict[str, tuple[str, ...]] | None = None
    end: int | None = None
    changed: tuple[str, ...] | None = None


@dataclass(slots=True)
class SignedReport:
    """What a report holds."""

    lines: dict[str, CheckLine] = field(default_factory=dict)
    complete: bool = False
    """It has its end."""
    reached: set[str] = field(default_factory=set)
    """Tests that failed by what the code does."""
    setup: PytestSetup | None = None
    programs: list[ScriptProgram] = field(default_factory=list)
    calls: list[PytestCall] = field(default_factory=list)
    opened: dict[str, tuple[str, ...]] = field(default_factory=dict)
    is_whole: bool = False
    """All of its rows are signed, and the files of ours are as they were."""


def read_report(content: bytes, key: bytes, places: PrintedPlaces) -> SignedReport:
    """The report up to the first row that doesn't follow from the key and the rows before it."""
    read, proof = SignedReport(), key
    for row in content.splitlines():
        signature, _, payload = row.partition(b" ")
        proof = hmac.digest(proof, payload, hashlib.sha256)
        if not hmac.compare_digest(signature, proof.hex().encode()):
            read.complete = read.is_whole = False
            return read
        try:
            entry = _Row.model_validate_json(payload[1:])
        except ValidationError:  # the code under test has sent it
            read.complete = False
            return read
        is_ours = payload.startswith(b"+")
        read.complete = is_ours and entry.end is not None
        read.is_whole = is_ours and entry.changed == ()
        _take(entry, read, places)
    return read


def _take(entry: _Row, read: SignedReport, places: PrintedPlaces) -> None:
    read.setup = entry.setup or read.setup
    read.programs += [entry.program] if entry.program is not None else []
    read.calls += [entry.call] if entry.call is not None else []
    read.opened |= entry.opened or {}
    if entry.test is None:
        return
    line = _line(entry.test, entry.passed, printable(entry.message), places)
    failed_before = line.name in read.lines and not read.lines[line.name].passed
    read.lines[line.name] = read.lines[line.name] if failed_before else line
    if entry.reached:
        read.reached.add(line.name)


def _line(name: str, passed: bool, message: str, places: PrintedPlaces) -> CheckLine:
    """One test; a traceback ends with the place, a syntax error begins with it."""
    if passed or not places.may_look(message):
        return CheckLine(name=name, passed=passed, message=message)
    unread = _UNREAD.search(message)
    path, line = places.last(message if unread is None else unread[1])
    expected, actual = compared(message)
    return CheckLine(
        name=name, passed=False, message=message, expected=expected, actual=actual, path=path, line=line
    )
