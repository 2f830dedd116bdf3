"""Judge a run of the test command against the failures that existed before the work. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from coder.run.event_types import BaselineTaken
from coder.run.message import CheckLine
from coder.run.verdict_words import join_names
from coder.verify.finding import Finding

_MAX_ALONE = 10
_NO_TESTS = 5
"""Exit code of pytest, and of our reporter for unittest, if no test was found."""


def judge(
    run: Finding,
    baseline: BaselineTaken | None,
    *,
    mends: bool = False,
    is_found: bool = False,
    given_paths: Collection[str] = (),
) -> Finding:
    """Decide whether a run passes. The deciding lines come first in the result, and the note says why.

    A green run passes. A red one passes only with `is_found`, as nobody gave the tests: the baseline was red,
    no test fails or is missing that passed before, and no test in `given_paths` fails. A test that lacked the
    network or a service before and still lacks it doesn't count, unless nothing else was to mend. A run that
    the time limit stopped passes only if the baseline was stopped, too, and the run has all tests of the
    baseline; with `mends`, one that failed must pass.
    """
    failing = run.failing
    if run.passed or baseline is None or not _is_comparable(run, baseline):
        return replace(run, note=_reason_against(run))
    results_before, results_now = baseline.before, {line.name: line.passed for line in run.lines}
    new_failures = [line for line in failing if results_before.get(line.name, True)]
    old_failures = [line for line in failing if not results_before.get(line.name, True)]
    missing = [
        name for name, passed in results_before.items() if (passed or run.is_cut) and name not in results_now
    ]
    uncounted = [line for line in old_failures if line.name in run.lacks and line.name in baseline.uncounted]
    old_failures = [line for line in old_failures if line not in uncounted]
    if new_failures or missing:
        run = _without(run, uncounted)
        return replace(
            run,
            lines=_deciding_first(run, new_failures),
            note=_regression_note(new_failures, missing, old_failures) if results_before else "",
        )
    required = [line for line in old_failures if not is_found or line.name.partition("::")[0] in given_paths]
    mended_count = sum(results_now.get(name, True) for name, passed in results_before.items() if not passed)
    was_green = not mends and all(
        passed or name in baseline.uncounted for name, passed in results_before.items()
    )
    if required or not (mended_count or was_green or is_found):
        deciding_lines = required or old_failures or uncounted
        note = (
            f"{len(deciding_lines)} tests fail: {_join_line_names(deciding_lines)}"
            if len(deciding_lines) > 1
            else ""
        )
        if mended_count:
            note = f"{mended_count:,} of {mended_count + len(required):,} tests that failed before pass now."
        run = _without(run, uncounted) if required else run
        return replace(run, lines=_deciding_first(run, deciding_lines), note=note, mended=mended_count)
    notes = [f"still red, as before the work: {_join_line_names(old_failures)}"] if old_failures else []
    if uncounted:
        notes.append(
            f"not counted, as {_lacks(run, uncounted)} before and after: {_join_line_names(uncounted)}"
        )
    if not run.is_cut:
        return replace(run, passed=True, note="; ".join(notes))
    notes.append(
        f"the tests were stopped by --test-timeout, as before the work: {len(results_before):,} decide"
    )
    return replace(run, passed=True, strength="inside", note="; ".join(notes))


def _lacks(run: Finding, lines: list[CheckLine]) -> str:
    """Return in words what these tests lack."""
    lacks = {run.lacks[line.name] for line in lines}
    words = {"network": "the network is missing", "service": "no service answers"}
    return " or ".join(word for lack, word in words.items() if lack in lacks)


def _without(run: Finding, lines: list[CheckLine]) -> Finding:
    names = {line.name for line in lines}
    return replace(run, lines=tuple(line for line in run.lines if line.name not in names))


def _is_comparable(run: Finding, baseline: BaselineTaken) -> bool:
    """Return whether a run that is not green can be judged test by test."""
    if run.is_cut:
        return baseline.is_cut and bool(run.lines)
    return run.result.status == "error" and run.complete and bool(run.failing)


def new_failures_of(run: Finding, baseline: BaselineTaken | None) -> tuple[str, ...]:
    """Return the tests that passed before the work and fail now; none if they are too many to run alone."""
    if baseline is None or not run.complete or run.result.status != "error":
        return ()
    results_before = baseline.before
    names = tuple(line.name for line in run.failing if results_before.get(line.name))
    return names if len(names) <= _MAX_ALONE else ()


def is_red_as_before(
    lines: Iterable[CheckLine], baseline: BaselineTaken, *, given_paths: Collection[str]
) -> bool:
    """Return whether some tests fail, all as before and none given, and no passing test is missing."""
    results_before, results_now = baseline.before, {line.name: line.passed for line in lines}
    has_all_passed = all(name in results_now for name, passed in results_before.items() if passed)
    failing = [name for name, passed in results_now.items() if not passed]
    old_failures = [
        name
        for name in failing
        if not results_before.get(name, True) and name.partition("::")[0] not in given_paths
    ]
    return has_all_passed and bool(failing) and failing == old_failures


def shows_work(
    lines: Iterable[CheckLine],
    baseline: BaselineTaken | None,
    *,
    given_paths: Collection[str],
    mends: bool = False,
) -> bool:
    """Return whether a passing run shows an effect: a given test ran, or a test passes that failed before.

    A time limit that is no longer reached only counts if the task is to make the suite pass.
    """
    lines = [*lines]
    names = [line.name for line in lines]
    if any(was_run(path, names) for path in given_paths):
        return True
    if baseline is None:
        return False
    failed_before = {name for name, passed in baseline.before.items() if not passed}
    if failed_before:
        failing = {line.name for line in lines if not line.passed}
        return not failed_before <= failing
    was_slow = baseline.is_cut and not mends
    return not (baseline.passed or baseline.flaky or was_slow)


def failures_in(
    paths: Collection[str], lines: Iterable[CheckLine], baseline: BaselineTaken | None, *, mends: bool
) -> tuple[str, ...]:
    """Return the tests that make a run fail, if all of them are in these files; else none.

    Tests that failed before count if the task is to mend, or if no other test fails.
    """
    results_before = baseline.before if baseline is not None else {}
    failing = [line for line in lines if not line.passed]
    if not mends:
        new_failures = [line for line in failing if results_before.get(line.name, True)]
        failing = new_failures or [line for line in failing if _is_in(paths, line)]
    return tuple(line.name for line in failing) if all(_is_in(paths, line) for line in failing) else ()


def without_tests_of(paths: Collection[str], baseline: BaselineTaken | None) -> BaselineTaken | None:
    """Return the baseline without the tests of these files."""
    if baseline is None:
        return None
    other_tests = tuple(
        test for test in baseline.tests if not any(was_run(path, [test.name]) for path in paths)
    )
    return baseline.model_copy(update={"tests": other_tests})


def _is_in(paths: Collection[str], line: CheckLine) -> bool:
    return line.path in paths or any(was_run(path, [line.name]) for path in paths)


def was_run(path: str, names: Iterable[str]) -> bool:
    """Return whether one of these tests is in this file, by pytest's or unittest's names."""
    dotted = path.removesuffix(".py").replace("/", ".")
    return any(name == path or name.startswith((f"{path}::", f"{dotted}.")) for name in names)


def without_flaky(run: Finding, passing_names: Collection[str]) -> Finding:
    """Return the run with the tests of these names, which passed in a second run, counted as passed."""
    lines = tuple(
        line.model_copy(update={"passed": True, "message": ""}) if line.name in passing_names else line
        for line in run.lines
    )
    if any(not line.passed for line in lines):
        return replace(run, lines=lines)
    result = run.result.model_copy(update={"status": "ok", "exit_code": 0})
    return replace(run, lines=lines, result=result, passed=run.complete)


def _reason_against(run: Finding) -> str:
    if not run.note and not run.lines and run.complete and run.result.exit_code in (0, _NO_TESTS):
        return "The test command ran no test."
    if run.note or not run.result.ok or run.passed or (run.failing and run.complete):
        return run.note
    return "The test command ended early: it did not report that its tests ran to the end."


def _deciding_first(run: Finding, deciding_lines: list[CheckLine]) -> tuple[CheckLine, ...]:
    names = {line.name for line in deciding_lines}
    return (*deciding_lines, *(line for line in run.lines if line.name not in names))


def _regression_note(new_failures: list[CheckLine], missing: list[str], old_failures: list[CheckLine]) -> str:
    if new_failures:
        return (
            f"passed before the work and fails now: {_join_line_names(new_failures)}" if old_failures else ""
        )
    remainder = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"passed before the work and no longer runs: {missing[0]}{remainder}"


def _join_line_names(lines: list[CheckLine]) -> str:
    return join_names([line.name for line in lines], most=10)
