"""Bases of models: Closing, and Wrapper, which forwards to another model all that it doesn't override."""

from collections.abc import Mapping, Sequence
from copy import copy
from decimal import Decimal
from time import monotonic
from typing import Literal, Protocol, Self, Unpack, runtime_checkable

from coder.base.errors import ContextTooLong, ModelError, ModelUnavailable, RateLimited
from coder.models.abilities import Abilities, abilities_of
from coder.models.answer_parts import Switch
from coder.models.model import Answer, Asking, ChatMessage, Model, Used


@runtime_checkable
class HasRoles(Protocol):
    """A model that uses other models for some participants."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have their own model."""

    def role(self, participant: str) -> Model | None:
        """Return the model of a participant; None if it has no own model."""


def model_for(model: Model, participant: str) -> Model:
    """Return the model that answers for a participant."""
    return (model.role(participant) if isinstance(model, HasRoles) else None) or model


class Closing:
    """Context manager that calls `close` at its end."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections; by default, there are none."""


class Wrapper(Closing):
    """A model that calls another model; the models of roles are wrapped in the same way."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """Name of the wrapped model."""
        return self._model.name

    @property
    def abilities(self) -> Abilities:
        """Abilities of the wrapped model."""
        return abilities_of(self._model)

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have their own model."""
        return self._model.roles if isinstance(self._model, HasRoles) else ()

    def role(self, participant: str) -> Model | None:
        """Return the model of a participant that has its own, wrapped in the same way; else None."""
        model = self._model.role(participant) if isinstance(self._model, HasRoles) else None
        if model is None:
            return None
        wrapper = copy(self)
        wrapper._model = model
        return wrapper

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return the price of the wrapped model."""
        return self._model.price(input_tokens, output_tokens)

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Return the answer of the wrapped model."""
        return await self._model.answer(messages, **asking)

    async def close(self) -> None:
        """Close the wrapped model. Idempotent."""
        await self._model.close()


class Several(Wrapper):
    """Several models as one; name and abilities are those of the first."""

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__(models[0])
        self._models = tuple(models)

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return the highest price, because any model may answer; None if a price is unknown."""
        prices = [model.price(input_tokens, output_tokens) for model in self._models]
        known_prices = [price for price in prices if price is not None]
        return max(known_prices) if len(known_prices) == len(prices) else None

    async def close(self) -> None:
        """Close every model. Idempotent."""
        for model in self._models:
            await model.close()


class RoleModels(Several):
    """The run's main model, with other models for some participants."""

    def __init__(self, model: Model, roles: Mapping[str, Model]) -> None:
        super().__init__((model, *roles.values()))
        self._roles = dict(roles)

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have their own model."""
        return tuple(self._roles)

    def role(self, participant: str) -> Model | None:
        """Return the model of a participant; None if it has no own model."""
        return self._roles.get(participant)


Cause = Literal["limit", "outage", "context", "refusal"]
REST_S: dict[Cause, float] = {"limit": 30.0, "outage": 60.0}
"""Seconds for which a failed model is tried after all others, by the cause."""
_RESTS: dict[object, float] = {}
"""End of each model's rest on the monotonic clock, by the model's identity."""


class Router(Several):
    """Calls the first of its models that isn't resting.

    After a rate limit or an outage, a model rests for all runs of this process and the next one is called.
    After a refusal the next model is called, and for a too long conversation the next with a larger context.
    Errors that would occur with any model are raised: a wrong key, an unknown name, a bad request.
    """

    def __init__(self, models: Sequence[Model], *, places: Sequence[str] = ()) -> None:
        """Set the models and their identities, by which the routers of this process share rests."""
        super().__init__(models)
        self._places: Sequence[object] = places or [object() for _ in models]

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Return the first successful answer. After a switch, `on_token` gets the answer from its start."""
        now = monotonic()
        remaining = sorted(
            range(len(self._models)), key=lambda index: _RESTS.get(self._places[index], 0.0) > now
        )
        on_retry = asking.get("on_retry")
        lost: Used | None
        while True:
            index = remaining.pop(0)
            model = self._models[index]
            try:
                answer = await model.answer(messages, **asking)
                remaining = self._others(remaining, index, "refusal") if answer.finish == "refusal" else []
                reason, lost = "it refused to answer", Used(usage=answer.usage, cost_usd=answer.cost_usd)
                if not remaining:
                    return answer
            except ModelError as error:
                remaining = self._others(remaining, index, _cause(error))
                reason, lost = str(error), error.lost
                if not remaining:
                    raise
            if on_retry is not None:
                next_model = self._models[remaining[0]].name
                await on_retry(Switch(model=model.name, next=next_model, reason=reason, lost=lost))

    def _others(self, remaining: list[int], at: int, cause: Cause | None) -> list[int]:
        """Return the remaining models that may answer after this model's failure."""
        if cause is None:
            return []
        if cause in REST_S:
            _RESTS[self._places[at]] = monotonic() + REST_S[cause]
        if cause != "context":
            return remaining
        contexts = [abilities_of(model).context for model in self._models]
        failed_context = contexts[at]
        return [
            index
            for index in remaining
            if failed_context is None or (context := contexts[index]) is None or context > failed_context
        ]


def _cause(error: ModelError) -> Cause | None:
    """Return the cause of a model's failure; None if another model must not hide it."""
    match error:
        case ContextTooLong():
            return "context"
        case RateLimited():
            return "limit"
        case ModelUnavailable():
            return "outage"
        case _:
            return None
