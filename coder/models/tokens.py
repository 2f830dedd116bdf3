"""Estimate or count the tokens of a conversation, and shorten it. Pure."""

import re
import string
from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from coder.models.model import ChatMessage, Form, Usage

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
SHORTEST = 400
"""Characters of a message that isn't worth shortening any more."""
_LEAST_CONTEXT = 1000
"""Tokens that every model reads; a count below that of a long prompt is none."""
MOST_TOKENS = 1_000_000_000
"""Of one call; a larger number is no count."""
# OpenAI's name and Moonshot's, DeepSeek's, Anthropic's as gateways pass it on; OpenRouter's and Anthropic's.
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_CACHE_WRITES = ("cache_write_tokens", "cache_creation_input_tokens")


def input_tokens(messages: Sequence[ChatMessage], form: Form | None = None) -> int:
    """Maximum tokens of a request."""
    texts = [message.content for message in messages]
    texts += [call.arguments + call.name for message in messages for call in message.tool_calls]
    if form is not None:
        texts.append(form.model_dump_json())
    images = sum(len(message.images) for message in messages)
    kept = sum(len(text) for message in messages if message.opaque for _, text in message.opaque.items)
    more = _PER_MESSAGE * len(messages) + _PER_IMAGE * images + ceil(kept * _TOKENS_PER_SMALL)
    return _PER_REQUEST + sum(map(_tokens, texts)) + more


@lru_cache(maxsize=4096)  # a dialogue is counted with each request
def _tokens(text: str) -> int:
    plain = text.encode() if text.isascii() else text.encode("ascii", "ignore")
    others = len(text) - len(plain)
    strange = sum(map(len, _LONG.findall(plain)))
    words = _LONG.sub(b"", plain) if strange else plain
    telling = len(words.translate(None, _SMALL))
    return ceil((len(words) - telling) * _TOKENS_PER_SMALL) + telling + strange + others * _TOKENS_PER_OTHER


def shrunk(messages: Sequence[ChatMessage]) -> list[ChatMessage] | None:
    """The conversation without the middle half of its longest message; None where all are short."""
    # The first message is the instruction: what is left without it is not the same question.
    rest = range(1 if len(messages) > 1 else 0, len(messages))
    at = max(rest, key=lambda place: len(messages[place].content), default=None)
    if at is None or len(text := messages[at].content) <= SHORTEST:
        return None
    start = _line_end(text, len(text) // 4)
    end = max(start, _line_end(text, 3 * len(text) // 4))
    cut = f"{text[:start]}\n[… {end - start} characters are left out here …]\n{text[end:]}"
    return [*messages[:at], messages[at].model_copy(update={"content": cut}), *messages[at + 1 :]]


def _line_end(text: str, near: int) -> int:
    """The nearest line end before this place; the place itself where none is near."""
    end = text.rfind("\n", max(0, near - 200), near)
    return end + 1 if end >= 0 else near


def estimated_usage(messages: Sequence[ChatMessage], output_characters: int) -> Usage:
    """Estimate tokens where the endpoint reports none: four characters each."""
    input_tokens = -(-sum(len(message.content) for message in messages) // 4)
    return Usage(input_tokens=input_tokens, output_tokens=-(-output_characters // 4), is_estimate=True)


def is_cut(messages: Sequence[ChatMessage], usage: Usage) -> bool:
    """Whether an endpoint read less than half of a first request: it truncates long ones.

    Not judged: later prompts and cached ones, of which some endpoints count only the rest.
    """
    least = estimated_usage(messages, 0).input_tokens
    is_first = all(message.role != "assistant" for message in messages)
    return is_first and not usage.cached_tokens and _LEAST_CONTEXT <= usage.input_tokens < least / 2


def counted(usage: Usage) -> Usage | None:
    """The count; None if both input and output are 0, which means not counted."""
    return usage if usage.input_tokens or usage.output_tokens else None


def field(holder: object, name: str) -> object:
    """A field of a document; None where there is none, or no document."""
    return holder.get(name) if isinstance(holder, dict) else None


def word(holder: object, name: str) -> str:
    """A text of a document; empty where there is none."""
    value = field(holder, name)
    return value if isinstance(value, str) else ""


def rows(holder: object, name: str) -> list[object]:
    """The list in field `name` of a document; empty if there is none."""
    value = field(holder, name)
    return value if isinstance(value, list) else []


def count(holder: object, name: str) -> int:
    """A count of a document; 0 for what can be none."""
    value = field(holder, name)
    return value if isinstance(value, int) and 0 <= value <= MOST_TOKENS else 0


def usage_of(usage: object) -> Usage | None:
    """The tokens of a call, as chat completions report them; None if not counted."""
    return counted(
        Usage(
            input_tokens=count(usage, "prompt_tokens"),
            output_tokens=count(usage, "completion_tokens"),
            cached_tokens=_first(usage, _CACHED),
            cache_write_tokens=_first(usage, _CACHE_WRITES),
            reasoning_tokens=count(field(usage, "completion_tokens_details"), "reasoning_tokens"),
        )
    )


def _first(usage: object, names: Sequence[str]) -> int:
    """The first nonzero one of these counts, in the details or in the usage itself."""
    holders = (field(usage, "prompt_tokens_details"), usage)
    return next((number for name in names for holder in holders if (number := count(holder, name))), 0)
