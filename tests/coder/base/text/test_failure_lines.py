"""The line of a failure that is quoted says what is wrong."""

import pytest

from coder.base.text.failure_lines import last_line, reason_line, telling_line


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


COVERAGE = "FAIL Required coverage of 90% not reached."
MAKE = "make: *** [Makefile:3: test] Error 1"
CARGO = "error: test failed, to rerun pass `--lib`"
TOX = "evaluation failed :( (0.5 seconds)"


@pytest.mark.parametrize(
    ("stderr", "stdout", "line"),
    [
        pytest.param("", f"{COVERAGE}\n== 1 passed in 0.01s ==", COVERAGE, id="coverage"),
        pytest.param(MAKE, "m.py:1:1: F401 unused\nFound 1 error.", "Found 1 error.", id="linter of make"),
        pytest.param(f"sh: uv: not found\n{MAKE}", "", "sh: uv: not found", id="make without its program"),
        pytest.param(MAKE, "", MAKE, id="make alone"),
        pytest.param("npm error code 1", "a: expected 1\n1 failing\ndone", "1 failing", id="npm"),
        pytest.param(CARGO, "running 1 test", CARGO, id="cargo"),
        pytest.param("", "--- FAIL: TestA\nFAIL\tshop\t0.1s\nFAIL", "FAIL\tshop\t0.1s", id="go"),
        pytest.param("", "ok\tshop\nFAIL", "FAIL", id="go without a package that failed"),
        pytest.param(
            "", "Got:\n    1\n***Test Failed*** 1 failures.", "***Test Failed*** 1 failures.", id="doctest"
        ),
        pytest.param("", f"  py: FAIL code 1\n  {TOX}", TOX, id="tox"),
        pytest.param("", "tests: 3\nall done", "all done", id="nothing tells of a failure"),
        pytest.param("", "", "", id="nothing printed"),
    ],
)
def test_the_reason_of_a_command_is_its_last_error_or_the_last_line_that_tells_of_a_failure(
    stderr: str, stdout: str, line: str
) -> None:
    assert reason_line(stderr, stdout) == line
