"""The seam to whoever answers: Model, and the plain data that crosses it."""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field


class ChatMessage(BaseModel):
    """One message of a conversation with a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(BaseModel):
    """How an answer is drawn. None leaves the endpoint's own default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    max_tokens: int = Field(default=4096, ge=1)


class Usage(BaseModel):
    """Tokens of one call, as the endpoint counted them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class Answer(BaseModel):
    """What a model said to one request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    model: str
    finish: Literal["stop", "length", "refusal", "other"] = "stop"
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    """None where no price is known: unknown is never said to be 0."""
    seconds: float = 0.0


class Retry(BaseModel):
    """One retry, as it is shown on screen and logged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempt: int
    wait_s: float
    reason: str


OnRetry = Callable[[Retry], Awaitable[None]]
"""Called, and awaited, before each wait: the retry is in the log before it happens."""


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
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """Answer one conversation.

        Raises:
            ModelError: by its subclass; retries that can heal were made before.
        """

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """US dollars for so many tokens; None where no price is known; 0 for a model on this machine."""

    async def close(self) -> None:
        """Close every connection and process. Idempotent."""
