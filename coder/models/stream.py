"""An answer put together from its stream. Nothing of a chunk's shape is certain."""

from collections.abc import Sequence
from typing import Literal

from coder.models.model import ChatMessage, Usage
from coder.models.retries import Passing

LARGEST_ANSWER = 4 << 20
"""Characters; an endpoint that goes on is cut off there."""

Finish = Literal["stop", "length", "refusal", "other"]

FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refusal",
}


class Unfinished:
    """An answer that is still being written."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._seen_choice = False
        self.finish: Finish | None = None
        self.model: str | None = None
        self.usage: Usage | None = None

    def take(self, chunk: object) -> str:
        """Take one chunk in and return the text that it adds; often none."""
        self.usage = _usage(getattr(chunk, "usage", None)) or self.usage
        model = getattr(chunk, "model", None)
        self.model = model if isinstance(model, str) and model else self.model
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices:
            return ""
        self._seen_choice = True
        return self._take_choice(choices[0])

    def _take_choice(self, choice: object) -> str:
        part = getattr(choice, "delta", None) or getattr(choice, "message", None)
        finish = getattr(choice, "finish_reason", None)
        if isinstance(finish, str):
            self.finish = FINISHES.get(finish.lower(), "other")
        text = _text(getattr(part, "content", None))
        refusal = _text(getattr(part, "refusal", None))
        if refusal:
            self.finish = "refusal"
        text = (text + refusal)[: LARGEST_ANSWER - self._size]
        self._pieces.append(text)
        self._size += len(text)
        if self._size >= LARGEST_ANSWER:
            self.finish = "length"
        return text

    @property
    def too_long(self) -> bool:
        """True once there is more text than anyone could use."""
        return self._size >= LARGEST_ANSWER

    def text(self) -> str:
        """The whole text.

        Raises:
            Passing: the endpoint stopped before the end, or said nothing that is an answer.
        """
        if not self._seen_choice:
            raise Passing("the endpoint sent nothing that is an answer")
        if self.finish is None:
            raise Passing("the answer broke off in the middle")
        return "".join(self._pieces)


def estimated_usage(messages: Sequence[ChatMessage], text: str) -> Usage:
    """Tokens where the endpoint doesn't count them: four characters each, rounded up."""
    asked = sum(len(message.content) for message in messages)
    return Usage(input_tokens=-(-asked // 4), output_tokens=-(-len(text) // 4))


def _text(content: object) -> str:
    """Text of a delta: a string, or a list of parts of which those of type `text` count."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        )
    return ""


def _usage(usage: object) -> Usage | None:
    if usage is None:
        return None
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(getattr(usage, "prompt_tokens_details", None), "cached_tokens"),
        reasoning_tokens=_count(getattr(usage, "completion_tokens_details", None), "reasoning_tokens"),
    )


def _count(holder: object, name: str) -> int:
    value = getattr(holder, name, None)
    return value if isinstance(value, int) and value >= 0 else 0
