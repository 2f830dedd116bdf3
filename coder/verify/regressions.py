"""Judge a run of the test command against the failures that existed before the work. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from coder.run.event_types import BaselineTaken
from coder.run.message import CheckLine
from coder.run.termination import join_names
from coder.verify.finding import Finding

_MOST_ALONE = 10
_NO_TESTS = 5
"""Exit code of pytest, and of our reporter for unittest, where no test was found."""


def judge(
    run: Finding, baseline: BaselineTaken | None, *, mends: bool = False, given_paths: Collection[str] = ()
) -> Finding:
    """Decide whether a run passes; the lines that decide come first, and the note says why.

    A green run passes. A red one passes only if the baseline was red, no test fails or is missing that passed
    before, no test in `given_paths` fails, and at least one that failed before passes now. With `mends`, all
    tests that failed must pass. A run that the time limit stopped is judged so only if the baseline was
    stopped, too, and it must have all tests of the baseline.
    """
    failing = run.failing
    if run.passed or baseline is None or not _is_comparable(run, baseline):
        return replace(run, note=_why_not(run))
    before, now = baseline.before, {line.name: line.passed for line in run.lines}
    new = [line for line in failing if before.get(line.name, True)]
    old = [line for line in failing if not before.get(line.name, True)]
    missing = [name for name, passed in before.items() if (passed or run.is_cut) and name not in now]
    if new or missing:
        return replace(run, lines=_first(run, new), note=_told(new, missing, old) if before else "")
    required = [line for line in old if mends or line.name.partition("::")[0] in given_paths]
    mended = any(now.get(name, True) for name, passed in before.items() if not passed)
    was_green = all(before.values()) and not mends
    if required or not (mended or was_green):
        deciding = required or old
        many = f"{len(deciding)} tests fail: {_named(deciding)}" if len(deciding) > 1 else ""
        return replace(run, lines=_first(run, deciding), note=many)
    notes = [f"still red, as before the work: {_named(old)}"] if old else []
    if not run.is_cut:
        return replace(run, passed=True, note=notes[0])
    notes.append(f"the tests were stopped by --test-timeout, as before the work: {len(before):,} decide")
    return replace(run, passed=True, strength="inside", note="; ".join(notes))


def _is_comparable(run: Finding, baseline: BaselineTaken) -> bool:
    """Whether a run that is not green can be judged test by test."""
    if run.is_cut:
        return baseline.is_cut and bool(run.lines)
    return run.result.status == "error" and run.complete and bool(run.failing)


def new_reds(run: Finding, baseline: BaselineTaken | None) -> tuple[str, ...]:
    """Tests that passed before the work and fail now; none if they are too many to run alone."""
    if baseline is None or not run.complete or run.result.status != "error":
        return ()
    before = baseline.before
    names = tuple(line.name for line in run.failing if before.get(line.name))
    return names if len(names) <= _MOST_ALONE else ()


def is_red_as_before(
    lines: Iterable[CheckLine], baseline: BaselineTaken, *, given_paths: Collection[str]
) -> bool:
    """Whether all failing tests failed before and weren't given, and none that passed is missing."""
    before, now = baseline.before, {line.name: line.passed for line in lines}
    kept = all(name in now for name, passed in before.items() if passed)
    failing = [name for name, passed in now.items() if not passed]
    old = [
        name for name in failing if not before.get(name, True) and name.partition("::")[0] not in given_paths
    ]
    return kept and bool(failing) and failing == old


def shows_work(
    lines: Iterable[CheckLine],
    baseline: BaselineTaken | None,
    *,
    given_paths: Collection[str],
    mends: bool = False,
) -> bool:
    """Whether a passing run shows anything: a given test ran, or a test that failed before passes now.

    Reaching the time limit no longer counts only if the task is to make the suite pass.
    """
    names = [line.name for line in lines]
    if any(was_run(path, names) for path in given_paths):
        return True
    if baseline is None:
        return False
    slow = baseline.is_cut and not mends
    return not all(baseline.before.values()) or not (baseline.passed or baseline.flaky or slow)


def red_in(
    paths: Collection[str], lines: Iterable[CheckLine], baseline: BaselineTaken | None, *, mends: bool
) -> tuple[str, ...]:
    """The tests that make a run fail, if all of them are in these files; else none.

    What was red before counts if the task is to mend, or if nothing else is red.
    """
    before = baseline.before if baseline is not None else {}
    failing = [line for line in lines if not line.passed]
    if not mends:
        new = [line for line in failing if before.get(line.name, True)]
        failing = new or [line for line in failing if _is_in(paths, line)]
    return tuple(line.name for line in failing) if all(_is_in(paths, line) for line in failing) else ()


def without_tests_of(paths: Collection[str], baseline: BaselineTaken | None) -> BaselineTaken | None:
    """The baseline with the tests of other files than these."""
    if baseline is None:
        return None
    kept = tuple(test for test in baseline.tests if not any(was_run(path, [test.name]) for path in paths))
    return baseline.model_copy(update={"tests": kept})


def _is_in(paths: Collection[str], line: CheckLine) -> bool:
    return line.path in paths or any(was_run(path, [line.name]) for path in paths)


def was_run(path: str, names: Iterable[str]) -> bool:
    """Whether one of these tests is of this file, by pytest's names or unittest's."""
    dotted = path.removesuffix(".py").replace("/", ".")
    return any(name == path or name.startswith((f"{path}::", f"{dotted}.")) for name in names)


def without_flaky(run: Finding, passed: Collection[str]) -> Finding:
    """The run with flaky tests as passed that passed in a second run."""
    lines = tuple(
        line.model_copy(update={"passed": True, "message": ""}) if line.name in passed else line
        for line in run.lines
    )
    if any(not line.passed for line in lines):
        return replace(run, lines=lines)
    result = run.result.model_copy(update={"status": "ok", "exit_code": 0})
    return replace(run, lines=lines, result=result, passed=run.complete)


def _why_not(run: Finding) -> str:
    if not run.note and not run.lines and run.complete and run.result.exit_code in (0, _NO_TESTS):
        return "The test command ran no test."
    if run.note or not run.result.ok or run.passed or (run.failing and run.complete):
        return run.note
    return "The test command ended early: it did not report that its tests ran to the end."


def _first(run: Finding, deciding: list[CheckLine]) -> tuple[CheckLine, ...]:
    names = {line.name for line in deciding}
    return (*deciding, *(line for line in run.lines if line.name not in names))


def _told(new: list[CheckLine], missing: list[str], old: list[CheckLine]) -> str:
    if new:
        return f"passed before the work and fails now: {_named(new)}" if old else ""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"passed before the work and no longer runs: {missing[0]}{more}"


def _named(lines: list[CheckLine]) -> str:
    return join_names([line.name for line in lines], most=10)
