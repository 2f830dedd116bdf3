"""The tests that an answer brings: those of its test files that weren't there before the work. Pure."""

import re
from pathlib import PurePosixPath

from coder.run.command_inputs import more_tests, reporter_arguments
from coder.run.event_types import PytestCall
from coder.run.message import CodeMessage, Outcome
from coder.run.state import State
from coder.run.target import is_test

_OF_OTHERS = re.compile(r"(?:^|/)(?:tests?|__tests__|spec)[./-]|[._-](?:test|spec)\.\w+$")
"""Paths of tests in other languages than Python."""


def find_new_tests(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """Return the tests in the answer's test files that didn't exist before the work.

    Tests of another language than Python can't run alone: none counts if all of them take long.
    """
    baseline, paths, call = state.progress.baseline, test_files(state, code), find_call(state)
    if baseline is None or not (baseline.told or call) or not paths:
        return ()
    old = {*baseline.before, *baseline.flaky}
    new = tuple(line.name for line in outcome.checks if line.passed and line.name not in old)
    if reporter_arguments(state.task.test_command or ("",)) is None and call is None:
        return () if baseline.is_long else new
    return tuple(name for name in new if any(is_of(path, name) for path in paths))


def test_files(state: State, code: CodeMessage) -> dict[str, str | None]:
    """Test files of an answer, with what else it has in their folders of tests."""
    files = {path: text for path, text in code.changes.files.items() if text is not None}
    tests = {path for path in files if is_test(path) or _OF_OTHERS.search(path)}
    texts = {path: file.text for path, file in state.files.items()} | files
    tests |= more_tests(texts, state.task.test_command or (), tests)
    return {path: text for path, text in files.items() if path in tests}


def find_unrun(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """New test files of Python that a test command hasn't told of, and that can be run in addition."""
    return find_unreported(state, code, outcome) if _names_tests(state) or find_call(state) else ()


def find_unreported(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """New test files of Python of which no test is known to have run."""
    ran = [line.name for line in outcome.checks]
    new = (path for path in test_files(state, code) if path not in state.files and _holds_tests(path))
    return tuple(path for path in new if not any(is_of(path, name) for name in ran))


def find_call(state: State) -> PytestCall | None:
    """The call of pytest that a test command's script makes, if all of its calls are alike but for arguments.

    New tests can run as this call does. The arguments are those of the first one.
    """
    calls = state.progress.baseline.calls if state.progress.baseline is not None else ()
    alike = {call.model_copy(update={"arguments": ()}).model_dump_json() for call in calls}
    return calls[0] if len(alike) == 1 else None


def _names_tests(state: State) -> bool:
    """Whether the test command is pytest's or unittest's, and may name what it runs."""
    inner, baseline = reporter_arguments(state.task.test_command or ("",)), state.progress.baseline
    if inner is None or inner[0] != "-m" or "discover" in inner:
        return False
    return baseline is not None and baseline.told


def _holds_tests(path: str) -> bool:
    """Whether pytest and unittest would look for tests in a file of this name."""
    name = PurePosixPath(path).name
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def is_of(path: str, name: str) -> bool:
    """Whether a file holds a test, by its name in pytest or unittest, relative to any folder."""
    parts = path.removesuffix(".py").split("/")
    tails = (parts[i:] for i in range(len(parts)))
    return any(name.startswith((f"{'/'.join(tail)}.py::", f"{'.'.join(tail)}.")) for tail in tails)
