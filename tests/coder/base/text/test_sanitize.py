"""Nothing that a program or a model wrote can move the cursor, set a title or hide a line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.sanitize import printable, terminal_text, visible
from tests.linear_work import assert_linear


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x1b\\clipboard", "clipboard"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x9b2Jgone\x9d0;t\x9c", "gone"),
        ("\x1bcreset\x1b(Bset", "resetset"),
        ("over\rwritten\x08\x00\x7f", "overwritten"),
        ("if a\u202e\u2066 # \u2069", "if a # "),
        ("read\U000e0064\U000e0065\U000e006c this\U000e0100", "read this"),
        ("tab\tand\nnewline – é ✓", "tab\tand\nnewline – é ✓"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("cut off \x1b[3", "cut off 3"),
        ("\x1b]0;without its end\nnext line", "0;without its end\nnext line"),
        ("\x9d0;without its end", "0;without its end"),
    ],
)
def test_only_what_can_be_read_is_left(text: str, expected: str) -> None:
    assert printable(text) == expected


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x9d[]P\\\x07;m0"))))
def test_no_control_character_is_ever_left(text: str) -> None:
    kept = printable(text)

    assert not [c for c in kept if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n"]
    kept.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 10%\r 50%\r100%\n", "100%\n"),
        ("done\r\nnext", "done\nnext"),
        ("waiting\r", "waiting"),
        ("longer\rshort", "shortr"),
        ("\x1b[32m 10%\x1b[0m\r\x1b[32m 90%\x1b[0m", " 90%"),
        ("Resolving\r\x1b[Kdone", "done"),
        ("Resolving\x1b[2K\rdone", "done"),
        ("abc\x08\x08X", "aXc"),
        ("\x08\x08a\rb\nc", "b\nc"),
        ("tab\tand\x07 – é ✓", "tab\tand – é ✓"),
    ],
)
def test_a_rewritten_line_is_shown_as_a_terminal_shows_it_in_the_end(text: str, expected: str) -> None:
    assert terminal_text(text) == expected


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b\x9b[K012\r\x08\nab"))))
def test_what_is_left_of_rewritten_lines_holds_no_control_character(text: str) -> None:
    output = terminal_text(text)

    assert printable(output) == output
    assert terminal_text(output) == output


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["a\r", "\x08", "\r\x1b[2K", "\x1b["])
def test_hostile_lines_take_time_that_grows_with_their_length(unit: str) -> None:
    assert_linear(terminal_text, lambda size: "A" * size + unit * size, size=200_000)


def test_what_is_approved_is_shown_whole_and_moves_no_cursor() -> None:
    hidden = "x = '\x1b]0;'; os.system('id'); '\x07'\n\x1b[8mb\u202ec\u200b\td\r\n\rend"

    visible_text = visible(hidden)

    expected = r"x = '\u{1b}]0;'; os.system('id'); '\u{7}'" + "\n" + r"\u{1b}[8mb\u{202e}c\u{200b}"
    assert visible_text == expected + "\td\n" + r"\u{d}end"
    assert printable(visible_text) == visible_text
