"""The interface to models: Model, and the data that it takes and returns."""

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from decimal import Decimal
from operator import not_
from os.path import commonprefix
from typing import Literal, Protocol, Required, TypedDict, Unpack

from pydantic import Field, JsonValue

from coder.base.usage import Usage as Usage
from coder.base.usage import Used as Used
from coder.models.answer_parts import Alternative, Image, Opaque, Retry, Switch
from sandbox.result import Value

JsonObject = dict[str, JsonValue]
Effort = Literal["low", "medium", "high"]
# Fields with `exclude_if` are newer than the first recordings, whose requests are found by their JSON.


class ToolCall(Value):
    """A model's call of a tool."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""

    def redacted(self, redact: Callable[[str], str]) -> "ToolCall":
        """Return the call without secrets that the model may have read."""
        return ToolCall(id=redact(self.id), name=redact(self.name), arguments=redact(self.arguments))

    def parsed(self) -> JsonObject:
        """Return the arguments as an object.

        Raises:
            ValueError: they aren't a JSON object; the message is for the model.
        """
        try:
            value = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"The arguments of {self.name} are not valid JSON: {error}") from error
        if not isinstance(value, dict):
            raise ValueError(f"The arguments of {self.name} are no JSON object.")
        return value


class ChatMessage(Value):
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[Image, ...] = Field(default=(), exclude_if=not_)
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=not_)
    tool_call_id: str | None = Field(default=None, exclude_if=not_)
    """Id of the call that a message of role `tool` answers."""
    opaque: Opaque | None = Field(default=None, exclude_if=not_)


class ToolSpec(Value):
    """A tool that the model may call."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str
    parameters: JsonObject
    """JSON schema of the arguments."""


class Form(Value):
    """Forms of an answer besides free text."""

    tools: tuple[ToolSpec, ...] = ()
    json_schema: None = None
    """Unused, but part of the keys of logged and recorded requests."""


class Sampling(Value):
    """Parameters for the sampling of an answer. None leaves the endpoint's default."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    """Maximum tokens of the answer, with its reasoning; None: the model's maximum."""
    room: int | None = Field(default=None, ge=1, exclude=True)
    """Tokens that the budget leaves for the answer; not part of a request's key."""
    stop: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Texts before which the answer ends, if the endpoint supports it."""
    alternatives: int = Field(default=0, ge=0, le=20, exclude_if=not_)
    """Number of other likely tokens to report for each token, if the endpoint supports it."""
    effort: Effort | None = Field(default=None, exclude_if=not_)


class Answer(Value):
    """A model's answer: `reasoning` is never part of its text, `cost_usd` is None if the price is unknown."""

    text: str
    model: str
    fingerprint: str = Field(default="", exclude_if=not_)
    reasoning: str = Field(default="", exclude_if=not_)
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=not_)
    alternatives: tuple[Alternative, ...] = Field(default=(), exclude_if=not_)
    """Other beginnings, the likeliest first; empty if none were requested or reported."""
    opaque: Opaque | None = Field(default=None, exclude_if=not_)
    finish: Literal["stop", "length", "refusal", "other"] = "stop"
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    seconds: float = 0.0
    endpoint: str = Field(default="", exclude_if=not_)
    """`provider/model` that was called, if the answer calls tools; `model` is what the endpoint reports."""
    is_written: bool = Field(default=False, exclude_if=not_)  # its calls were read from its text

    def redacted(self, redact: Callable[[str], str]) -> "Answer":
        """Return the answer without secrets; opaque data that quotes a secret is dropped."""
        calls = tuple(call.redacted(redact) for call in self.tool_calls)
        names = {"model": redact(self.model), "fingerprint": redact(self.fingerprint)}
        return self.rewritten(redact).model_copy(update={**names, "tool_calls": calls})

    def rewritten(self, rewrite: Callable[[str], str]) -> "Answer":
        """Return the answer with each text of the model rewritten; opaque data that would change is dropped.

        An alternative that begins with changed text is dropped: it may end in the middle of that text.
        """
        text = rewrite(self.text)
        calls = [call.model_copy(update={"arguments": rewrite(call.arguments)}) for call in self.tool_calls]
        alternatives = [
            alternative.model_copy(update={"text": rewrite(alternative.text)})
            for alternative in self.alternatives
            if text.startswith(commonprefix([self.text, alternative.text]))  # noqa: RUF071 - no paths
        ]
        opaque = self.opaque.unless_secret(rewrite) if self.opaque else None
        texts = {"text": text, "reasoning": rewrite(self.reasoning), "tool_calls": tuple(calls)}
        return self.model_copy(update={**texts, "alternatives": tuple(alternatives), "opaque": opaque})


OnRetry = Callable[[Retry | Switch], Awaitable[None]]
"""Callback, awaited before each wait or switch, so that the log has the event first."""


class Asking(TypedDict, total=False):
    """Keyword arguments of `Model.answer`."""

    sampling: Required[Sampling]
    form: Form | None
    callers: Collection[str]
    """Names of models that have called tools in this run."""
    on_token: Callable[[str], None] | None
    on_retry: OnRetry | None


class Model(Protocol):
    """A model. Implementations hold connections: use them in `async with`, or call close()."""

    @property
    def name(self) -> str:
        """`provider/model`, as shown in events and on screen."""

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Answer one conversation.

        Raises:
            ModelError: the call failed after all useful retries; the subclass says why.
        """

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return the price of these tokens in US dollars; None if unknown, 0 for a local model."""

    async def close(self) -> None:
        """Close all connections and processes. Idempotent."""
