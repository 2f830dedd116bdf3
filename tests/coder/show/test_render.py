"""The words of the screen, as functions of data."""

import json
from decimal import Decimal

import pytest

from coder.run.event_types import (
    BaselineTaken,
    BaselineTest,
    CallRetried,
    FileUndone,
    LandingRefused,
    Spoken,
    Status,
    TestsDropped,
    ToolAnswered,
    ToolCalled,
)
from coder.run.found_tests import FoundTests
from coder.run.message import AnswerChanges, CheckLine, CodeMessage, Outcome, OutcomeMessage
from coder.run.run import Other, Run, Tokens
from coder.run.settings import Budget
from coder.show.render import ending, money, progress, tool_line
from coder.workspace.diff import diff_stat, unified_diff


def run(status: Status = "solved", **more: object) -> Run:
    values: dict[str, object] = {
        "run_id": "run_1",
        "status": status,
        "reason": "checks pass",
        "verified": "checks",
        "strength": "outside",
        "model": "toy/model",
        "attempts": 2,
        "tests": (CheckLine(name="assert add(2, 3) == 5", passed=True),),
        "files": {"solution.py": "x = 1\n"},
        "patch": "",
        "landed": (),
        "calls": 2,
        "tokens": Tokens(input=1000, output=234),
        "cost": 0.0123,
        "seconds": 3.21,
        "limits": Budget(),
        "error": None,
        "exit_code": 0,
    }
    return Run.model_validate(values | more)


def spoken(outcome: Outcome) -> Spoken:
    return Spoken(message=OutcomeMessage(author="executor", outcome=outcome))


def test_of_many_attempts_the_first_are_named_and_the_others_counted() -> None:
    others = tuple(
        Other(run_id=f"run_1.{n}", status="unsolved", verified="none", lines=2, calls=1, cost=0.0)
        for n in range(2, 9)
    )

    lines = [line for line in ending(run(others=others)) if line.startswith("  other")]

    assert lines[0] == "  other    run_1.2 unsolved, 2 lines, $0.00"
    assert [line.split()[1] for line in lines[1:]] == ["run_1.3", "run_1.4", "4"]
    assert lines[-1] == "  other    4 more attempts"


def test_the_verdict_comes_last_with_calls_tokens_cost_and_time() -> None:
    *_, steps, verdict = ending(run())

    assert verdict == "✓ solved  1 of 1 passed  2 attempts  2 calls  1,234 tokens  $0.012  3.2 s"
    assert steps == "  next     coder show run_1"


def test_a_failed_run_shows_the_first_failing_assertion_and_what_to_do() -> None:
    tests = (
        CheckLine(name="assert add(2, 3) == 5", passed=False, expected="5", actual="-1"),
        CheckLine(name="assert add(1, 1) == 2", passed=False),
    )

    lines = ending(run("limit", tests=tests, reason="the limit of 8 model calls was reached", exit_code=3))

    assert lines[-1].startswith("✗ limit  the limit of 8 model calls was reached")
    assert lines[0] == "  failed   assert add(2, 3) == 5: expected 5, got -1"
    assert lines[-2] == "  next     coder show run_1   coder resume run_1 --max-calls 16"


@pytest.mark.parametrize(
    ("limit", "least", "flag"),
    [
        ("calls", None, "--max-calls 16"),
        ("time", None, "--timeout 1200"),
        ("cost", 0.75, "--max-cost 2"),
        ("cost", 4.101, "--max-cost 4.11"),
        ("tokens", 1500, "--max-tokens 2000"),
        ("tokens", 4108, "--max-tokens 4108"),
    ],
)
def test_the_next_step_after_a_limit_raises_that_limit_far_enough(
    limit: str, least: float | None, flag: str
) -> None:
    stopped = run("limit", limit=limit, limit_least=least, limits=Budget(max_tokens=1000), exit_code=3)

    assert ending(stopped)[-2] == f"  next     coder show run_1   coder resume run_1 {flag}"


def test_a_time_limit_below_what_the_run_has_taken_is_raised_beyond_that() -> None:
    stopped = run("limit", limit="time", seconds=16.2, limits=Budget(timeout=1), exit_code=3)

    assert ending(stopped)[-2].endswith("coder resume run_1 --timeout 34")


def test_files_that_landed_are_counted_and_can_be_undone() -> None:
    patch = unified_diff({"my file.py": b"a\nb\n"}, {"my file.py": b"a\nc\nd\n", "new.py": b"x\n"})

    lines = ending(run(patch=patch, landed=("my file.py", "new.py")))

    assert "  changed  my file.py +2 -1  new.py +1 -0" in lines
    assert lines[-2].endswith("coder undo run_1")


def test_lines_that_look_like_headers_are_counted_as_lines() -> None:
    patch = unified_diff({"a": b"-- x\n"}, {"a": b"++ y\ndiff --git a/b b/b\n"})

    assert diff_stat(patch) == "a +2 -1"


