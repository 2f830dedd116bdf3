"""A call of a tool as a person reads it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.engine.participants.call_permission import call_words
from coder.models.model import ToolCall


def words(**arguments: object) -> str:
    return call_words(ToolCall(id="a", name="sql", arguments=json.dumps(arguments)))


def test_each_argument_stands_on_a_line_of_its_own_and_texts_as_their_lines() -> None:
    text = words(query="SELECT 1;\nDROP TABLE users;", dry=False, tags=["ä"])

    assert text.splitlines() == [
        "sql",
        "    query:",
        "        SELECT 1;",
        "        DROP TABLE users;",
        "    dry: false",
        "    tags:",
        "        [",
        '          "ä"',
        "        ]",
    ]


def test_what_stands_behind_ten_thousand_blanks_is_shown() -> None:
    assert words(query=" " * 10_000 + "; rm -rf ~").endswith("; rm -rf ~")


def test_characters_that_hide_or_turn_text_are_shown_by_their_numbers() -> None:
    text = words(query="a\x1b[2Kb\u202ec\u200bd\r")

    assert text.splitlines()[1:] == [r"    query: a\u{1b}[2Kb\u{202e}c\u{200b}d\u{d}"]


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_a_call_shows_no_control_characters_whatever_it_holds(arguments: dict[str, object]) -> None:
    text = words(**{"x": arguments})

    assert all(char in "\n\t" or char.isprintable() for char in text)
