"""Who answers in this run: the model that the user named, recorded or replayed, at a known price."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Unpack

from coder.errors import ModelError, UsageError
from coder.models.catalog import UserModels
from coder.models.model import Answer, Asking, ChatMessage, Model, Retry, Switch, Usage, Used
from coder.models.roles import Asked, check_vision, open_roles, resolve_roles, warm
from coder.models.wrapper import Wrapper

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """What the user said about the model."""

    asked: Asked
    record: Path | None
    replay: Path | None
    price: str | None
    """`IN,OUT` in US dollars per million tokens."""
    must_know_price: bool
    """The user has set a limit of cost, which can't be kept where the price is unknown."""
    book: UserModels
    """What the user's file says of models."""
    shows_pictures: bool = False
    """The task has some, so that everyone asked has to see them."""
    effort: str | None = None
    silence_s: float | None = None
    """Longest silence of a model; None is the usual one."""


@asynccontextmanager
async def opened(answerer: Answerer, note: Callable[[str], None]) -> AsyncIterator[Model]:
    """The model, ready to answer; it is closed with the context.

    Raises:
        UsageError: a name, a price or a file that can't be used, or a limit of cost with no price known.
        ModelAuthError: no key is set for the provider that was named.
    """
    price = _price(answerer.price)
    async with _source(answerer, price, note) as model:
        if answerer.must_know_price and model.price(1, 1) is None:
            raise UsageError(
                f"The price of {model.name} is unknown, so that --max-cost can't be kept.\n"
                "Give its price in US dollars per million tokens: --price IN,OUT, or in [prices] of your file"
            )
        if answerer.record is None:
            yield model
            return
        from coder.models.recorder import Recorder

        async with Recorder(model, answerer.record) as recorder:
            yield recorder


@asynccontextmanager
async def _source(
    answerer: Answerer, price: tuple[Decimal, Decimal] | None, note: Callable[[str], None]
) -> AsyncIterator[Model]:
    def priced(model: Model) -> Model:
        return model if price is None else Priced(model, *price)

    if answerer.replay is not None:
        if answerer.record is not None:
            raise UsageError("--record and --replay exclude each other: a replay makes no call.")
        from coder.models.recorded import Recorded

        yield priced(Recorded(answerer.replay))
        return
    warm()
    roles = await resolve_roles(answerer.asked, environ=os.environ, book=answerer.book)
    for choice in roles.all:
        for text in choice.notes:
            note(f"{choice.name}: {text}")
        if answerer.effort and (choice.endpoint is None or choice.endpoint.reasons is False):
            note(f"{choice.name}: it has no reasoning, so that --effort changes nothing")
    if answerer.shows_pictures:
        check_vision(roles)
    async with open_roles(roles, silence_s=answerer.silence_s, wrap=priced) as model:
        yield model


def _price(text: str | None) -> tuple[Decimal, Decimal] | None:
    if text is None:
        return None
    try:
        into, out = (Decimal(part.strip()) for part in text.split(","))
    except (ValueError, InvalidOperation) as error:
        raise UsageError(f"--price {text!r} isn't two numbers such as 0.25,2.00") from error
    if not (into.is_finite() and out.is_finite() and into >= 0 and out >= 0):
        raise UsageError(f"--price {text!r} isn't two numbers of at least 0.")
    return into, out


class Priced(Wrapper):
    """Answers as the model inside does; what it costs is computed from the price that was given."""

    def __init__(self, model: Model, into: Decimal, out: Decimal) -> None:
        """Take US dollars per million tokens, into the model and out of it."""
        super().__init__(model)
        self._into = into
        self._out = out

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Answer one conversation.

        Raises:
            ModelError: as the model inside does.
        """
        on_retry = asking.get("on_retry")

        async def tell(event: Retry | Switch) -> None:
            if on_retry is not None:
                await on_retry(event.model_copy(update={"lost": self._priced(event.lost)}))

        asking["on_retry"] = tell
        try:
            answer = await self._model.answer(messages, **asking)
        except ModelError as error:
            error.lost = self._priced(error.lost)
            raise
        return answer.model_copy(update={"cost_usd": self._of(answer.usage)})

    def price(self, input_tokens: int, output_tokens: int) -> Decimal:
        """US dollars for so many tokens."""
        return (input_tokens * self._into + output_tokens * self._out) / _MILLION

    def _of(self, usage: Usage) -> Decimal:
        return self.price(usage.input_tokens, usage.output_tokens)

    def _priced(self, lost: Used | None) -> Used | None:
        return lost.model_copy(update={"cost_usd": self._of(lost.usage)}) if lost is not None else None
