"""Findings of linters in the forms that they print, and which of them are new."""

import pytest

from coder.run.message import CheckLine
from coder.verify.lint import new_findings, read_findings
from coder.verify.reports.failures import Places

PLACES = ("src/calc.py", "web/app.ts", "src/lib.rs")


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ("src/calc.py:1:8: F401 [*] `os` imported but unused", "src/calc.py", 1,
         "F401 [*] `os` imported but unused"),
        ("src/calc.py:3: error: Incompatible types  [assignment]", "src/calc.py", 3,
         "error: Incompatible types [assignment]"),
        ("F401 [*] `os` imported but unused\n --> src/calc.py:1:8\n  |\n1 | import os", "src/calc.py", 1,
         "F401 [*] `os` imported but unused"),
        ("/w/web/app.ts\n  4:7  error  'x' is never used  no-unused-vars\n", "web/app.ts", 4,
         "error 'x' is never used no-unused-vars"),
        ("web/app.ts(4,7): error TS2322: Type 'string'", "web/app.ts", 4, "error TS2322: Type 'string'"),
        ("warning: unused variable: `x`\n --> src/lib.rs:2:9", "src/lib.rs", 2,
         "warning: unused variable: `x`"),
    ],
)  # fmt: skip
def test_a_finding_is_read(text: str, path: str, line: int, message: str) -> None:
    assert [(f.path, f.line, f.message) for f in read_findings(text, Places(PLACES))] == [
        (path, line, message)
    ]


def test_notes_and_files_of_elsewhere_are_no_findings() -> None:
    said = "src/calc.py:3: note: see here\n/usr/lib/python3/os.py:1: error: theirs\nFound 1 error in 1 file\n"

    assert read_findings(said, Places(PLACES)) == ()


def finding(line: int, message: str = "F401 unused", path: str | None = "src/calc.py") -> CheckLine:
    return CheckLine(name=f"{path}:{line}", passed=False, message=message, path=path, line=line)


def test_a_finding_that_only_moved_is_not_new() -> None:
    assert new_findings([finding(9)], [finding(3)], changed=["src/calc.py"]) == ()


def test_the_second_of_the_same_kind_is_new() -> None:
    assert new_findings([finding(3), finding(9)], [finding(3)], changed=["src/calc.py"]) == (finding(9),)


def test_findings_in_files_that_were_not_changed_do_not_count() -> None:
    assert new_findings([finding(1, path="web/app.ts")], [], changed=["src/calc.py"]) == ()
