"""Nothing that a program or a model wrote can move the cursor, set a title or hide a line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.text.sanitize import printable


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
