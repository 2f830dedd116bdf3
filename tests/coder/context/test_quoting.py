"""Quotations of a repository's text: nothing in it can end them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from coder.context.quoting import fenced, shown_path

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
    quote = shown_path(path)

    assert quote.count("`") == 2
    assert len(quote.splitlines()) == 1
