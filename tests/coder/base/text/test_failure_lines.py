"""The line of a failure that is quoted says what is wrong."""

import pytest

from coder.base.text.failure_lines import last_line, telling_line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Traceback (most recent call last):\n  File ...\nKeyError: 'a'\n", "KeyError: 'a'"),
        ("assert 1 == 2\n  ValueError: later", "assert 1 == 2"),
        ("====== FAILURES ======\n\ntotal is 3\n======", "total is 3"),
        ("⎯⎯⎯ Unhandled ⎯⎯⎯\nRun failed.\nError: EROFS: read-only\n at x\n⎯⎯⎯⎯", "Error: EROFS: read-only"),
        ("--- FAIL: TestAdd (0.00s)\n", "--- FAIL: TestAdd (0.00s)"),
        ("-----\n", ""),
        ("", ""),
    ],
)
def test_the_line_of_a_failure_is_its_error_and_no_rule_or_heading(message: str, line: str) -> None:
    assert telling_line(message) == line


def test_the_last_line_is_no_rule() -> None:
    assert last_line("Error: EROFS\n at mkdir\n⎯⎯⎯⎯⎯⎯\n\n") == " at mkdir"