def test_a_removed_file_is_called_so_also_a_binary_one() -> None:
    patch = unified_diff({"a": b"x\n", "b": b"\0"}, {})

    assert diff_stat(patch) == "a removed  b removed"


def test_of_many_changed_files_the_first_are_named_and_the_others_counted() -> None:
    patch = unified_diff({}, {f"{number:04}.txt": b"x\n" for number in range(1500)})

    assert diff_stat(patch).startswith("0000.txt +1 -0  0001.txt +1 -0  ")
    assert diff_stat(patch).endswith("  0019.txt +1 -0  and 1,480 more files")


def test_an_error_is_shown_with_its_first_lines() -> None:
    lines = ending(run("error", error="No key\nSet OPENAI_API_KEY", exit_code=4))

    assert lines[:2] == ["  No key", "  Set OPENAI_API_KEY"]
    assert "coder resume run_1" in lines[-2]


def test_a_refused_landing_is_not_tried_again_in_the_same_way() -> None:
    refused = run("error", error="a.py has changed since this run read it.", exit_code=2)

    assert ending(refused)[-2] == "  next     coder show run_1   start it again"


def test_an_attempt_is_told_by_its_first_failure() -> None:
    failed = CheckLine(name="assert f() == 1", passed=False, expected="1", actual="2")

    line = progress(spoken(Outcome(passed=False, verified="checks", checks=(failed,))))

    assert line == "  ✗ assert f() == 1: expected 1, got 2"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "assert f() == 1\nNameError: name 'c' is not defined\n  at solution.py",
            "NameError: name 'c' is not defined",
        ),
        ("Traceback (most recent call last):\n  File\nValueError: x", "ValueError: x"),
        ("", None),
    ],
)
def test_a_check_that_broke_is_told_by_its_error(message: str, said: str | None) -> None:
    failed = CheckLine(name="assert f() == 1", passed=False, message=message)

    line = progress(spoken(Outcome(passed=False, verified="checks", checks=(failed,))))

    assert line == "  ✗ assert f() == 1" + (f": {said}" if said else "")


def test_an_attempt_without_checks_is_told_by_the_end_of_its_feedback() -> None:
    outcome = Outcome(passed=False, verified="self", feedback="Traceback\n  …\nNameError: f\n")

    assert progress(spoken(outcome)) == "  ✗ NameError: f"


def test_a_retry_is_told_with_its_reason_and_wait() -> None:
    line = progress(CallRetried(call=1, attempt=1, wait_s=2.0, reason="HTTP 429"))

    assert line == "  · HTTP 429; asking again in 2.0 s (try 2)"


def test_what_was_not_written_and_what_was_left_is_told_with_the_reason() -> None:
    assert progress(LandingRefused(reason="a is a folder")) == "  ! not written: a is a folder"
    assert progress(FileUndone(path="a", left="it has changed")) == "  ! a is left as it is: it has changed"
    assert progress(FileUndone(path="a")) == "  ✓ a is as it was before"


def test_no_text_of_a_program_brings_control_sequences_or_lines_to_the_screen() -> None:
    hostile = CheckLine(
        name="\x1b]0;owned\x07\x1b[2Jassert\r\nerror: f\u202e", passed=False, message="\x9b1m"
    )

    line = progress(spoken(Outcome(passed=False, verified="checks", checks=(hostile,))))

    assert line is not None
    assert line.isprintable()


def test_a_long_line_is_cut() -> None:
    line = progress(LandingRefused(reason="x" * 10_000))

    assert line is not None
    assert len(line) < 130


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (None, "cost unknown"),
        (0, "$0.00"),
        (0.0000361, "$0.000036"),
        (0.00012345, "$0.00012"),
        (0.5, "$0.50"),
        (0.098, "$0.098"),
        (12.3456, "$12.35"),
    ],
)
def test_money_has_as_many_digits_as_say_something(cost: float | None, shown: str) -> None:
    assert money(cost if cost is None else float(Decimal(str(cost)))) == shown


def test_an_attempt_is_shown_by_the_gist_of_its_outcome() -> None:
    outcome = Outcome(passed=False, verified="tests", feedback="a\nThe test command b\nc", gist="Too slow.")

    assert progress(spoken(outcome)) == "  ✗ Too slow."


def test_a_task_that_new_tests_show_to_be_done_names_them() -> None:
    reason = "reproduced: test_a.py::test_b failed without the change and passed with it"
    tests = (CheckLine(name="test_a.py::test_b", passed=True),)
    outcome = Outcome(passed=True, verified="reproduced", checks=tests, reproduced_by=("test_a.py::test_b",))

    assert ending(run(reason=reason, verified="reproduced", tests=tests))[-1].startswith(
        f"✓ solved  {reason}"
    )
    assert progress(spoken(outcome)) == "  ✓ 1 of 1 passed; reproduced"


