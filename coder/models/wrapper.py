"""Models around other models. A Wrapper passes on everything that its subclass doesn't override."""

from collections.abc import Mapping, Sequence
from copy import copy
from decimal import Decimal
from time import monotonic
from typing import Literal, Protocol, Unpack, runtime_checkable

from coder.base.errors import ContextTooLong, ModelError, ModelUnavailable, RateLimited
from coder.models.abilities import Abilities, abilities_of
from coder.models.model import Answer, Asking, ChatMessage, Closing, Model, Switch, Used


@runtime_checkable
class HasRoles(Protocol):
    """A model with other models for some roles."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have a model of their own."""

    def role(self, participant: str) -> Model | None:
        """The model of a participant; None where it has none of its own."""


def playing(model: Model, participant: str) -> Model:
    """The model that answers a participant."""
    return (model.role(participant) if isinstance(model, HasRoles) else None) or model


class Wrapper(Closing):
    """A model that calls another one; the models of its roles are wrapped in the same way."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """The model's own."""
        return self._model.name

    @property
    def abilities(self) -> Abilities:
        """The model's own."""
        return abilities_of(self._model)

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have a model of their own."""
        return self._model.roles if isinstance(self._model, HasRoles) else ()

    def role(self, participant: str) -> Model | None:
        """The model of a participant that has its own, wrapped as this one is."""
        model = self._model.role(participant) if isinstance(self._model, HasRoles) else None
        if model is None:
            return None
        wrapper = copy(self)
        wrapper._model = model
        return wrapper

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """The model's own."""
        return self._model.price(input_tokens, output_tokens)

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """The model's own answer."""
        return await self._model.answer(messages, **asking)

    async def close(self) -> None:
        """Close the model. Idempotent."""
        await self._model.close()


class Several(Wrapper):
    """Several models as one. By itself, it is the first of them."""

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__(models[0])
        self._models = tuple(models)

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """The highest price, as any model may answer; None where one price isn't known."""
        prices = [model.price(input_tokens, output_tokens) for model in self._models]
        known_prices = [price for price in prices if price is not None]
        return max(known_prices) if len(known_prices) == len(prices) else None

    async def close(self) -> None:
        """Close every model. Idempotent."""
        for model in self._models:
            await model.close()


class RoleModels(Several):
    """The run's own model, with others for some participants."""

    def __init__(self, model: Model, roles: Mapping[str, Model]) -> None:
        super().__init__((model, *roles.values()))
        self._roles = dict(roles)

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have a model of their own."""
        return tuple(self._roles)

    def role(self, participant: str) -> Model | None:
        """The model of a participant; None where it has none of its own."""
        return self._roles.get(participant)


Cause = Literal["limit", "outage", "context", "refusal"]
REST_S: dict[Cause, float] = {"limit": 30.0, "outage": 60.0}
"""How long a model isn't asked first any more."""
_RESTS: dict[object, float] = {}
"""Until when each place rests, by the monotonic clock."""


class Router(Several):
    """Calls the first of its models that isn't resting.

    A limit or an outage lets a model rest, for all runs of this process, and asks the next; a conversation
    that is too long goes to one that may read more; a refusal to answer goes to the next. What no other model
    could heal is raised at once: a wrong key, an unknown name, a bad request.
    """

    def __init__(self, models: Sequence[Model], *, places: Sequence[str] = ()) -> None:
        """Set the models, and the name of each for other routers of this process."""
        super().__init__(models)
        self._places: Sequence[object] = places or [object() for _ in models]

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Answer by the first model that can. After a switch, `on_token` starts anew."""
        now = monotonic()
        remaining = sorted(range(len(self._models)), key=lambda at: _RESTS.get(self._places[at], 0.0) > now)
        on_retry = asking.get("on_retry")
        lost: Used | None
        while True:
            at = remaining.pop(0)
            model = self._models[at]
            try:
                answer = await model.answer(messages, **asking)
                remaining = self._others(remaining, at, "refusal") if answer.finish == "refusal" else []
                reason, lost = "it refused to answer", Used(usage=answer.usage, cost_usd=answer.cost_usd)
                if not remaining:
                    return answer
            except ModelError as error:
                remaining = self._others(remaining, at, _cause(error))
                reason, lost = str(error), error.lost
                if not remaining:
                    raise
            if on_retry is not None:
                following = self._models[remaining[0]].name
                await on_retry(Switch(model=model.name, next=following, reason=reason, lost=lost))

    def _others(self, remaining: list[int], at: int, cause: Cause | None) -> list[int]:
        """The remaining models that may answer after this one's failure."""
        if cause is None:
            return []
        if cause in REST_S:
            _RESTS[self._places[at]] = monotonic() + REST_S[cause]
        if cause != "context":
            return remaining
        contexts = [abilities_of(model).context for model in self._models]
        limit = contexts[at]
        return [o for o in remaining if limit is None or (other := contexts[o]) is None or other > limit]


def _cause(error: ModelError) -> Cause | None:
    """Cause of a model's failure; None if another model must not hide it."""
    match error:
        case ContextTooLong():
            return "context"
        case RateLimited():
            return "limit"
        case ModelUnavailable():
            return "outage"
        case _:
            return None
