"""Readers of `go test -json`, cargo's output, jest's JSON and JUnit XML; None for what is no such report."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from coder.run.message import CheckLine
from coder.verify.reports.failures import (
    MOST_LINES,
    MOST_MESSAGE,
    PrintedPlaces,
    RunnerReport,
    failed_line,
    passed_line,
)

_NAME = 500
_DEEPEST = 64
_GO_NOISE = ("=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "--- FAIL", "--- PASS", "FAIL\t", "ok  \t")


def read_go(text: str, places: PrintedPlaces) -> RunnerReport | None:
    """Tests as `package.Test/sub`; a package that can't be built is one failed line (`go doc test2json`).

    A parent that fails only because of a subtest is left out: the subtest says why.
    """
    output: dict[tuple[str, str], list[str]] = {}
    ended: dict[tuple[str, str], bool] = {}
    """By package and test; the package itself has the empty test."""
    events = _go_events(text)
    for event in events:
        action = event["Action"]
        package = str(event.get("Package") or str(event.get("ImportPath") or "").partition(" ")[0])
        key = package, str(event.get("Test") or "")[:_NAME]
        if action in ("output", "build-output"):
            output.setdefault(key, []).append(str(event.get("Output", "")))
        elif action in ("pass", "fail", "build-fail") and len(ended) < MOST_LINES:
            ended[key] = action == "pass"
    if not events:
        return None
    failed = [key for key, passed in ended.items() if not passed and key[1]]
    explained = {_above(key, ended) for key in failed} | {(package, "") for package, _ in failed}
    lines = []
    for key, passed in ended.items():
        package, test = key
        name = f"{package}.{test}" if test else package
        if not passed and key not in explained:
            pieces = [piece for piece in output.get(key, ()) if not piece.strip().startswith(_GO_NOISE)]
            lines.append(failed_line(name, "".join(pieces), places, folder=package))
        elif passed and test:
            lines.append(passed_line(name))
    return RunnerReport(tuple(lines), complete=any(not test for _, test in ended))


def _above(key: tuple[str, str], ended: Collection[tuple[str, str]]) -> tuple[str, str]:
    """The nearest test that a subtest is part of; its package where none is known."""
    package, test = key
    for _ in range(_DEEPEST):
        test = test.rpartition("/")[0]
        if not test or (package, test) in ended:
            break
    return package, test


def render_go(text: str) -> str:
    """Convert the output to that of a run without `-json`."""
    pieces = [str(event.get("Output", "")) for event in _go_events(text)]
    pieces += [f"{line}\n" for line in text.splitlines() if not line.startswith("{")]
    return "".join(pieces)


def _go_events(text: str) -> list[dict[str, Any]]:
    events = []
    for line in text.splitlines():
        try:
            event = json.loads(line) if line.startswith("{") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("Action"), str):
            events.append(event)
    return events


_CARGO_TEST = re.compile(r"^test (?P<name>.+?)(?: - should panic)? \.\.\. (?P<how>ok|FAILED|ignored)\b")
_CARGO_SAID = re.compile(r"^---- (?P<name>.+) (?:stdout|stderr) ----$")
_CARGO_BUILD = re.compile(
    r"^error(?:\[E\d+\])?: (?P<what>[^\n]+)\n\s*--> (?P<path>[^\n:]+):(?P<line>\d+)", re.MULTILINE
)
_BACKTRACE = re.compile(r"^stack backtrace:\n(?:(?:   |note: ).*\n?)*", re.MULTILINE)


def read_cargo(stdout: str, stderr: str, places: PrintedPlaces) -> RunnerReport | None:
    """Tests by their paths in the crate; code that can't be compiled is one failed line each error."""
    lines = _cargo_tests(stdout, places)
    if lines is None and (errors := list(_CARGO_BUILD.finditer(stderr))):
        lines = [
            failed_line(
                f"error: {match['what']}",
                stderr[match.start() : match.end() + 1500],
                places,
                path=places.resolve(match["path"].strip()),
                line=int(match["line"]),
            )
            for match in errors[:20]
        ]
    return RunnerReport(tuple(lines[:MOST_LINES])) if lines is not None else None


