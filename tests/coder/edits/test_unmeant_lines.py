"""An edit that fits only roughly changes no line that it doesn't mean to change."""

import pytest

from coder.edits.answer import read_answer

AROUND = ["first = 1", "middle = 2", "last = 3"]


def edited(before: str, old: list[str], new: list[str]) -> str | None:
    """The file after one search/replace block."""
    lines = ["a.txt", "```", "<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE", "```"]
    return read_answer("\n".join(lines) + "\n", {"a.txt": before}, default="a.txt").files["a.txt"]


@pytest.mark.parametrize(
    "kept",
    ["middle = 2  \n", "middle = 2\t\n", "middle = 2\r\n"],
    ids=["trailing blanks", "a trailing tab", "another line end"],
)
def test_a_line_between_two_changed_ones_stays_as_it_is(kept: str) -> None:
    before = f"first = 1\n{kept}last = 3\n"

    after = edited(before, AROUND, ["first = 10", "middle = 2", "last = 30"])

    assert after == f"first = 10\n{kept}last = 30\n"


def test_a_dash_that_the_answer_writes_as_a_hyphen_stays_a_dash() -> None:
    before = "one = 1\n# from — to, “quoted”\ntwo = 2\n"

    after = edited(
        before,
        ["one = 1", '# from - to, "quoted"', "two = 2"],
        ["one = 10", '# from - to, "quoted"', "added = 5", "two = 20"],
    )

    assert after == "one = 10\n# from — to, “quoted”\nadded = 5\ntwo = 20\n"


def test_lines_with_another_indentation_than_in_the_answer_keep_their_blanks() -> None:
    before = "if x:\n        first = 1\n        middle = 2   \n        last = 3\n"

    after = edited(before, AROUND, ["first = 10", "middle = 2", "last = 30"])

    assert after == "if x:\n        first = 10\n        middle = 2   \n        last = 30\n"


def test_trailing_blanks_that_the_answer_removes_are_removed() -> None:
    before = "first = 1  \nmiddle = 2\n"

    assert edited(before, ["first = 1  "], ["first = 1"]) == "first = 1\nmiddle = 2\n"


def test_context_lines_of_a_diff_stay_as_they_are() -> None:
    before = "one — 1  \r\ntwo\nthree  \n"
    diff = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one - 1\n-two\n+zwei\n three\n"

    after = read_answer(f"```diff\n{diff}```\n", {"a.txt": before}, default="a.txt").files["a.txt"]

    assert after == "one — 1  \r\nzwei\nthree  \n"
