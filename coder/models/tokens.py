"""Tokens of a request, before anyone has counted them: at most so many."""

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