def _cargo_tests(stdout: str, places: PrintedPlaces) -> list[CheckLine] | None:
    how: dict[str, bool] = {}
    output: dict[str, list[str]] = {}
    about: list[str] | None = None
    is_report = False
    for line in stdout.splitlines():
        if test := _CARGO_TEST.match(line):
            about = None
            if test["how"] != "ignored":
                how[test["name"]] = test["how"] == "ok" and how.get(test["name"], True)
        elif heading := _CARGO_SAID.match(line):
            about = output.setdefault(heading["name"], [])
        elif line == "failures:" or line.startswith("test result: "):
            is_report, about = True, None
        elif about is not None:
            about.append(line)
        is_report = is_report or line.startswith("running ")
    if not is_report:
        return None
    messages = {name: _BACKTRACE.sub("", "\n".join(lines)) for name, lines in output.items()}
    return [
        passed_line(name) if passed else failed_line(name, messages.get(name, ""), places)
        for name, passed in how.items()
    ]


def read_jest(text: str, places: PrintedPlaces) -> RunnerReport | None:
    """Tests as `file > describe > name`; a file that can't be run is one failed line."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("testResults"), list):
        return None
    lines = []
    for file in filter(_is_object, document["testResults"]):
        printed = str(file.get("name", ""))
        path = places.resolve(printed) or printed
        tests = [test for test in file.get("assertionResults") or [] if _is_object(test)]
        for test in tests[:MOST_LINES]:
            name = " > ".join([path, *map(str, test.get("ancestorTitles") or []), str(test.get("title", ""))])
            if test.get("status") == "passed":
                lines.append(passed_line(name))
            elif test.get("status") == "failed":
                message = "\n".join(map(str, test.get("failureMessages") or []))
                lines.append(failed_line(name, message, places))
        if file.get("status") == "failed" and all(test.get("status") != "failed" for test in tests):
            lines.append(failed_line(path, str(file.get("message", "")), places))
    return RunnerReport(tuple(lines[:MOST_LINES]))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


class _Refused(Exception):
    """It has a document type (and so entities), another root, or too deep elements."""


@dataclass(slots=True)
class _Case:
    attributes: dict[str, str]
    failed: bool = False
    skipped: bool = False
    texts: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        if sum(map(len, self.texts)) < 2 * MOST_MESSAGE:
            self.texts.append(text)

    def line(self, places: PrintedPlaces) -> CheckLine:
        name, folder = self.attributes.get("name", ""), self.attributes.get("classname")
        name = f"{folder}::{name}" if folder else name
        if not self.failed:
            return passed_line(name)
        file, line = self.attributes.get("file"), self.attributes.get("line", "")
        path = places.resolve(file) if file else None
        at = int(line) if path and line.isdecimal() and len(line) < 8 else None
        return failed_line(name, "".join(self.texts), places, path=path, line=at)


class _Cases:
    """Handlers of an XML parser that collect test cases."""

    def __init__(self) -> None:
        self.cases: list[_Case] = []
        self._open: list[str] = []
        self._case: _Case | None = None

    def doctype(self, *_: object) -> None:
        raise _Refused

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if (not self._open and tag not in ("testsuites", "testsuite")) or len(self._open) == _DEEPEST:
            raise _Refused
        self._open.append(tag)
        if tag == "testcase" and len(self.cases) < MOST_LINES:
            self._case = _Case(attributes)
            self.cases.append(self._case)
        elif self._case is not None and tag in ("failure", "error"):
            self._case.failed = True
            if message := attributes.get("message"):
                self._case.tell(f"{message}\n")
        elif self._case is not None and tag == "skipped":
            self._case.skipped = True

    def end(self, tag: str) -> None:
        self._open.pop()
        if tag == "testcase":
            self._case = None

    def data(self, text: str) -> None:
        if self._case is not None and self._open[-1] in ("failure", "error"):
            self._case.tell(text)


def read_junit(content: bytes, places: PrintedPlaces) -> RunnerReport | None:
    """Tests as `classname::name`, as far as the document can be read."""
    cases, complete = _Cases(), True
    parser = expat.ParserCreate()  # knows no namespaces: names are read as they are written
    parser.StartDoctypeDeclHandler, parser.CharacterDataHandler = cases.doctype, cases.data
    parser.StartElementHandler, parser.EndElementHandler = cases.start, cases.end
    try:
        parser.Parse(content, True)
    except _Refused:
        return None
    except (expat.ExpatError, ValueError, LookupError):
        complete = False
    lines = tuple(case.line(places) for case in cases.cases if case.failed or not case.skipped)
    return RunnerReport(lines, complete=complete) if complete or cases.cases else None
