"""Assemble an answer from its stream; malformed chunks are ignored."""

import json
from typing import TYPE_CHECKING, Literal, cast

from pydantic import JsonValue

from coder.base.text.sanitize import join_surrogates
from coder.models.answer_parts import Alternative, Opaque
from coder.models.model import ToolCall, Usage
from coder.models.retries import Passing
from coder.models.tokens import field, rows, usage_of, word

if TYPE_CHECKING:
    from coder.models.kept_fields import KeptFields
    from coder.models.logprobs import Hesitations

MAX_ANSWER = 4 << 20
"""Maximum characters of an answer; a longer one is cut off."""
MAX_CALLS = 128
"""Maximum tool calls in one answer."""
# Some endpoints put a model's reasoning in front of its answer, between these tags.
THINK_START, THINK_END = "<think>", "</think>"

_SENT_BACK = frozenset({"reasoning_content", "reasoning_details"})
ON_CALLS = "extra_content"
"""Field of a call that must be sent back; `_SENT_BACK` has such fields of an answer."""

Finish = Literal["stop", "length", "refusal", "other"]
FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refusal",
}


class Unfinished:
    """The part of an answer received so far."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._refused = False
        self.has_text = False
        """Whether any text was received."""
        self.size = 0
        """Characters of text, reasoning and calls."""
        self.seen_choice = False
        """Whether any part of an answer was received, even an empty one."""
        self._thoughts: list[str] = []
        self._thinks: bool | None = None
        self._tail = ""
        self._calls: dict[int, _Call] = {}
        self._places: dict[int, int] = {}
        self._hesitations: Hesitations | None = None
        self._fields: KeptFields | None = None
        self._opaque: list[tuple[int, str]] = []
        self.finish: Finish | None = None
        self.model: str | None = None
        self.fingerprint = ""
        self.usage: Usage | None = None

    def take(self, chunk: object) -> str:
        """Process one chunk and return the text that it adds, if any."""
        self.usage = usage_of(field(chunk, "usage")) or self.usage
        self.model = word(chunk, "model") or self.model
        self.fingerprint = word(chunk, "system_fingerprint") or self.fingerprint
        choices = rows(chunk, "choices")
        if not choices:
            return ""
        self.seen_choice = True
        return self._take_choice(choices[0])

    def _take_choice(self, choice: object) -> str:
        part = field(choice, "delta") or field(choice, "message")
        finish = field(choice, "finish_reason")
        if isinstance(finish, str) and finish and not self._refused:
            self.finish = FINISHES.get(finish.lower(), "other")
        self.think(_text(field(part, "reasoning_content") or field(part, "reasoning")))
        self._take_calls(rows(part, "tool_calls"))
        self._keep_fields(part)
        self._hesitate(field(choice, "logprobs"))
        text = self._outside_think(_text(field(part, "content")))
        refusal = word(part, "refusal")
        if refusal:
            # The finish reason that follows is `stop`, as for any other answer.
            self.finish, self._refused = "refusal", True
        return self.say(text + refusal)

    def _hesitate(self, logprobs: object) -> None:
        if not logprobs:
            return
        if self._hesitations is None:
            from coder.models.logprobs import Hesitations  # imported only if needed

            self._hesitations = Hesitations()
        self._hesitations.take(logprobs)

    def _keep_fields(self, part: object) -> None:
        if isinstance(part, dict) and not _SENT_BACK.isdisjoint(part):
            self._kept_fields().take(part)

    def _kept_fields(self) -> "KeptFields":
        if self._fields is None:
            from coder.models.kept_fields import KeptFields  # imported only if needed

            self._fields = KeptFields()
        return self._fields

    def keep(self, item: object, place: int) -> None:
        """Keep an item to be sent back verbatim, unless it isn't valid JSON or is too long."""
        try:
            text = join_surrogates(json.dumps(item, ensure_ascii=False, allow_nan=False))
        except (ValueError, RecursionError):
            return
        if sum(len(item_text) for _, item_text in self._opaque) + len(text) <= MAX_ANSWER:
            self._opaque.append((place, text))

    @property
    def place(self) -> int:
        """Place of the answer's next part, in the numbering of `Opaque`."""
        return 1 + len(self._calls) if self.has_text or self._calls else 0

    def opaque(self, source: str) -> Opaque | None:
        """Return the items to be sent back to the answer's source."""
        for place, item in self._fields.items(sorted(self._calls)) if self._fields else ():
            self.keep(item, place)
        return Opaque(source=source, items=tuple(self._opaque)) if self._opaque else None

    def alternatives(self, text: str) -> tuple[Alternative, ...]:
        """Return other beginnings of this answer, the most likely first."""
        return self._hesitations.alternatives(text) if self._hesitations is not None else ()

    def say(self, text: str) -> str:
        """Add text up to the limit, and return the added part."""
        text = text[: MAX_ANSWER - self.size]
        self._pieces.append(text)
        self.has_text = self.has_text or bool(text)
        self.size += len(text)
        if self.size >= MAX_ANSWER:
            self.finish = "length"
        return text

    @property
    def has_begun(self) -> bool:
        """Whether the endpoint sent anything that it charges for."""
        return self.size > 0 or self.usage is not None or bool(self._calls)

    def end(self, finish: Finish) -> None:
        """Set the endpoint's finish reason, unless the length limit was reached before."""
        if not self.too_long:
            self.finish = finish

    def complete(self) -> None:
        """End an answer that was received as a whole, also without a finish reason, unless it is empty."""
        if self.finish is None and (self.size or self._calls):
            self.finish = "stop"

    def think(self, text: str) -> None:
        """Add reasoning, up to the limit for text and reasoning together."""
        if text := text[: MAX_ANSWER - self.size]:
            self._thoughts.append(text)
            self.size += len(text)

    def call(self, place: int, *, id: str = "", name: str = "", arguments: str = "") -> None:
        """Add a part to the tool call at this place of the answer."""
        if place not in self._calls and len(self._calls) >= MAX_CALLS:
            return
        call = self._calls.setdefault(place, _Call())
        call.id = call.id or id
        call.name = call.name or name
        arguments = arguments[: MAX_ANSWER - self.size]
        call.arguments.append(arguments)
        self.size += len(arguments)

    @property
    def reasoning(self) -> str:
        """The part of the model's reasoning received so far."""
        return join_surrogates("".join(self._thoughts)).strip()

    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the tool calls of the answer, in order of place."""
        return tuple(
            ToolCall(
                id=join_surrogates(call.id) or f"call_{place}",
                name=join_surrogates(call.name),
                arguments=join_surrogates("".join(call.arguments)),
            )
            for place, call in sorted(self._calls.items())
        )

    def _take_calls(self, calls: list[object]) -> None:
        for number, call in enumerate(calls):
            index, function = field(call, "index"), field(call, "function")
            id, name, arguments = word(call, "id"), word(function, "name"), arguments_of(function)
            place = self._place_of(index if isinstance(index, int) else number, id, name)
            self.call(place, id=id, name=name, arguments=arguments)
            if extra := field(call, ON_CALLS):
                self._kept_fields().keep_on_call(place, {ON_CALLS: cast(JsonValue, extra)})

    def _place_of(self, index: int, id: str, name: str) -> int:
        """Return the position of a call's part; Ollama and Gemini give each of several calls the index 0."""
        place = self._places.get(index, index)
        call = self._calls.get(place)
        if call is not None and name and id and call.id not in ("", id):
            place = max(self._calls) + 1
        self._places[index] = place
        return place

    def _outside_think(self, text: str) -> str:
        """Return the part of a text outside `<think>`, and add the part inside as reasoning."""
        if self._thinks is None and text.strip():
            self._thinks = text.lstrip().startswith(THINK_START)
            text = text.lstrip().removeprefix(THINK_START) if self._thinks else text
        if not self._thinks:
            return text if self.has_text or not self._thoughts else text.lstrip()
        tail_and_text = self._tail + text
        end = tail_and_text.find(THINK_END)
        if end < 0:
            self.think(text)
            self._tail = tail_and_text[-len(THINK_END) + 1 :]
            return ""
        self._thinks = False
        self._thoughts = ["".join([*self._thoughts, text]).partition(THINK_END)[0]]
        return tail_and_text[end + len(THINK_END) :].lstrip()

    @property
    def too_long(self) -> bool:
        """Whether the answer was cut off at our limit."""
        return self.size >= MAX_ANSWER

    def text(self) -> str:
        """Return the whole text.

        Raises:
            Passing: the stream ended before the answer was complete, or contained none.
        """
        if not self.seen_choice:
            advice = "Is it an API's address? One of your own, by --base-url, often ends in /v1."
            raise Passing("the endpoint sent nothing that is an answer", advice=advice)
        if self.finish is None:
            raise Passing("the answer broke off in the middle")
        return join_surrogates("".join(self._pieces))


class _Call:
    def __init__(self) -> None:
        self.id = self.name = ""
        self.arguments: list[str] = []


def arguments_of(call: object) -> str:
    """Return the arguments of a call, or a part of them; some endpoints send an object, not its JSON."""
    arguments = field(call, "arguments")
    return json.dumps(arguments) if isinstance(arguments, dict) else word(call, "arguments")


def _text(content: object) -> str:
    """Return the text of a delta: a string, or the parts of type `text` in a list."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(word(part, "text") for part in parts if field(part, "type") == "text")
