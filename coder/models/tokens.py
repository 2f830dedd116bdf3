"""How long a conversation is, by an estimate; and a shorter one, where it was too long for a model. Pure."""

import re
import string
from collections.abc import Sequence
from math import ceil

from coder.models.model import ChatMessage, Form

# Cautious: English has about four characters a token, code about three. Digits, punctuation and capitals may
# be a token each, and so may all of a long word, such as a hash; other scripts have up to two tokens a
# character with older tokenizers.
_TOKENS_PER_SMALL = 1 / 3
_TOKENS_PER_OTHER = 2
_LONG = re.compile(rb"\w{40,}")
_SMALL = string.ascii_lowercase.encode() + b" "
_PER_MESSAGE = 8
_PER_REQUEST = 24
"""What a chat template adds by itself, such as a system prompt of its own."""
_PER_IMAGE = 2000
"""What the dearest provider counts for a picture of common size."""


def input_tokens(messages: Sequence[ChatMessage], form: Form | None = None) -> int:
    """Tokens that a request will have at most."""
    texts = [message.content for message in messages]
    texts += [call.arguments + call.name for message in messages for call in message.tool_calls]
    if form is not None:
        texts.append(form.model_dump_json())
    images = sum(len(message.images) for message in messages)
    return _PER_REQUEST + sum(map(_tokens, texts)) + _PER_MESSAGE * len(messages) + _PER_IMAGE * images


def _tokens(text: str) -> int:
    plain = text.encode() if text.isascii() else text.encode("ascii", "ignore")
    others = len(text) - len(plain)
    strange = sum(map(len, _LONG.findall(plain)))
    known = _LONG.sub(b"", plain) if strange else plain
    telling = len(known.translate(None, _SMALL))
    return ceil((len(known) - telling) * _TOKENS_PER_SMALL) + telling + strange + others * _TOKENS_PER_OTHER


SHORTEST = 400
"""Characters of a message that isn't worth shortening any more."""
SUMMARY_ROOM = 24_000
"""Characters of what is cut that a summarizer reads."""


def shrunk(messages: Sequence[ChatMessage], *, instead: str = "") -> list[ChatMessage] | None:
    """The conversation with the middle of its longest message left out, so that half of that message is left.

    Args:
        instead: what stands there in its place, such as a summary of it.

    Returns:
        None where nothing is left that could be left out.
    """
    at = _longest(messages)
    if at is None:
        return None
    head, cut, tail = _parts(messages[at].content)
    note = f"\n[… {len(cut)} characters are left out here …]\n"
    if instead:
        note = f"\n[… {len(cut)} characters are left out here; what they say, in short: {instead} …]\n"
    shorter = messages[at].model_copy(update={"content": head + note + tail})
    return [*messages[:at], shorter, *messages[at + 1 :]]


def cut_text(messages: Sequence[ChatMessage]) -> str:
    """What `shrunk` would leave out, as much of it as a summarizer reads; empty where nothing can be."""
    at = _longest(messages)
    return _parts(messages[at].content)[1][:SUMMARY_ROOM] if at is not None else ""


def _longest(messages: Sequence[ChatMessage]) -> int | None:
    # The first message is the instruction: what is left without it is not the same question.
    rest = range(1, len(messages)) if len(messages) > 1 else range(len(messages))
    at = max(rest, key=lambda place: len(messages[place].content), default=None)
    return at if at is not None and len(messages[at].content) > SHORTEST else None


def _parts(text: str) -> tuple[str, str, str]:
    """Beginning, middle and end: a quarter, a half and a quarter, parted at an end of a line that is near."""
    start = _line_end(text, len(text) // 4)
    end = max(start, _line_end(text, 3 * len(text) // 4))
    return text[:start], text[start:end], text[end:]


def _line_end(text: str, near: int) -> int:
    found = text.rfind("\n", max(0, near - 200), near)
    return found + 1 if found >= 0 else near
