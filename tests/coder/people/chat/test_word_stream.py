"""What of an answer is shown as it comes: its words, never its code, and nothing that moves a terminal."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.sanitize import printable
from coder.people.chat.word_stream import WordStream, unshown
from coder.run.event_types import Spoken
from coder.run.message import CodeMessage, ReplyMessage

ANSWER = """

I mended it.

calc.py
```python
text = '''```'''
```
Done, `x` *is* <right>:

<<<<<<< SEARCH
a
=======
b
>>>>>>> REPLACE
*** Begin Patch
*** Update File: x
*** End Patch
* and more ``` here
~~~~
not shown
~~~
~~~~

"""
BESIDE_EDITS = Spoken(message=CodeMessage(author="coder", text=ANSWER))
SHOWN = "I mended it.\n\ncalc.py\nDone, `x` *is* <right>:\n* and more ``` here\n"
LINES = st.sampled_from(["word", "* item", "<b>", "```", "```python", "~~~", "\x1b[31mred", "", "  ", "`x`"])


def said(pieces: Sequence[str]) -> str:
    words = WordStream()
    text = "".join([*map(words.feed, pieces), words.end(), words.take_late(BESIDE_EDITS)])
    assert text == words.text
    return text


def cut(text: str, places: Sequence[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[one:other] for one, other in pairwise(ends)]


def test_code_in_fences_and_edits_is_left_out() -> None:
    assert said([ANSWER]) == SHOWN


def test_an_answer_to_a_question_is_shown_with_its_code() -> None:
    words = WordStream(with_code=True)

    assert words.feed(ANSWER) + words.end() == ANSWER.strip()


@pytest.mark.slow
@given(st.lists(st.integers(0, 400), max_size=60))
def test_where_an_answer_is_cut_into_pieces_changes_nothing(places: list[int]) -> None:
    assert said(cut(ANSWER, places)) == SHOWN


@pytest.mark.slow
@given(st.lists(LINES, max_size=8), st.lists(st.integers(0, 80), max_size=20))
def test_any_answer_is_shown_alike_whole_and_in_pieces(lines: list[str], places: list[int]) -> None:
    text = "\n".join(lines)

    assert said(cut(text, places)) == said([text])


@pytest.mark.slow
@given(st.text(max_size=60).filter(lambda text: not any(mark in text for mark in ("```", "~~~"))))
def test_words_alone_are_shown_as_they_are_printed(text: str) -> None:
    assert said(list(text)) == printable(text.encode("utf-8", "replace").decode()).strip()


def test_what_was_shown_as_it_arrived_is_not_shown_again_at_the_end() -> None:
    assert unshown("It adds.", "Let me look.\nIt adds.") == ""
    assert unshown("It adds.\n\nNothing was to change.", "It adds.\n\n") == "Nothing was to change."
    assert unshown("See:\n\n```py\na = 1\n```", "See:\n") == "```py\na = 1\n```"
    assert unshown("It adds.", "") == "It adds."


@given(st.lists(LINES, max_size=12), st.lists(st.integers(0, 120), max_size=20))
def test_an_answer_in_words_is_shown_once_and_whole(lines: list[str], places: list[int]) -> None:
    text = "\n".join(lines)
    words, whole = WordStream(), printable(text.strip())

    arrived = "".join([*map(words.feed, cut(text, places)), words.end()])
    arrived += words.take_late(Spoken(message=ReplyMessage(author="coder", text=text)))

    assert "".join((arrived + unshown(whole, words.text)).split()) == "".join(whole.split())
