"""Caching: what helps an endpoint to know a conversation's beginning again, and to charge less for it.

Every conversation of ours begins with the same messages as the one before it, and is only added to behind
them. Most endpoints see that by themselves; some want a name for it, or a mark where the beginning ends.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

from coder.models.model import ChatMessage

Caching = Literal["prefix", "key", "conversation", "marks"]
"""How an endpoint is helped.

prefix: not at all, it compares beginnings by itself. key: the field `prompt_cache_key`. conversation: xAI's
header for chat completions, the field for Responses. marks: `cache_control` on messages, as Anthropic's
models want it, where OpenRouter hands it on to them.
"""
KEY_FIELD = "prompt_cache_key"
CONVERSATION_HEADER = "x-grok-conv-id"
MARKED = "anthropic/"
"""Models that cache only what is marked."""


def beginning(messages: Sequence[ChatMessage]) -> int:
    """How many messages make the beginning: up to the first of the user's, which holds the task."""
    first = next((at for at, message in enumerate(messages) if message.role == "user"), len(messages) - 1)
    return first + 1


def cache_key(messages: Sequence[ChatMessage]) -> str:
    """One name for all conversations with the same beginning; it tells nothing of what that says."""
    start = messages[: beginning(messages)]
    return hashlib.sha256("\n".join(message.model_dump_json() for message in start).encode()).hexdigest()[:32]


def marked(messages: Sequence[ChatMessage]) -> frozenset[int]:
    """The messages behind which a cache is worth its price: the beginning, and a loop of tools' last step."""
    marks = {beginning(messages) - 1}
    if messages and messages[-1].role == "tool":
        marks.add(len(messages) - 1)
    return frozenset(marks)
