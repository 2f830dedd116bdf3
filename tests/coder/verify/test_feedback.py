"""What is told of a failure is the same whenever the same thing fails."""

import pytest

from coder.run.message import CheckLine
from coder.verify.finding import NOTHING_RAN, failures, feedback


def test_addresses_of_objects_are_left_out_so_that_a_recording_can_answer() -> None:
    texts = [
        feedback([CheckLine(name="t", passed=False, message=f"self = <T object at 0x7fe{n}91078750>")])
        for n in range(2)
    ]

    assert texts[0] == texts[1] == "This check fails: t\nself = <T object at 0x…>"


@pytest.mark.parametrize("runpy", ["<frozen runpy>", "/usr/lib/python3.9/runpy.py"])
def test_a_traceback_begins_with_the_test_and_not_with_what_runs_it(runpy: str) -> None:
    test = '  File "check.py", line 2, in <module>\n    assert add(2, 3) == 5\nAssertionError\n'
    runner_frames = (
        '  File "/w/.coder/launch", line 27, in <module>\n'
        '  File "/w/.coder/ours.zip/reporter.py", line 210, in run_file\n    runpy.run_path(args[0])\n'
        f'  File "{runpy}", line 291, in run_path\n  File "{runpy}", line 88, in _run_code\n    exec(code)\n'
    )
    head = "Traceback (most recent call last):\n"

    text = feedback([CheckLine(name="t", passed=False, message=head + runner_frames + test)])

    assert text == f"This check fails: t\n{head}{test}".rstrip()


def test_failures_of_a_first_prompt_take_a_few_thousand_characters_and_keep_each_message_s_end() -> None:
    lines = [
        CheckLine(name=f"test_{n}", passed=False, message="frame\n" * 1_000 + f"AssertionError: {n}")
        for n in range(500)
    ]

    text = failures(lines)

    assert len(text) < 6_000
    assert [f"AssertionError: {n}" in text for n in range(4)] == [True, True, True, False]
    assert text.startswith("500 checks fail:\ntest_0\n")


def test_failures_that_end_at_the_same_line_are_quoted_once() -> None:
    raised = "    raise ValueError(x)\nE   ValueError: 3\n\nsrc/shop.py:216: ValueError"
    lines = [CheckLine(name=f"test_{n}", passed=False, message=f"frame {n}\n{raised}") for n in range(7)]
    other = CheckLine(
        name="test_other", passed=False, message="E   assert 1 == 2\n\ntests/test_x.py:3: AssertionError"
    )

    text = failures([*lines, other])

    assert text.count("src/shop.py:216: ValueError") == 1
    assert "6 others end at the same line." in text
    assert "tests/test_x.py:3: AssertionError" in text


def test_a_quoted_failure_has_ten_lines_before_the_one_that_failed_and_no_long_line() -> None:
    source = "\n".join(f"    line {n}" for n in range(40))
    message = (
        f"    def total():\n{source}\n>   return {'x' * 900}\nE   NameError: x\n\nsrc/shop.py:50: NameError"
    )

    text = feedback([CheckLine(name="t", passed=False, message=message)])

    assert [f"line {n}\n" in f"{text}\n" for n in (29, 30, 39)] == [False, True, True]
    assert "x" * 100 in text
    assert "x" * 201 not in text
    assert text.endswith("src/shop.py:50: NameError")


def test_a_script_that_failed_by_its_exit_code_is_quoted_with_what_it_printed() -> None:
    line = CheckLine(name="check.py", passed=False, expected="exit code 0", actual="exit code 1")

    text = feedback(
        [line], NOTHING_RAN.model_copy(update={"stderr": "add(2, 3) is 6\n", "stdout": "3 of 4\n"})
    )

    assert "expected: exit code 0\nactual: exit code 1" in text
    assert "stderr:\nadd(2, 3) is 6" in text
    assert "stdout:\n3 of 4" in text
