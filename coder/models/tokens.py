"""Estimate or count the tokens of a conversation, and shorten it."""

import re
import string
from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from coder.models.answer_parts import Image
from coder.models.model import ChatMessage, Form, Usage

# A cautious estimate: English has about four characters per token, code about three. Digits, punctuation,
# capitals and characters of a long word such as a hash may be a token each; other scripts have up to two
# tokens per character with older tokenizers.
_TOKENS_PER_LETTER = 1 / 3
_TOKENS_PER_OTHER = 2
_LONG_WORD = re.compile(rb"\w{40,}")
_LETTERS = string.ascii_lowercase.encode() + b" "
_PER_MESSAGE = 8
_PER_REQUEST = 24
"""Tokens that a chat template adds, such as a default system prompt."""
_PER_IMAGE = 2000
"""Tokens that the most expensive provider counts for a picture of common size."""
_PDF_LETTERS_PER_TOKEN = 70
"""Letters of base64 for each token of a PDF: about 2,000 tokens for a page of 100 KB."""
MIN_SHORTENED = 400
"""Messages with fewer characters aren't shortened."""
_MIN_CONTEXT = 1000
"""Every model reads this many tokens; a lower count for a long prompt is unreliable."""
MAX_COUNT = 1_000_000_000
"""Maximum count of one call; a larger number is ignored."""
# Names of these counts at OpenAI and Moonshot, DeepSeek, and Anthropic; then at OpenRouter and Anthropic.
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
_CACHE_WRITES = ("cache_write_tokens", "cache_creation_input_tokens")


def input_tokens(messages: Sequence[ChatMessage], form: Form | None = None) -> int:
    """Return an upper estimate of the tokens of a request."""
    texts = [message.content for message in messages]
    texts += [call.arguments + call.name for message in messages for call in message.tool_calls]
    if form is not None:
        texts.append(form.model_dump_json())
    images = sum(picture_tokens(image) for message in messages for image in message.images)
    opaque_characters = sum(
        len(text) for message in messages if message.opaque for _, text in message.opaque.items
    )
    other_tokens = _PER_MESSAGE * len(messages) + images + ceil(opaque_characters * _TOKENS_PER_LETTER)
    return _PER_REQUEST + sum(map(_tokens, texts)) + other_tokens


def picture_tokens(image: Image) -> int:
    """Return an estimate of the tokens of a picture, or of a PDF by its size, as its pages aren't counted."""
    return max(_PER_IMAGE, len(image.base64) // _PDF_LETTERS_PER_TOKEN) if image.is_pdf else _PER_IMAGE


@lru_cache(maxsize=4096)  # each request counts the whole dialogue again
def _tokens(text: str) -> int:
    ascii_bytes = text.encode() if text.isascii() else text.encode("ascii", "ignore")
    non_ascii = len(text) - len(ascii_bytes)
    long_characters = sum(map(len, _LONG_WORD.findall(ascii_bytes)))
    words = _LONG_WORD.sub(b"", ascii_bytes) if long_characters else ascii_bytes
    special_characters = len(words.translate(None, _LETTERS))
    return (
        ceil((len(words) - special_characters) * _TOKENS_PER_LETTER)
        + special_characters
        + long_characters
        + non_ascii * _TOKENS_PER_OTHER
    )


def shorten_longest(messages: Sequence[ChatMessage]) -> list[ChatMessage] | None:
    """Return the conversation without the middle half of its longest message; None if all are short."""
    # The first message is the instruction, without which the request would change its meaning.
    candidates = range(1 if len(messages) > 1 else 0, len(messages))
    index = max(candidates, key=lambda place: len(messages[place].content), default=None)
    if index is None or len(text := messages[index].content) <= MIN_SHORTENED:
        return None
    start = _line_end(text, len(text) // 4)
    end = max(start, _line_end(text, 3 * len(text) // 4))
    shortened = f"{text[:start]}\n[… {end - start} characters are left out here …]\n{text[end:]}"
    return [
        *messages[:index],
        messages[index].model_copy(update={"content": shortened}),
        *messages[index + 1 :],
    ]


def _line_end(text: str, near: int) -> int:
    """Return the position after the last newline within 200 characters before `near`, else `near`."""
    end = text.rfind("\n", max(0, near - 200), near)
    return end + 1 if end >= 0 else near


def estimated_usage(messages: Sequence[ChatMessage], output_characters: int) -> Usage:
    """Return estimated usage if the endpoint reports none: four characters per token."""
    input_tokens = -(-sum(len(message.content) for message in messages) // 4)
    return Usage(input_tokens=input_tokens, output_tokens=-(-output_characters // 4), is_estimate=True)


def is_cut(messages: Sequence[ChatMessage], usage: Usage) -> bool:
    """Whether an endpoint silently truncated a first request: it read less than half of the tokens.

    Later and cached prompts can't be judged, because some endpoints count only their new part.
    """
    estimate = estimated_usage(messages, 0).input_tokens
    is_first = all(message.role != "assistant" for message in messages)
    return is_first and not usage.cached_tokens and _MIN_CONTEXT <= usage.input_tokens < estimate / 2


def counted(usage: Usage) -> Usage | None:
    """Return the usage; None if input and output are both 0, which means not counted."""
    return usage if usage.input_tokens or usage.output_tokens else None


def field(holder: object, name: str) -> object:
    """Return a field of a JSON object; None if it is missing or `holder` isn't an object."""
    return holder.get(name) if isinstance(holder, dict) else None


def word(holder: object, name: str) -> str:
    """Return a string in a JSON object; empty if it is missing."""
    value = field(holder, name)
    return value if isinstance(value, str) else ""


def rows(holder: object, name: str) -> list[object]:
    """Return the list in field `name` of a JSON object; empty if there is none."""
    value = field(holder, name)
    return value if isinstance(value, list) else []


def count(holder: object, name: str) -> int:
    """Return a count in a JSON object; 0 if it is missing or invalid. Some endpoints count in floats."""
    value = field(holder, name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0
    return ceil(value) if 0 <= value <= MAX_COUNT else 0


def usage_of(usage: object) -> Usage | None:
    """Return the tokens of a call in the format of chat completions; None if not counted."""
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
    """Return the first nonzero count among these fields, in the details or in the usage itself."""
    holders = (field(usage, "prompt_tokens_details"), usage)
    return next((number for name in names for holder in holders if (number := count(holder, name))), 0)
