"""Quotations of a repository's text: nothing in it can end them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from coder.context.excerpts import excerpts, ranges
from coder.context.quoting import fenced, shown_path, tokens

HOSTILE = st.text(st.sampled_from("`~\n #x\r\u2028\x1b"), max_size=60)


@given(HOSTILE)
def test_no_text_holds_the_fence_that_it_stands_in(text: str) -> None:
    first, *_, last = fenced(text).split("\n")

    assert first == last
    assert set(first) == {"`"}
    assert not re.search(rf"`{{{len(first)},}}", text)


def test_plain_text_is_quoted_as_before() -> None:
    assert fenced("a = 1") == "```\na = 1\n```"


@given(st.text(max_size=80))
def test_a_path_is_one_line_in_one_pair_of_backticks(path: str) -> None:
    shown = shown_path(path)

    assert shown.count("`") == 2
    assert len(shown.splitlines()) == 1


def test_an_excerpt_is_the_file_s_own_text_with_numbers_apart() -> None:
    text = "".join(f"line {i}\n" for i in range(1, 201))

    shown = excerpts("a.py", text, [50, 60, 150], budget=5000)

    assert "`a.py`, lines 20 to 90 of 200:\n```\nline 20\n" in shown
    assert "`a.py`, lines 120 to 180 of 200:\n```\nline 120\n" in shown


def test_an_excerpt_keeps_to_its_budget_whatever_fence_it_needs() -> None:
    text = "a\n" * 9 + "`" * 3_000 + "\n" + "b\n" * 90

    shown = ranges("a.md", text, [(1, 12), (40, 50)], budget=1_500)

    assert "lines 40 to 50" in shown
    assert "lines 1 to 12" not in shown
    assert tokens(shown) <= 1_500


def test_lines_that_are_not_there_show_nothing() -> None:
    assert excerpts("a.py", "one\ntwo\n", [0, 3, 10**9], budget=5000) == ""
