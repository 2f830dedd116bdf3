"""Read reports: `go test -json`, cargo's output, JSON of jest and mocha, JUnit XML; None for other text."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.parsers import expat

from coder.run.message import CheckLine
from coder.verify.reports.failures import (
    MAX_LINES,
    MAX_MESSAGE,
    PrintedPlaces,
    RunnerReport,
    failed_line,
    passed_line,
)

_NAME_CHARACTERS = 500
_MAX_DEPTH = 64
_PRINTED_CHARACTERS = 1_000
"""Characters of what a file of tests has printed that are quoted where it can't be loaded."""
_MOST_DOCUMENTS = 50
"""Number of JSON documents at the end of an output among which the report is looked for."""
_GO_NOISE = ("=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "--- FAIL", "--- PASS", "FAIL\t", "ok  \t")


def read_go(text: str, places: PrintedPlaces) -> RunnerReport | None:
    """Read tests as `package.Test/sub`; a package that can't be built is one failed line (`go doc
    test2json`).

    A parent that fails only because of a subtest is left out, as the subtest has the reason.
    """
    output: dict[tuple[str, str], list[str]] = {}
    running: dict[tuple[str, str], None] = {}
    results: dict[tuple[str, str], bool] = {}
    """Results by package and test; the test name is empty for the package itself."""
    events = _go_events(text)
    for event in events:
        action = event["Action"]
        package = str(event.get("Package") or str(event.get("ImportPath") or "").partition(" ")[0])
        key = package, str(event.get("Test") or "")[:_NAME_CHARACTERS]
        if action in ("output", "build-output"):
            output.setdefault(key, []).append(str(event.get("Output", "")))
        elif action == "run" and len(running) < MAX_LINES:
            running[key] = None
        elif action in ("pass", "fail", "build-fail") and len(results) < MAX_LINES:
            results[key] = action == "pass"
    if not events:
        return None
    failed_keys = [key for key, passed in results.items() if not passed and key[1]]
    explained_keys = {_parent_key(key, results) for key in failed_keys} | {
        (package, "") for package, _ in failed_keys
    }
    lines = []
    for key, passed in results.items():
        package, test = key
        name = f"{package}.{test}" if test else package
        if not passed and key not in explained_keys:
            lines.append(failed_line(name, _without_noise(output.get(key, ())), places, folder=package))
        elif passed and test:
            lines.append(passed_line(name))
    parents = {_parent_key(key, running) for key in running if key not in results}
    unfinished = [
        failed_line(f"{key[0]}.{key[1]}", _without_noise(output.get(key, ())), places, folder=key[0])
        for key in running
        if key not in results and key not in parents
    ]
    return RunnerReport(
        tuple(lines), complete=any(not test for _, test in results), running=tuple(unfinished)
    )


def _without_noise(pieces: Iterable[str]) -> str:
    return "".join(piece for piece in pieces if not piece.strip().startswith(_GO_NOISE))


def _parent_key(key: tuple[str, str], known_keys: Collection[tuple[str, str]]) -> tuple[str, str]:
    """Return the nearest known test that contains a subtest; its package if there is none."""
    package, test = key
    for _ in range(_MAX_DEPTH):
        test = test.rpartition("/")[0]
        if not test or (package, test) in known_keys:
            break
    return package, test


def render_go(text: str) -> str:
    """Return the output as a run without `-json` prints it."""
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
_CARGO_RUNS = re.compile(r"^test (?P<name>.+?) has been running for over 60 seconds$")
_CARGO_SAID = re.compile(r"^---- (?P<name>.+) (?:stdout|stderr) ----$")
_CARGO_BUILD = re.compile(
    r"^error(?:\[E\d+\])?: (?P<what>[^\n]+)\n\s*--> (?P<path>[^\n:]+):(?P<line>\d+)", re.MULTILINE
)
_BACKTRACE = re.compile(r"^stack backtrace:\n(?:(?:   |note: ).*\n?)*", re.MULTILINE)


def read_cargo(stdout: str, stderr: str, places: PrintedPlaces) -> RunnerReport | None:
    """Read tests by their paths in the crate; each compile error is one failed line."""
    lines, running = _cargo_tests(stdout, places)
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
    return RunnerReport(tuple(lines[:MAX_LINES]), running=tuple(running)) if lines is not None else None


def _cargo_tests(stdout: str, places: PrintedPlaces) -> tuple[list[CheckLine] | None, list[CheckLine]]:
    """Return the tests that ended (None: none was begun), and those that ran for a minute without end."""
    running: dict[str, None] = {}
    results: dict[str, bool] = {}
    output: dict[str, list[str]] = {}
    section: list[str] | None = None
    is_report = False
    for line in stdout.splitlines():
        if test := _CARGO_TEST.match(line):
            section = None
            if test["how"] != "ignored":
                results[test["name"]] = test["how"] == "ok" and results.get(test["name"], True)
        elif slow := _CARGO_RUNS.match(line):
            running[slow["name"]] = None
        elif heading := _CARGO_SAID.match(line):
            section = output.setdefault(heading["name"], [])
        elif line == "failures:" or line.startswith("test result: "):
            is_report, section = True, None
        elif section is not None:
            section.append(line)
        is_report = is_report or line.startswith("running ")
    if not is_report:
        return None, []
    messages = {name: _BACKTRACE.sub("", "\n".join(lines)) for name, lines in output.items()}
    lines = [
        passed_line(name) if passed else failed_line(name, messages.get(name, ""), places)
        for name, passed in results.items()
    ]
    return lines, [failed_line(name, "", places) for name in running if name not in results]


def read_jest(text: str, places: PrintedPlaces) -> RunnerReport | None:
    """Read tests as `file > describe > name`; a file that can't be run is one failed line."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("testResults"), list):
        return None
    lines = []
    for file in filter(_is_object, document["testResults"]):
        printed_path = str(file.get("name", ""))
        path = places.resolve(printed_path) or printed_path
        tests = [test for test in _items(file.get("assertionResults")) if _is_object(test)]
        for test in tests[:MAX_LINES]:
            name = " > ".join(
                [path, *map(str, _items(test.get("ancestorTitles"))), str(test.get("title", ""))]
            )
            if test.get("status") == "passed":
                lines.append(passed_line(name))
            elif test.get("status") == "failed":
                message = "\n".join(map(str, _items(test.get("failureMessages"))))
                lines.append(failed_line(name, message, places))
        if file.get("status") == "failed" and all(test.get("status") != "failed" for test in tests):
            lines.append(failed_line(path, str(file.get("message", "")), places))
    return RunnerReport(tuple(lines[:MAX_LINES]))


def read_mocha(text: str, places: PrintedPlaces) -> RunnerReport | None:
    """Read mocha's report of `--reporter json`, behind what else is printed, as full titles."""
    document = _mocha_document(text)[1]
    if document is None:
        return None
    lines = []
    skipped = {str(test.get("fullTitle")) for test in filter(_is_object, _items(document.get("pending")))}
    for test in [test for test in document["tests"] if _is_object(test)][:MAX_LINES]:
        name, error = str(test.get("fullTitle", ""))[:_NAME_CHARACTERS], test.get("err")
        if isinstance(error, dict) and error:
            lines.append(failed_line(name, _mocha_message(error), places))
        elif name not in skipped:
            lines.append(passed_line(name))
    stats = document.get("stats")
    failures = stats.get("failures") if isinstance(stats, dict) else None
    failed = sum(not line.passed for line in lines)
    return RunnerReport(tuple(lines), complete=failures == failed)


def render_mocha(text: str) -> str:
    """Return the output with the failures and the counts in place of the JSON."""
    printed, document = _mocha_document(text)
    if document is None:
        return text
    failures = [test for test in document["tests"] if _is_object(test) and test.get("err")]
    told = [f"  {test.get('fullTitle', '')}\n    {_mocha_message(test['err'])}\n" for test in failures]
    passing = len(_items(document.get("passes")))
    return f"{printed}{''.join(told)}  {passing} passing\n  {len(failures)} failing\n"


def _mocha_message(error: object) -> str:
    """Return a failure's stack, which begins with its message, and the compared values."""
    if not isinstance(error, dict):
        return ""
    text = str(error.get("stack") or error.get("message") or "")
    values = "\n".join(f"{key}: {error[key]}" for key in ("actual", "expected") if key in error)
    return f"{text}\n{values}" if values.count("\n") == 1 else text


def _mocha_document(text: str) -> tuple[str, dict[str, Any] | None]:
    """Return what is printed before mocha's report, the last document, and the report; None without one."""
    for match in [*re.finditer(r"^\{", text, re.MULTILINE)][: -_MOST_DOCUMENTS - 1 : -1]:
        try:
            document, _ = json.JSONDecoder().raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and isinstance(document.get("tests"), list) and "stats" in document:
            return text[: match.start()], document
    return text, None


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _items(value: object) -> list[Any]:
    """Return a value that is a list, as the judged code may have written another one."""
    return value if isinstance(value, list) else []


class _RefusedDocument(Exception):
    """The document has a document type (and so entities), another root, or elements nested too deeply."""


@dataclass(slots=True)
class _Case:
    attributes: dict[str, str]
    failed: bool = False
    skipped: bool = False
    texts: list[str] = field(default_factory=list)
    length: int = 0

    def tell(self, text: str) -> None:
        if self.length < 2 * MAX_MESSAGE:
            self.texts.append(text)
            self.length += len(text)

    def line(self, places: PrintedPlaces) -> CheckLine:
        name, class_name = self.attributes.get("name", ""), self.attributes.get("classname")
        name = f"{class_name}::{name}" if class_name else name
        if not self.failed:
            return passed_line(name)
        file, line = self.attributes.get("file"), self.attributes.get("line", "")
        path = places.resolve(file) if file else None
        line_number = int(line) if path and line.isdecimal() and len(line) < 8 else None
        return failed_line(name, "".join(self.texts), places, path=path, line=line_number)


class _Cases:
    """Handlers of an XML parser that collect test cases."""

    def __init__(self) -> None:
        self.cases: list[_Case] = []
        self._open: list[str] = []
        self._case: _Case | None = None

    def doctype(self, *_: object) -> None:
        raise _RefusedDocument

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if (not self._open and tag not in ("testsuites", "testsuite")) or len(self._open) == _MAX_DEPTH:
            raise _RefusedDocument
        self._open.append(tag)
        if tag == "testcase" and len(self.cases) < MAX_LINES:
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


def read_node(content: bytes, printed: str, places: PrintedPlaces) -> RunnerReport | None:
    """Read the JUnit XML of `node --test`; a file that can't be loaded is told by what it has printed."""
    report = read_junit(content, places)
    if report is None:
        return None
    printed_places: dict[str, int] = {}
    for path, number in places.all(printed):
        printed_places.setdefault(path, number)
    lines = (_as_printed(line, printed, printed_places, places) for line in report.lines)
    return replace(report, lines=tuple(lines))


def _as_printed(
    line: CheckLine, printed: str, printed_places: Mapping[str, int], places: PrintedPlaces
) -> CheckLine:
    """Return a file's failure with what it has printed; any other line unchanged."""
    file = line.name.removeprefix("test::")
    path = places.resolve(file) if not line.passed and line.path is None and "/" in file else None
    if path is None or path not in printed_places:
        return line
    number = printed_places[path]
    start = printed.find(f"{path.rpartition('/')[2]}:{number}")
    message = printed[printed.rfind("\n", 0, start) + 1 :][:_PRINTED_CHARACTERS]
    return failed_line(line.name, message, places, path=path, line=number)


def read_junit(content: bytes, places: PrintedPlaces) -> RunnerReport | None:
    """Read tests as `classname::name`, up to the first error in the document."""
    cases, complete = _Cases(), True
    parser = expat.ParserCreate()  # ignores namespaces
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler, parser.CharacterDataHandler = cases.doctype, cases.data
    parser.StartElementHandler, parser.EndElementHandler = cases.start, cases.end
    try:
        parser.Parse(content, True)
    except _RefusedDocument:
        return None
    except (expat.ExpatError, ValueError, LookupError):
        complete = False
    lines = tuple(case.line(places) for case in cases.cases if case.failed or not case.skipped)
    return RunnerReport(lines, complete=complete) if complete or cases.cases else None