def test_an_attempt_says_why_its_own_tests_show_nothing() -> None:
    outcome = Outcome(passed=True, verified="none", unshown="the new tests pass without the change, too")

    assert progress(spoken(outcome)) == "  · ran; the new tests pass without the change, too"


@pytest.mark.parametrize(
    ("files", "said"),
    [({"calc.py": "x = 1\n"}, "· the code stays as it was tried"), ({}, "✗ again without a change")],
)
def test_an_answer_that_brings_nothing_new_says_so(files: dict[str, str | None], said: str) -> None:
    again = CodeMessage(author="coder", changes=AnswerChanges(files=files), repeats=True)

    assert progress(Spoken(message=again)) == f"  {said}"


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [
        ("bash", {"command": "ls\n-l"}, "bash ls -l"),
        ("edit", {"path": "a.py", "old": "1", "new": "2"}, "edit a.py"),
        (
            "edit",
            {"new": "*** Begin Patch\n*** Update File: a.py\n@@\n*** Add File: b c.py\n"},
            "edit a.py, b c.py",
        ),
    ],
)
def test_a_tool_call_is_a_line_with_its_end(name: str, arguments: dict[str, str], shown: str) -> None:
    called = ToolCalled(call=1, id="a", name=name, arguments=json.dumps(arguments), effect=False)
    answered = ToolAnswered(call=1, id="a", name=name, text="", exit_code=0, seconds=1.25)

    assert tool_line(called, answered) == f"  · {shown}  [exit 0, 1.2 s]"


@pytest.mark.parametrize(
    ("answered", "shown"),
    [
        (
            {"text": "error: There is no file `m.py`.\nNearest: n.py", "refused": True, "seconds": 0.01},
            "  ! edit m.py  refused: There is no file `m.py`.",
        ),
        ({"text": "[a rule denies it]", "refused": True}, "  ! edit m.py  refused: a rule denies it"),
        ({"text": "stopped", "seconds": 2.0}, "  · edit m.py  [2.0 s]"),
        ({"text": "1 failed", "exit_code": 1}, "  · edit m.py  [exit 1, 0.0 s]"),
    ],
)
def test_a_call_that_its_tool_refuses_is_shown_as_refused(answered: dict[str, object], shown: str) -> None:
    called = ToolCalled(call=1, id="a", name="edit", arguments='{"path": "m.py"}', effect=False)
    values = {"call": 1, "id": "a", "name": "edit", "failed": True, **answered}

    assert tool_line(called, ToolAnswered.model_validate(values)) == shown


def test_the_verdict_names_the_time_of_long_tests_beside_the_run_s_own() -> None:
    assert ending(run(seconds=54.44, test_seconds=1492.6))[-1].endswith("  54.4 s and 1,493 s of tests")


def test_a_suite_that_was_stopped_before_the_work_is_said_to_be_with_the_limit_that_stopped_it() -> None:
    tests = (BaselineTest(name="a", passed=True), BaselineTest(name="b", passed=False))

    line = progress(BaselineTaken(passed=False, tests=tests, seconds=300.2, is_cut=True))

    assert line == "  · before  stopped after 300 s by --test-timeout; 1 of the 2 tests that ran fail"


FOUND = FoundTests(argv=("python", "-m", "pytest", "-q"), place="pyproject.toml")


@pytest.mark.parametrize(
    ("passed", "counts"),
    [
        ((True,) * 41 + (False,), "41 pass, 1 fails"),
        ((True, False, False), "1 passes, 2 fail"),
        ((True, True), "2 pass"),
        ((False,), "1 fails"),
    ],
)
def test_a_found_command_is_shown_with_its_file_and_counts(passed: tuple[bool, ...], counts: str) -> None:
    tests = tuple(BaselineTest(name=f"t{number}", passed=value) for number, value in enumerate(passed))

    line = progress(BaselineTaken(passed=all(passed), found=FOUND, tests=tests))

    assert line == f"  · tests: python -m pytest -q, from pyproject.toml; {counts}"


def test_a_found_command_that_names_no_tests_passes_or_fails() -> None:
    tests = (BaselineTest(name="make", passed=False),)

    line = progress(BaselineTaken(passed=False, found=FOUND, told=False, tests=tests))

    assert line == "  · tests: python -m pytest -q, from pyproject.toml; fails"


def test_a_second_run_of_the_tests_shows_only_flaky_ones() -> None:
    baseline = BaselineTaken(passed=True, found=FOUND, is_repeat=True)

    assert progress(baseline) is None
    assert progress(baseline.model_copy(update={"flaky": ("t1",)})) == "  · before  flaky: t1"


def test_a_found_command_that_gives_way_to_the_next_is_named() -> None:
    line = progress(TestsDropped(found=FOUND, reason="There is no pytest."))

    assert line == (
        "  ! tests: python -m pytest -q, from pyproject.toml; they can't be run: There is no pytest."
    )
