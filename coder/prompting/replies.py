"""Replies: whether an answer in a conversation is words alone, even where it quotes code. Pure."""

import re

from coder.edits.answer import Answered
from coder.edits.code_blocks import find_blocks
from coder.edits.read_answer import read_edits

_WISH = re.compile(r"\b(?:can|could|would|will) (?:you|we)\b|\bplease\b", re.IGNORECASE)
"""A question that asks for more than an answer."""
_MARKS = ("?", "\uff1f", "\u061f")
"""Question marks: Latin, full-width, Arabic."""
_CLOSING = " \t\r*_`\"')"
"""Signs behind a question mark."""


def is_reply(asked: str, answered: Answered, text: str) -> bool:
    """Whether nothing in an answer was meant to change a file.

    Args:
        asked: the user's message.
        answered: what the answer makes of the files.
    """
    if not text.strip() or not answered.fits:
        return False
    if "```" not in text:
        return not answered.files
    if not is_question(asked) or read_edits(text, default="", known=()).is_any:
        return False
    return not any(block.name for block in find_blocks(text, known=answered.files))


def asks(text: str) -> bool:
    """Whether words alone ask the user something: one of their lines ends with a question mark."""
    return any(line.rstrip(_CLOSING).endswith(_MARKS) for line in text.splitlines())


def is_question(message: str) -> bool:
    """Whether a message only wants to know something."""
    return any(line.rstrip().endswith("?") for line in message.splitlines()) and not _WISH.search(message)
