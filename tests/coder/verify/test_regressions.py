"""Judging: what a red run of the test command is worth beside what was red before."""

from dataclasses import replace

import pytest

from coder.run.event_types import BaselineTaken, BaselineTest
from coder.run.message import CheckLine
from coder.verify.finding import Finding, finding_of
from coder.verify.regressions import failures_in, is_red_as_before, judge, new_failures_of, without_flaky
from sandbox import Result


def ran(*, complete: bool = True, **tests: bool) -> Finding:
    passed = all(tests.values()) and bool(tests)
    result = Result(
        status="ok" if passed else "error", exit_code=0 if passed else 1, stdout="", stderr="", wall_s=0.1
    )
    lines = tuple(
        CheckLine(name=name, passed=ok, message="" if ok else "it fails") for name, ok in tests.items()
    )
    return finding_of(result, lines, complete=complete)


def before(*, flaky: tuple[str, ...] = (), **tests: bool) -> BaselineTaken:
    return BaselineTaken(
        passed=all(tests.values()),
        tests=tuple(BaselineTest(name=name, passed=ok) for name, ok in tests.items()),
        flaky=flaky,
    )


def test_without_a_baseline_a_red_run_fails() -> None:
    assert not judge(ran(a=True, b=False), None).passed


def test_a_red_suite_that_was_found_passes_when_something_was_mended_and_nothing_broken() -> None:
    red = before(target=False, old=False, fine=True)

    judged = judge(ran(target=True, old=False, fine=True), red, is_found=True)

    assert judged.passed
    assert judged.note == "still red, as before the work: old"


def test_what_passed_before_must_still_pass_and_is_named_first() -> None:
    judged = judge(ran(old=False, target=True, fine=False), before(target=False, old=False, fine=True))

    assert not judged.passed
    assert judged.lines[0].name == "fine"
    assert judged.note == "passed before the work and fails now: fine"


def test_a_red_suite_in_which_nothing_was_mended_fails() -> None:
    assert not judge(ran(old=False, fine=True), before(old=False, fine=True)).passed


def test_a_test_that_no_longer_runs_is_no_pass() -> None:
    judged = judge(ran(target=True, old=False), before(target=False, old=False, fine=True))

    assert not judged.passed
    assert judged.note == "passed before the work and no longer runs: fine"


def test_a_stopped_run_needs_all_tests_that_were_reached_before_also_those_that_failed() -> None:
    limit = {"complete": False, "running": "slow", "result": Result(status="timeout", exit_code=None)}
    cut = replace(ran(target=True, fine=True), passed=False, **limit)
    reached = before(target=False, old=False, fine=True).model_copy(update={"is_cut": True})

    assert judge(cut, before(target=False, fine=True).model_copy(update={"is_cut": True})).passed
    assert judge(cut, reached).note == "passed before the work and no longer runs: old"
    assert not judge(cut, reached).passed


def test_a_run_that_only_the_change_makes_too_long_fails() -> None:
    limit = {"complete": False, "running": "slow", "result": Result(status="timeout", exit_code=None)}
    cut = replace(ran(target=True, fine=True), passed=False, **limit)

    assert not judge(cut, before(target=False, fine=True)).passed


@pytest.mark.parametrize("mends", [True, False], ids=["fix", "solve"])
def test_of_a_given_command_all_that_failed_must_pass(mends: bool) -> None:
    judged = judge(ran(target=True, other=False), before(target=False, other=False), mends=mends)

    assert not judged.passed
    assert judged.lines[0].name == "other"
    assert judged.mended == 1


def test_what_is_mended_is_counted_only_where_nothing_else_fails() -> None:
    red = before(target=False, other=False, fine=True)

    assert judge(ran(target=True, other=False, fine=False), red).mended == 0
    assert judge(ran(target=False, other=False, fine=True), red).mended == 0
    assert judge(ran(target=True, other=False, fine=True), red).mended == 1


def test_given_tests_must_pass_whatever_was_red() -> None:
    run = finding_of(ran(a=False).result, ran(**{"t.py::x": False, "y": True}).lines)

    assert not judge(run, before(**{"t.py::x": False, "y": False}), given_paths={"t.py"}).passed


def test_a_run_that_was_cut_off_or_stopped_by_a_limit_is_no_pass() -> None:
    red = before(target=False, old=False)
    cut = ran(target=True, old=False, complete=False)
    late = finding_of(cut.result.model_copy(update={"status": "timeout"}), cut.lines)

    assert not judge(cut, red).passed
    assert not judge(late, red).passed


def test_a_flaky_test_that_passes_when_it_is_run_again_makes_the_run_green() -> None:
    run = without_flaky(ran(fine=True, flaky=False), {"flaky"})

    assert run.passed
    assert judge(run, before(fine=True, flaky=(("flaky"),))).passed


def test_a_flaky_test_does_not_hide_another_failure() -> None:
    run = without_flaky(ran(fine=False, flaky=False), {"flaky"})

    assert not judge(run, before(fine=True, flaky=("flaky",))).passed


def test_only_where_all_that_fails_is_in_edited_files_they_are_what_is_red() -> None:
    run = ran(**{"t.py::x": False, "y.py::x": False, "fine": True})
    baseline = before(**{"t.py::x": True, "y.py::x": True, "fine": True})

    assert failures_in({"t.py"}, run.lines, baseline, mends=False) == ()
    assert failures_in({"t.py", "y.py"}, run.lines, baseline, mends=False) == ("t.py::x", "y.py::x")


def test_what_was_red_before_counts_where_it_is_to_be_mended_or_nothing_else_is_red() -> None:
    run = ran(**{"t.py::x": False, "old.py::x": False})
    baseline = before(**{"t.py::x": True, "old.py::x": False})
    all_red = before(**{"t.py::x": False, "old.py::x": False})

    assert failures_in({"t.py"}, run.lines, baseline, mends=False) == ("t.py::x",)
    assert failures_in({"t.py"}, run.lines, baseline, mends=True) == ()
    assert failures_in({"t.py"}, run.lines, all_red, mends=False) == ("t.py::x",)


def test_what_passed_before_and_fails_now_is_run_alone_where_it_is_little() -> None:
    many = [f"t{i}" for i in range(11)]
    baseline = BaselineTaken(passed=True, tests=tuple(BaselineTest(name=name, passed=True) for name in many))

    assert new_failures_of(ran(a=False, b=True), before(a=True, b=True)) == ("a",)
    assert new_failures_of(ran(**dict.fromkeys(many, False)), baseline) == ()
    assert new_failures_of(ran(a=False, complete=False), before(a=True)) == ()


def test_a_suite_is_red_as_before_where_nothing_new_fails_and_nothing_is_missing() -> None:
    baseline = before(old=False, fine=True)

    assert is_red_as_before(ran(old=False, fine=True, new=True).lines, baseline, given_paths=())
    assert not is_red_as_before(ran(old=False).lines, baseline, given_paths=())
    assert not is_red_as_before(ran(old=False, fine=True, new=False).lines, baseline, given_paths=())
    assert not is_red_as_before(ran(old=False, fine=True).lines, baseline, given_paths=("old",))
