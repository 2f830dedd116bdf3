"""Recognize messages and answers that are only words, or that ask a question. Pure functions."""

import re

from coder.edits.edit import Answered

_WORK_REQUEST = re.compile(r"\b(?:can|could|would|will) (?:you|we)\b|\bplease\b", re.IGNORECASE)
"""Words of a question that asks for work, not only for an answer."""
_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
"""Question marks: Latin, full-width, Arabic."""
_CLOSING_CHARACTERS = " \t\r*_`\"')"
"""Characters that may follow a question mark."""


def is_words(edits: Answered, text: str) -> bool:
    """Return whether an answer holds only words: neither an edit nor a file."""
    return bool(text.strip()) and edits.empty and edits.fits


def asks(text: str) -> bool:
    """Return whether an answer asks the user something: one of its lines ends with a question mark."""
    return any(line.rstrip(_CLOSING_CHARACTERS).endswith(_QUESTION_MARKS) for line in text.splitlines())


def is_question(message: str) -> bool:
    """Return whether a message only asks for information."""
    return any(line.rstrip().endswith("?") for line in message.splitlines()) and not _WORK_REQUEST.search(
        message
    )
