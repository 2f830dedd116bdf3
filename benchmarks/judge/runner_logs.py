"""Read which tests passed from the log of a test runner that isn't pytest.

Test names are those of SWE-bench's FAIL_TO_PASS, which come from these logs. A log mixes the runner's
lines with those of the code under test, which can print any of them: what is read here is a claim, and a
verdict that rests on it is `weak`. A test that a log names twice has its worst outcome.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

LogRunner = Literal["django", "sympy", "go", "cargo"]
TestOutcome = Literal["failed", "skipped", "passed"]
"""Outcome of a test in a log; the worst comes first."""
Line = tuple[str, TestOutcome]
MAX_LINE = 4000
"""Maximum length of a line that is read; no test's name is longer."""
_WORST: tuple[TestOutcome, ...] = ("failed", "skipped", "passed")
_UNITTEST: tuple[tuple[str, TestOutcome], ...] = (
    ("ok", "passed"),
    ("OK", "passed"),
    ("expected failure", "passed"),
    ("FAIL", "failed"),
    ("ERROR", "failed"),
    ("unexpected success", "failed"),
    ("skipped", "skipped"),
)
_UNITTEST_ID = re.compile(r"\S+ \([^\s()]+\)")
_SYMPY = re.compile(r"(test_\w*) (ok|F|E|X|f|s|w|T|K)(?: +\[(?:OK|FAIL)\])?$")
_SYMPY_OUTCOMES: dict[str, TestOutcome] = {"ok": "passed", "f": "passed", "s": "skipped", "w": "skipped"}
_SYMPY_FAILURE = re.compile(r"_+ \S+\.py:(test_\w*) _+$")
_GO = re.compile(r"--- (PASS|FAIL|SKIP): (\S+)(?: \([\d.]+s\))?$")
_GO_OUTCOMES: dict[str, TestOutcome] = {"PASS": "passed", "SKIP": "skipped"}
_CARGO = re.compile(r"test (\S.*?) \.\.\. (ok|FAILED|ignored)\b")
_CARGO_OUTCOMES: dict[str, TestOutcome] = {"ok": "passed", "ignored": "skipped"}


def read_log(runner: LogRunner, log: str) -> dict[str, TestOutcome]:
    """Return the outcome of each test that a log names, in time linear in its length."""
    lines = [line[:MAX_LINE].strip() for line in log.split("\n")]
    outcomes: dict[str, TestOutcome] = {}
    for name, outcome in _READERS[runner](lines):
        before = outcomes.get(name, outcome)
        outcomes[name] = min(before, outcome, key=_WORST.index)
    return outcomes


def _read_unittest(lines: list[str]) -> Iterator[Line]:
    """Read unittest's verbose output, as Django's runner prints it.

    A test's line is `NAME ... OUTCOME`; its name is its id, or the first line of its docstring. What the test
    prints may stand in between, and the outcome is then a line of its own. Failures are listed again below.
    """
    pending = None
    for number, line in enumerate(lines):
        name, separator, rest = line.removesuffix(" ...").rpartition(" ... ")
        if line.endswith(" ..."):
            pending = _without_migration(line[:-4])
        elif separator:
            outcome = _unittest_outcome(rest.strip())
            pending = None if outcome else _without_migration(line.partition(" ... ")[0])
            if outcome:
                yield _without_migration(name), outcome
                yield name.rpartition(" ... ")[2], outcome  # behind a test whose subtests failed
        elif line.startswith(("FAIL: ", "ERROR: ")):
            name = line.partition(": ")[2]
            yield name, "failed"
            if match := _UNITTEST_ID.match(name):
                yield match[0], "failed"  # of a subtest
            if number + 1 < len(lines) and lines[number + 1].strip("-"):
                yield lines[number + 1], "failed"  # the docstring is its name above
        elif pending is not None and (outcome := _unittest_outcome(line)):
            yield pending, outcome
            pending = None


def _unittest_outcome(text: str) -> TestOutcome | None:
    for word, outcome in _UNITTEST:
        if text == word or (word == "skipped" and text.startswith("skipped ")):
            return outcome
    return None


def _without_migration(name: str) -> str:
    """Return a test's name without the output of a migration before it, which ends without a newline."""
    return name.rpartition("...")[2].strip() if name.startswith("Applying ") else name


def _read_sympy(lines: list[str]) -> Iterator[Line]:
    """Read the lines of `bin/test --verbose`: `test_name ok`, and headings of failures."""
    for line in lines:
        if match := _SYMPY.match(line):
            yield match[1], _SYMPY_OUTCOMES.get(match[2], "failed")
        elif line.startswith("_") and (match := _SYMPY_FAILURE.match(line)):
            yield match[1], "failed"


def _read_go(lines: list[str]) -> Iterator[Line]:
    """Read the lines of `go test -v`."""
    for line in lines:
        if match := _GO.match(line):
            yield match[2], _GO_OUTCOMES.get(match[1], "failed")


def _read_cargo(lines: list[str]) -> Iterator[Line]:
    """Read the lines of `cargo test`."""
    for line in lines:
        if match := _CARGO.match(line):
            yield match[1], _CARGO_OUTCOMES.get(match[2], "failed")


_READERS: dict[LogRunner, Callable[[list[str]], Iterator[Line]]] = {
    "django": _read_unittest,
    "sympy": _read_sympy,
    "go": _read_go,
    "cargo": _read_cargo,
}
