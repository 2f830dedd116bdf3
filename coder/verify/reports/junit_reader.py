"""JUnit XML, which most test runners can write: suites of test cases with their failures."""

from dataclasses import dataclass, field
from xml.parsers import expat

from coder.verify.reports.failures import MOST_LINES, MOST_MESSAGE, Places, Report, failed_line, passed_line

_FAILED = {"failure", "error"}
_ROOTS = {"testsuites", "testsuite"}
_DEEPEST = 64


class _Refused(Exception):
    """Not a JUnit report, or one that has no place in it for what it holds."""


@dataclass(slots=True)
class _Case:
    name: str
    classname: str
    path: str
    line: int | None
    failed: bool = False
    skipped: bool = False
    told: list[str] = field(default_factory=list)


def read_junit(content: bytes, places: Places) -> Report | None:
    """Tests as `classname::name`. None where it isn't JUnit XML, or has a document type (and so entities)."""
    reader = _Reader()
    try:
        reader.read(content)
    except _Refused:
        return None
    lines = []
    for case in reader.cases:
        name = f"{case.classname}::{case.name}" if case.classname else case.name
        if case.failed:
            path = places.resolve(case.path) if case.path else None
            lines.append(
                failed_line(name, "".join(case.told), places, path=path, line=case.line if path else None)
            )
        elif not case.skipped:
            lines.append(passed_line(name))
    return Report(tuple(lines), complete=reader.complete)


class _Reader:
    def __init__(self) -> None:
        self.cases: list[_Case] = []
        self.complete = False
        self._open: list[str] = []
        self._case: _Case | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def read(self, content: bytes) -> None:
        try:
            self._parser.Parse(content, True)
            self.complete = True
        except (expat.ExpatError, ValueError) as error:
            if not self.cases:
                raise _Refused from error

    def _refuse(self, *_: object) -> None:
        raise _Refused

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if (not self._open and name not in _ROOTS) or len(self._open) == _DEEPEST:
            raise _Refused
        self._open.append(name)
        if name == "testcase" and len(self.cases) < MOST_LINES:
            line = attributes.get("line", "")
            self._case = _Case(
                attributes.get("name", ""),
                attributes.get("classname", ""),
                attributes.get("file", ""),
                int(line) if line.isdecimal() and len(line) < 8 else None,
            )
            self.cases.append(self._case)
        elif self._case is not None and name in _FAILED:
            self._case.failed = True
            if message := attributes.get("message"):
                self._tell(message + "\n")
        elif self._case is not None and name == "skipped":
            self._case.skipped = True

    def _end(self, name: str) -> None:
        self._open.pop()
        if name == "testcase":
            self._case = None

    def _text(self, text: str) -> None:
        if self._open and self._open[-1] in _FAILED:
            self._tell(text)

    def _tell(self, text: str) -> None:
        if self._case is not None and sum(map(len, self._case.told)) < 2 * MOST_MESSAGE:
            self._case.told.append(text)
