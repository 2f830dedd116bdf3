"""The seam to whoever answers: Model, and the plain data that crosses it."""

import json
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Literal, Protocol

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from coder.text.redact import quotes_secret
from coder.usage import Usage as Usage
from coder.usage import Used as Used

JsonObject = dict[str, JsonValue]
Effort = Literal["low", "medium", "high"]
_LATER = ("reasoning", "tool_calls", "alternatives", "opaque", "stop", "effort")
"""Fields that came after the first recordings; left out where they are empty."""


class ToolCall(BaseModel):
    """A tool that the model wants called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    arguments: str
    """JSON as the model wrote it; `parsed` says what it holds."""

    def redacted(self, redact: Callable[[str], str]) -> "ToolCall":
        """The call as it is written down: its model may have been told a key."""
        return ToolCall(id=redact(self.id), name=redact(self.name), arguments=redact(self.arguments))

    def parsed(self) -> JsonObject:
        """The arguments.

        Raises:
            ValueError: they are broken, or no JSON object; the message is fit for the model.
        """
        try:
            value = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"The arguments of {self.name} are not valid JSON: {error}") from error
        if not isinstance(value, dict):
            raise ValueError(f"The arguments of {self.name} are no JSON object.")
        return value


class Image(BaseModel):
    """A picture that the model is to see."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    base64: str = Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")

    @property
    def url(self) -> str:
        """As a `data:` URL."""
        return f"data:{self.media_type};base64,{self.base64}"


class Opaque(BaseModel):
    """What a model wants back word for word, such as signed or encrypted reasoning. Nobody else reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """API, provider and model that it came from: no other one is sent it."""
    items: tuple[tuple[int, str], ...]
    """Place and JSON of each: 0 is before the answer's text, n behind it and before the n-th call."""

    def unless_secret(self, redact: Callable[[str], str]) -> "Opaque | None":
        """Itself; None where it quotes a secret, as no part of it can be taken out."""
        return None if any(quotes_secret(text, redact) for _, text in self.items) else self


class ChatMessage(BaseModel):
    """One message of a conversation with a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    """What the assistant wanted called."""
    tool_call_id: str | None = None
    """Of a message of role `tool`: the call that it answers."""
    opaque: Opaque | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Without what isn't there: requests are known by their JSON, also those of older recordings."""
        return {name: value for name, value in plain(self).items() if value or name in ("role", "content")}


class ToolSpec(BaseModel):
    """A tool that the model may call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str
    parameters: JsonObject
    """JSON schema of the arguments."""


class Form(BaseModel):
    """What an answer may be, other than any text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: tuple[ToolSpec, ...] = ()
    json_schema: JsonObject | None = None
    """The answer is one JSON document of this schema, where the endpoint can be held to it."""


class Sampling(BaseModel):
    """How an answer is drawn. None leaves the endpoint's own default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    """Of the answer, reasoning included. None: as many as the model can."""
    room: int | None = Field(default=None, ge=1, exclude=True)
    """Tokens that a budget leaves for the answer. It changes from call to call, so that it is no part of what
    a request is known by."""
    stop: tuple[str, ...] = ()
    """Texts before which an answer ends, where the endpoint can be told so."""
    alternatives: int = Field(default=0, ge=0, le=20)
    """Other likely tokens to be told of beside each one of the answer, where the endpoint does."""
    effort: Effort | None = None
    """How much a model that reasons does so."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {name: value for name, value in plain(self).items() if value or name not in _LATER}


class Alternative(BaseModel):
    """How an answer could have begun."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    logprob: float
    """Natural logarithm of the probability of all of the text, at most 0."""


class Answer(BaseModel):
    """What a model said to one request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    model: str
    reasoning: str = ""
    """What the model thought before, where the endpoint tells; never part of the text."""
    tool_calls: tuple[ToolCall, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    """How it could have begun instead, the likeliest first; empty where none were asked for, or told."""
    opaque: Opaque | None = None
    finish: Literal["stop", "length", "refusal", "other"] = "stop"
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    """None where no price is known: unknown is never said to be 0."""
    seconds: float = 0.0

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        document: dict[str, object] = plain(self)
        return {name: value for name, value in document.items() if value or name not in _LATER}


class _Told(BaseModel):
    """What happens on the way to an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lost: Used | None = None
    """What had been used until then; None where nothing had come."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        document: dict[str, object] = plain(self)
        return {name: value for name, value in document.items() if value is not None or name != "lost"}


class Retry(_Told):
    """One retry, as it is shown on screen and logged."""

    attempt: int
    wait_s: float
    reason: str


class Switch(_Told):
    """Another model is asked instead, as it is shown on screen and logged."""

    model: str
    """`provider/model` that did not answer."""
    next: str
    reason: str


OnRetry = Callable[[Retry | Switch], Awaitable[None]]
"""Called, and awaited, before each wait or switch: it is in the log before it happens."""


class Model(Protocol):
    """Who answers. Implementations hold connections: use them as `async with`, or call close()."""

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

        Args:
            form: tools that may be called, or a schema; None is text.

        Raises:
            ModelError: by its subclass; retries that can heal were made before.
        """

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """US dollars for so many tokens; None where no price is known; 0 for a model on this machine."""

    async def close(self) -> None:
        """Close every connection and process. Idempotent."""
