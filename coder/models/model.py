"""The seam to models: Model, and the plain data that crosses it."""

import json
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from operator import not_
from os.path import commonprefix
from typing import Literal, Protocol, Required, Self, TypedDict

from pydantic import BaseModel, Field, JsonValue

from coder.base.text.redact import quotes_secret
from coder.base.usage import Usage as Usage
from coder.base.usage import Used as Used

JsonObject = dict[str, JsonValue]
Effort = Literal["low", "medium", "high"]
# Fields with `exclude_if` came after the first recordings, whose requests are found by their JSON.


class ToolCall(BaseModel, frozen=True, extra="forbid"):
    """A model's call of a tool."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""

    def redacted(self, redact: Callable[[str], str]) -> "ToolCall":
        """The call without secrets that its model may have read."""
        return ToolCall(id=redact(self.id), name=redact(self.name), arguments=redact(self.arguments))

    def parsed(self) -> JsonObject:
        """The arguments.

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


class Image(BaseModel, frozen=True, extra="forbid"):
    """A picture for the model."""

    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    base64: str = Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")

    @property
    def url(self) -> str:
        """As a `data:` URL."""
        return f"data:{self.media_type};base64,{self.base64}"


class Opaque(BaseModel, frozen=True, extra="forbid"):
    """What a model wants back word for word, such as signed or encrypted reasoning. Nothing else reads it."""

    source: str
    """API, provider and model that it came from; it is sent to no other."""
    items: tuple[tuple[int, str], ...]
    """Place and JSON of each: 0 is before the answer's text, n behind it and before the n-th call."""

    def unless_secret(self, redact: Callable[[str], str]) -> "Opaque | None":
        """Itself; None where it quotes a secret, as no part of it can be removed."""
        return None if any(quotes_secret(text, redact) for _, text in self.items) else self


class ChatMessage(BaseModel, frozen=True, extra="forbid"):
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[Image, ...] = Field(default=(), exclude_if=not_)
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=not_)
    tool_call_id: str | None = Field(default=None, exclude_if=not_)
    """Of a message of role `tool`: the call that it answers."""
    opaque: Opaque | None = Field(default=None, exclude_if=not_)


class ToolSpec(BaseModel, frozen=True, extra="forbid"):
    """A tool that the model may call."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str
    parameters: JsonObject
    """JSON schema of the arguments."""


class Form(BaseModel, frozen=True, extra="forbid"):
    """What an answer may be besides free text."""

    tools: tuple[ToolSpec, ...] = ()
    json_schema: None = None
    """Unused; a part of the keys of logged and recorded requests."""


class Sampling(BaseModel, frozen=True, extra="forbid"):
    """How an answer is sampled. None leaves the endpoint's default."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    """Of the answer, reasoning included. None: as many as the model can."""
    room: int | None = Field(default=None, ge=1, exclude=True)
    """Tokens that a budget leaves for the answer; no part of a request's key."""
    stop: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Texts before which an answer ends, where the endpoint can be told so."""
    alternatives: int = Field(default=0, ge=0, le=20, exclude_if=not_)
    """Other likely tokens to report beside each one of the answer, where the endpoint can."""
    effort: Effort | None = Field(default=None, exclude_if=not_)


class Alternative(BaseModel, frozen=True, extra="forbid"):
    """How an answer could have begun."""

    text: str
    logprob: float
    """Natural logarithm of the probability of all of the text, at most 0."""


class Answer(BaseModel, frozen=True, extra="forbid"):
    """A model's answer to one request."""

    text: str
    model: str
    reasoning: str = Field(default="", exclude_if=not_)
    """Reported by some endpoints; never part of the text."""
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=not_)
    alternatives: tuple[Alternative, ...] = Field(default=(), exclude_if=not_)
    """Other beginnings, the likeliest first; empty where none were asked for or reported."""
    opaque: Opaque | None = Field(default=None, exclude_if=not_)
    finish: Literal["stop", "length", "refusal", "other"] = "stop"
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    """None where no price is known."""
    seconds: float = 0.0

    def redacted(self, redact: Callable[[str], str]) -> "Answer":
        """The answer without secrets; opaque parts that quote one are dropped."""
        text = redact(self.text)
        beside = [
            one.model_copy(update={"text": redact(one.text)})
            for one in self.alternatives
            # One that shares more with the answer than is shown may end in the middle of a secret.
            if text.startswith(commonprefix([self.text, one.text]))  # noqa: RUF071 - these are no paths
        ]
        clean: dict[str, object] = {"text": text, "model": redact(self.model)}
        clean["reasoning"] = redact(self.reasoning)
        clean["tool_calls"] = tuple(call.redacted(redact) for call in self.tool_calls)
        clean["alternatives"] = tuple(beside)
        clean["opaque"] = self.opaque.unless_secret(redact) if self.opaque else None
        return self.model_copy(update=clean)


class _Event(BaseModel, frozen=True, extra="forbid"):
    """What happens before an answer; shown on screen and logged."""

    lost: Used | None = Field(default=None, exclude_if=not_)
    """Used until then; None where nothing had come."""


class Retry(_Event, frozen=True):
    """A request is repeated."""

    attempt: int
    wait_s: float
    reason: str


class Switch(_Event, frozen=True):
    """Another model is asked instead."""

    model: str
    """`provider/model` that did not answer."""
    next: str
    reason: str


OnRetry = Callable[[Retry | Switch], Awaitable[None]]
"""Called, and awaited, before each wait or switch: it is in the log before it happens."""


class Asking(TypedDict, total=False):
    """The keywords of `Model.answer`, as wrappers pass them on."""

    sampling: Required[Sampling]
    form: Form | None
    on_token: Callable[[str], None] | None
    on_retry: OnRetry | None


class Closing:
    """A context manager that calls `close`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Nothing is open."""


class Model(Protocol):
    """A model. Implementations hold connections: use them as `async with`, or call close()."""

    @property
    def name(self) -> str:
        """`provider/model`, as it stands in events and on screen."""

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """Answer one conversation.

        Raises:
            ModelError: by its subclass, after all retries that could help.
        """

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """US dollars for so many tokens; None where no price is known; 0 for a model on this machine."""

    async def close(self) -> None:
        """Close all connections and processes. Idempotent."""
