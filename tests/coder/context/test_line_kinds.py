"""Kinds of lines of a log."""

from hypothesis import given
from hypothesis import strategies as st

from coder.context.line_kinds import line_kinds

LOG = "".join(
    f"2026-11-24 08:00:{n % 60:02} INFO served /item/{n} in {n * 7 % 90} ms\n" for n in range(5_000)
)


def test_a_line_that_stands_once_in_a_long_log_comes_first_with_its_number() -> None:
    lines = LOG.splitlines()
    lines.insert(3_210, "2026-11-24 09:00:00 ERROR order 17 has no 'price'")

    kinds = line_kinds("\n".join(lines), most=4_000).splitlines()

    assert kinds[0] == "1 × (line 3211)  2026-11-24 09:00:00 ERROR order 17 has no 'price'"
    assert kinds[1].startswith("5000 × (lines 1, 2, 3, …)  2026-11-24 08:00:00 INFO served /item/0 in 0 ms")
    assert len(kinds) == 2


def test_more_kinds_than_are_shown_are_counted() -> None:
    text = "\n".join(chr(ord("a") + n % 26) * (n // 26 + 1) for n in range(100))

    kinds = line_kinds(text, most=4_000).splitlines()

    assert len(kinds) == 31
    assert kinds[-1] == "… and 70 other kinds"


@given(st.text(), st.integers(0, 500))
def test_the_kinds_of_any_text_keep_to_their_room(text: str, most: int) -> None:
    summary = line_kinds(text, most=most)

    assert len(summary) <= most + 80
