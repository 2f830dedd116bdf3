"""Tokens of a request, before anyone has counted them: at most so many."""

from collections.abc import Sequence
from math import ceil

from coder.models.model import ChatMessage, Form

# Cautious: English has about four characters a token, code about three; other scripts have up to two tokens a
# character with older tokenizers.
_TOKENS_PER_ASCII = 1 / 3
_TOKENS_PER_OTHER = 2
_PER_MESSAGE = 8
_PER_IMAGE = 2000
"""What the dearest provider counts for a picture of common size."""


def input_tokens(messages: Sequence[ChatMessage], form: Form | None = None) -> int:
    """Tokens that a request will have at most."""
    texts = [message.content for message in messages]
    texts += [call.arguments + call.name for message in messages for call in message.tool_calls]
    if form is not None:
        texts.append(form.model_dump_json())
    images = sum(len(message.images) for message in messages)
    return sum(map(_tokens, texts)) + _PER_MESSAGE * len(messages) + _PER_IMAGE * images


def _tokens(text: str) -> int:
    plain = len(text) if text.isascii() else sum(character.isascii() for character in text)
    return ceil(plain * _TOKENS_PER_ASCII) + (len(text) - plain) * _TOKENS_PER_OTHER
