"""Replay a recording (`recorder.py`) without a connection."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from copy import copy
from decimal import Decimal
from pathlib import Path
from typing import TypeVar, Unpack

from coder.base.errors import ModelError, model_error
from coder.base.text.redact import Redactor
from coder.base.text.sanitize import count_of
from coder.base.usage import MILLION, Price
from coder.models.abilities import Abilities, ModelFacts
from coder.models.model import Answer, Asking, ChatMessage, Model, Usage, Used
from coder.models.recording import (
    Failure,
    Header,
    RecordedCall,
    RecordedModel,
    RecordedRequest,
    read_recording,
    redact_request,
)
from coder.models.tokens import input_tokens
from coder.models.wrapper import Closing

T = TypeVar("T", Answer, Used | None)
_TOOL_OF_ACTING = "bash"
"""Tool that every model working with tools is offered (`tools/registry.py`)."""
_EXCERPT = 40
"""Characters to show of two requests, from their first difference."""


class Recorded(Closing):
    """A model that repeats recorded answers."""

    def __init__(self, path: Path, *, price: Price | None = None) -> None:
        """Read the whole recording.

        Args:
            price: the user's price for all calls; None: the cost at the time of recording.

        Raises:
            UsageError: the recording can't be read, or a line is damaged.
        """
        self._path = path
        self._price = price
        self._redact = Redactor.from_environment().redact
        self.header, entries = read_recording(path)
        self._entries: dict[str, list[RecordedCall]] = defaultdict(list)
        self._requests: dict[str, RecordedRequest] = {}
        self._similar: dict[str, list[str]] = defaultdict(list)
        """Keys of requests that differ in durations alone, in order."""
        self._played: dict[str, int] = defaultdict(int)
        self._reserved: dict[tuple[str, int, int], Decimal] = {}
        self._role = ""
        self._spoke: Header | RecordedModel = self.header
        self._acts = False if entries else None
        for entry in entries:
            if entry.key not in self._entries:
                self._similar[entry.request.timeless_key].append(entry.key)
            self._entries[entry.key].append(entry)
            self._requests[entry.key] = entry.request
            form = entry.request.form
            self._acts = self._acts or (
                form is not None and _TOOL_OF_ACTING in [tool.name for tool in form.tools]
            )
            tokens_in = input_tokens(entry.request.messages, form)
            for tokens, usd in entry.prices.items():
                self._reserved[entry.role, tokens_in, tokens] = usd

    @property
    def name(self) -> str:
        """Name of the recorded model."""
        return self._spoke.model

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that had their own model."""
        return tuple(self.header.roles)

    def role(self, participant: str) -> Model | None:
        """Return the model of a participant that had its own, or None."""
        if participant not in self.header.roles:
            return None
        model = copy(self)
        model._role, model._spoke = participant, self.header.roles[participant]
        return model

    @property
    def abilities(self) -> Abilities:
        """Abilities of the recorded model."""
        return Abilities(**self._spoke.model_dump(include=set(ModelFacts.model_fields)), acts=self._acts)

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return the cost of the tokens, by the user's price or as recorded; None if unknown."""
        if self._price is not None:
            return self._price.of(Usage(input_tokens=input_tokens, output_tokens=output_tokens))
        # It can't be computed from a price per token: prices differ by model and by length of the prompt.
        if (reserved := self._reserved.get((self._role, input_tokens, output_tokens))) is not None:
            return reserved
        prices = self._spoke.usd_per_million
        if prices is None:
            return None
        return (prices[0] * input_tokens + prices[1] * output_tokens) / MILLION

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Return the recorded answer to this request; a repeated request gets the next recorded answer.

        A request that differs from a recorded one only in durations, such as a command's, gets its answer.

        Raises:
            ModelError: the request was recorded fewer times, or its recorded call failed.
        """
        form, on_retry, on_token = asking.get("form"), asking.get("on_retry"), asking.get("on_token")
        request = redact_request(messages, asking["sampling"], form, redact=self._redact)
        key = self._key_of(request)
        entries, nth = self._entries.get(key, []), self._played[key]
        if nth >= len(entries):
            raise ModelError(self._unknown(request, nth))
        self._played[key] += 1
        entry = entries[nth]
        for event in entry.told:
            if on_retry is not None:
                await on_retry(event.model_copy(update={"lost": self._paid(event.lost)}))
        if entry.answer is None:
            failure = entry.failure or Failure(kind=ModelError.__name__, message="")
            raise model_error(failure.kind)(failure.message, lost=self._paid(failure.lost))
        if on_token is not None:
            on_token(entry.answer.text)
        return self._paid(entry.answer)

    def _key_of(self, request: RecordedRequest) -> str:
        """Return the key of the recorded request that answers this one; this request's key if none does."""
        own = request.key
        if self._played[own] < len(self._entries.get(own, [])):
            return own
        similar = self._similar.get(request.timeless_key, [])
        return next((key for key in similar if self._played[key] < len(self._entries[key])), own)

    def _paid(self, used: T) -> T:
        """Return an answer or usage with its cost by the user's price."""
        if self._price is None or used is None:
            return used
        return used.model_copy(update={"cost_usd": self._price.of(used.usage)})

    def _unknown(self, request: RecordedRequest, nth: int) -> str:
        if nth:
            return f"{self._path} answers this request {count_of(nth, 'time')}, and it was made once more."
        if not self._requests:
            return f"{self._path} holds no answer at all."
        return f"{self._path} has no answer to this request. {difference(request, self._requests.values())}"


def difference(request: RecordedRequest, recorded: Collection[RecordedRequest]) -> str:
    """Describe the first difference between a request and the most similar recorded one."""
    text = _text(request)
    closest = max(
        recorded, key=lambda other: (_common_length(text, _text(other)), request.sampling == other.sampling)
    )
    for number, (ours, theirs) in enumerate(zip(request.messages, closest.messages, strict=False), start=1):
        if ours.role != theirs.role:
            return f"Message {number} is of the {ours.role}; recorded: of the {theirs.role}."
        if ours.content != theirs.content:
            start = _common_length(ours.content, theirs.content)
            excerpt = slice(start, start + _EXCERPT)
            return (
                f"Message {number} ({ours.role}) differs at character {start}: "
                f"{ours.content[excerpt]!r}; recorded: {theirs.content[excerpt]!r}."
            )
    if len(request.messages) != len(closest.messages):
        return f"It has {len(request.messages)} messages; recorded: {len(closest.messages)}."
    differences = [
        f"{name} is {ours!r}; recorded: {theirs!r}"
        for (name, ours), (_, theirs) in zip(request.sampling, closest.sampling, strict=True)
        if ours != theirs
    ]
    return f"The sampling differs: {', '.join(differences)}."


def _text(request: RecordedRequest) -> str:
    return "\0".join(message.content for message in request.messages)


def _common_length(text: str, other: str) -> int:
    """Return the length of the common beginning of two texts."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((index for index, (ours, theirs) in pairs if ours != theirs), min(len(text), len(other)))
