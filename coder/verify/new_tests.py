"""Find an answer's new tests: those in its test files that didn't exist before the work. Pure."""

import re
from pathlib import PurePosixPath

from coder.run.command_inputs import more_tests, reporter_arguments
from coder.run.event_types import PytestCall
from coder.run.message import CodeMessage, Outcome
from coder.run.state import State
from coder.run.target import is_test
from coder.source.languages import language_of

_OTHER_TEST_PATH = re.compile(r"(?:^|/)(?:tests?|__tests__|spec)[./-]|[._-](?:test|spec)\.\w+$")
"""Paths of tests in languages other than Python."""


def find_new_tests(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """Return the tests in the answer's test files that didn't exist before the work.

    Tests of other languages than Python can't run alone, so none is returned if the whole suite is slow.
    """
    baseline, paths, call = state.progress.baseline, test_files(state, code), find_call(state)
    if baseline is None or not (baseline.told or call) or not paths:
        return ()
    old_names = {*baseline.before, *baseline.flaky}
    new_names = tuple(line.name for line in outcome.checks if line.passed and line.name not in old_names)
    if reporter_arguments(state.task.test_command or ("",)) is None and call is None:
        return () if baseline.is_long else new_names
    return tuple(name for name in new_names if any(is_test_of(path, name) for path in paths))


def test_files(state: State, code: CodeMessage) -> dict[str, str | None]:
    """Return the test files of an answer, and its other files in their folders."""
    files = {path: text for path, text in code.changes.files.items() if text is not None}
    tests = {path for path in files if is_test(path) or _OTHER_TEST_PATH.search(path)}
    texts = {path: file.text for path, file in state.files.items()} | files
    tests |= more_tests(texts, state.task.test_command or (), tests)
    return {path: text for path, text in files.items() if path in tests}


def find_unrun_files(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """Return new Python test files that the test command hasn't reported and that can also be run."""
    return find_unreported_files(state, code, outcome) if _names_tests(state) or find_call(state) else ()


def find_unreported_files(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """Return new Python test files of which no test is known to have run."""
    test_names = [line.name for line in outcome.checks]
    paths = [path for path in test_files(state, code) if path.endswith(".py") and holds_tests(path)]
    new_paths = (path for path in paths if path not in state.files)
    return tuple(path for path in new_paths if not any(is_test_of(path, name) for name in test_names))


def find_call(state: State) -> PytestCall | None:
    """Return the pytest call of a test command's script, if all of its calls only differ in arguments.

    New tests can run like this call. The arguments are those of the first call.
    """
    calls = state.progress.baseline.calls if state.progress.baseline is not None else ()
    distinct_calls = {call.model_copy(update={"arguments": ()}).model_dump_json() for call in calls}
    return calls[0] if len(distinct_calls) == 1 else None


def _names_tests(state: State) -> bool:
    """Return whether the test command runs pytest or unittest, and accepts test names."""
    inner, baseline = reporter_arguments(state.task.test_command or ("",)), state.progress.baseline
    if inner is None or inner[0] != "-m" or "discover" in inner:
        return False
    return baseline is not None and baseline.told


def holds_tests(path: str) -> bool:
    """Return whether a runner would look for tests in a file of this name."""
    name = PurePosixPath(path).name
    if name.endswith(".py"):
        return name.startswith("test_") or name.endswith("_test.py")
    return language_of(path) is not None and _OTHER_TEST_PATH.search(path) is not None


def is_test_of(path: str, name: str) -> bool:
    """Return whether a test's name in pytest or unittest, relative to any folder, is of this file."""
    parts = path.removesuffix(".py").split("/")
    tails = (parts[start:] for start in range(len(parts)))
    return any(name.startswith((f"{'/'.join(tail)}.py::", f"{'.'.join(tail)}.")) for tail in tails)
