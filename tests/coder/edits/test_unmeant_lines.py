"""An edit that fits only roughly changes no line that it doesn't mean to change."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.edits.answer import read_answer
from tests.coder.edits.rendering import envelope, search_replace

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


def as_models_write(line: str) -> str:
    """A line as a model gives it back: what can't be seen or typed is lost."""
    text = unicodedata.normalize("NFD", line.rstrip()).replace("—", "-").replace("\u200b", "")
    return text.replace("\u00a0", " ").replace("\t", "    ")


ENDS = st.sampled_from(["\n", "\r\n", " \n", "\t\r\n", "\u200b\n", "\u00a0\n"])
WORDS = st.text("aé—ñ “\u00a0\u200b", max_size=6)


@given(
    words=st.lists(st.tuples(st.integers(0, 2), WORDS, ENDS), min_size=3, max_size=8),
    chosen=st.integers(0, 7),
    has_mark=st.booleans(),
    is_complete=st.booleans(),
)
@pytest.mark.parametrize("form", [search_replace, envelope])
def test_an_edit_of_one_line_changes_the_bytes_of_no_other(
    form: Callable[..., str],
    words: list[tuple[int, str, str]],
    chosen: int,
    has_mark: bool,
    is_complete: bool,
) -> None:
    lines = ["\t" * depth + f"{n} = {word}{end}" for n, (depth, word, end) in enumerate(words)]
    if not is_complete:
        lines[-1] = lines[-1].rstrip("\r\n")
    at = chosen % len(lines)
    seen = [as_models_write(line) + "\n" for line in lines]
    wanted = [*seen[:at], "    " * words[at][0] + "changed\n", *seen[at + 1 :]]
    before = "\ufeff" * has_mark + "".join(lines)

    answer = form({"a.txt": "".join(seen)}, {"a.txt": "".join(wanted)})
    after = read_answer(answer, {"a.txt": before}, default="a.txt").files["a.txt"]

    end = lines[at][len(lines[at].rstrip("\r\n")) :]
    lines[at] = "\t" * words[at][0] + "changed" + end
    assert after == "\ufeff" * has_mark + "".join(lines)


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    {
        "composed characters": ("café = 1\n", "cafe\u0301 = 1", "café = 2", "café = 2\n"),
        "a soft hyphen": ("co\u00adop = 1\n", "coop = 1", "coop = 2", "coop = 2\n"),
        "a variation selector": ("# ❤\ufe0f\nx = 1\n", "# ❤\nx = 1", "# ❤\nx = 2", "# ❤\ufe0f\nx = 2\n"),
        "tabs": (
            "if x:\n\ty = 1\n",
            "if x:\n  y = 1",
            "if x:\n  if z:\n    y = 1",
            "if x:\n\tif z:\n\t\ty = 1\n",
        ),
        "blanks": ("if x:\n  y = 1\n", "if x:\n\ty = 1", "if x:\n\ty = 2", "if x:\n  y = 2\n"),
        "aligned blanks": (
            "\tf(a,\n\t  b)\n",
            "    f(a,\n      b)",
            "    f(a,\n      c)",
            "\tf(a,\n\t  c)\n",
        ),
    }.values(),
)
def test_what_cannot_be_seen_fails_no_edit(before: str, old: str, new: str, after: str) -> None:
    assert edited(before, old.split("\n"), new.split("\n")) == after


def test_what_fits_two_places_but_for_what_cannot_be_seen_is_not_changed() -> None:
    before = "café\ncafe\u0301\n"
    answer = "a.txt\n```\n<<<<<<< SEARCH\ncaf\u200bé\n=======\ntea\n>>>>>>> REPLACE\n```\n"

    edits = read_answer(answer, {"a.txt": before}, default="a.txt")

    assert edits.files == {}
    assert "fits equally well at lines 1, 2" in (edits.problem or "")


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        ("a\r\nb\nc\n", ["a ", "b"], ["A", "B"], "A\r\nB\nc\n"),
        ("a\r\nb\nc\n", ["a "], ["a ", "new"], "a\r\nnew\r\nb\nc\n"),
        ("a\r\nb\nc\n", ["b "], ["b ", "new"], "a\r\nb\nnew\nc\n"),
    ],
)
def test_new_lines_end_like_those_that_they_replace_or_follow(
    before: str, old: list[str], new: list[str], after: str
) -> None:
    assert edited(before, old, new) == after
