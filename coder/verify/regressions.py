"""Judging: what a run of the test command is worth beside what was red before the work.

Pure: the run, the baseline, and what the task asks for. `docs/decisions` says why the rule is this one.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from coder.run.event_types import BaselineTaken
from coder.run.message import CheckLine
from coder.verify.test_command import TestRun

_MOST_NAMED = 10
_MOST_ALONE = 10
_NO_TESTS = 5
"""Exit code of pytest, and of our reporter for unittest, where no test was found."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a run counts as passed, its lines with those first that decide, and what to say of it."""

    passed: bool
    lines: tuple[CheckLine, ...]
    note: str = ""


def judge(
    run: TestRun, baseline: BaselineTaken | None, *, mends: bool = False, given: Collection[str] = ()
) -> Judgement:
    """A green run passes. A red one passes only beside a baseline that was red, and then only if

    no test fails that passed before, none of those is missing, none of the given tests fails, and at least
    one that failed before passes now. Where the task is to mend (`mends`), all that failed must pass.

    Args:
        given: paths of tests that were given with the task.
    """
    failing = [line for line in run.lines if not line.passed]
    if run.passed or baseline is None or run.result.status != "error" or not failing or not run.complete:
        return Judgement(run.passed, run.lines, _why_not(run))
    before = {test.name: test.passed for test in baseline.tests}
    now = {line.name: line.passed for line in run.lines}
    new = [line for line in failing if before.get(line.name, True)]
    missing = [name for name, passed in before.items() if passed and name not in now]
    old = [line for line in failing if not before.get(line.name, True)]
    if new or missing:
        return Judgement(False, _first(run.lines, new), _told(new, missing, old) if before else "")
    asked = [line for line in old if mends or line.name.partition("::")[0] in given]
    mended = any(now.get(name, True) for name, passed in before.items() if not passed)
    if asked or not mended:
        return Judgement(False, _first(run.lines, asked or old), _many(asked or old))
    return Judgement(True, run.lines, f"still red, as before the work: {_named(old)}")


def new_reds(run: TestRun, baseline: BaselineTaken | None) -> tuple[str, ...]:
    """Tests that passed before the work and fail now; none where they are too many to be run alone first."""
    if baseline is None or not run.complete or run.result.status != "error":
        return ()
    passed = {test.name for test in baseline.tests if test.passed}
    names = tuple(line.name for line in run.lines if not line.passed and line.name in passed)
    return names if len(names) <= _MOST_ALONE else ()


def is_red_as_before(lines: Iterable[CheckLine], baseline: BaselineTaken, *, given: Collection[str]) -> bool:
    """Whether all that fails failed before the work, and wasn't given, and nothing that passed is missing."""
    before = {test.name: test.passed for test in baseline.tests}
    now = {line.name: line.passed for line in lines}
    kept = all(name in now for name, passed in before.items() if passed)
    failing = [name for name, passed in now.items() if not passed]
    old = [name for name in failing if not before.get(name, True) and name.partition("::")[0] not in given]
    return kept and bool(failing) and failing == old


def shows_work(lines: Iterable[CheckLine], baseline: BaselineTaken | None, *, given: Collection[str]) -> bool:
    """Whether a run that passes shows anything: a given test ran, or what failed before the work passes now.

    Args:
        lines: the tests that passed.
        given: paths of tests that were given with the task.
    """
    lines = tuple(lines)
    if any(was_run(path, lines) for path in given):
        return True
    if baseline is None:
        return False
    return any(not test.passed for test in baseline.tests) or not (baseline.passed or baseline.flaky)


def red_in(
    paths: Collection[str], lines: Iterable[CheckLine], baseline: BaselineTaken | None, *, mends: bool
) -> tuple[str, ...]:
    """The tests that make a run fail, where all of them are in these files; else none.

    What was red before the work counts where the task is to mend, or where nothing else is red.
    """
    before = {test.name: test.passed for test in baseline.tests} if baseline is not None else {}
    failing = [line for line in lines if not line.passed]
    new = [line for line in failing if before.get(line.name, True)]
    if not mends:
        failing = new or [line for line in failing if _is_in(paths, line)]
    return tuple(line.name for line in failing) if all(_is_in(paths, line) for line in failing) else ()


def without_tests_of(paths: Collection[str], baseline: BaselineTaken | None) -> BaselineTaken | None:
    """What was known before the work of tests in other files than these."""
    if baseline is None:
        return None
    lines = {test.name: CheckLine(name=test.name, passed=test.passed) for test in baseline.tests}
    kept = tuple(test for test in baseline.tests if not _is_in(paths, lines[test.name]))
    return baseline.model_copy(update={"tests": kept})


def _is_in(paths: Collection[str], line: CheckLine) -> bool:
    return line.path in paths or any(was_run(path, (line,)) for path in paths)


def was_run(path: str, lines: Iterable[CheckLine]) -> bool:
    """Whether a test command reported a test of this file, by pytest's names or unittest's."""
    dotted = path.removesuffix(".py").replace("/", ".")
    return any(line.name == path or line.name.startswith((f"{path}::", f"{dotted}.")) for line in lines)


def without_flaky(run: TestRun, passed: Collection[str]) -> TestRun:
    """The run, where flaky tests that failed have passed when they were run again."""
    lines = tuple(
        line.model_copy(update={"passed": True, "message": ""}) if line.name in passed else line
        for line in run.lines
    )
    if any(not line.passed for line in lines):
        return replace(run, lines=lines)
    result = run.result.model_copy(update={"status": "ok", "exit_code": 0})
    return replace(run, lines=lines, result=result)


def _why_not(run: TestRun) -> str:
    if not run.note and not run.lines and run.complete and run.result.exit_code in (0, _NO_TESTS):
        return "The test command ran no test."
    failed = any(not line.passed for line in run.lines)
    if run.note or not run.result.ok or run.passed or (failed and run.complete):
        return run.note
    return "The test command ended early: it did not report that its tests ran to the end."


def _first(lines: tuple[CheckLine, ...], deciding: list[CheckLine]) -> tuple[CheckLine, ...]:
    names = {line.name for line in deciding}
    return (*deciding, *(line for line in lines if line.name not in names))


def _told(new: list[CheckLine], missing: list[str], old: list[CheckLine]) -> str:
    parts = [f"passed before the work and fails now: {_named(new)}"] if new and old else []
    if missing and not new:
        parts.append(f"passed before the work and no longer runs: {missing[0]}{_more(missing)}")
    return ". ".join(parts)


def _many(lines: list[CheckLine]) -> str:
    return f"{len(lines)} tests fail: {_named(lines)}" if len(lines) > 1 else ""


def _named(lines: list[CheckLine]) -> str:
    more = f" and {len(lines) - _MOST_NAMED} more" if len(lines) > _MOST_NAMED else ""
    return ", ".join(line.name for line in lines[:_MOST_NAMED]) + more


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
