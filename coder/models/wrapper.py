"""Wrapper: a model around another one. It does what that one does, but for what a subclass says otherwise.

RoleModels is one with another model for each role: planner, coder, expert.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, Self, runtime_checkable

from coder.models.abilities import Abilities, abilities_of
from coder.models.model import Answer, ChatMessage, Form, Model, OnRetry, Sampling


@runtime_checkable
class HasRoles(Protocol):
    """A model that has others for some roles."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have a model of their own."""

    def role(self, participant: str) -> Model | None:
        """The model of a participant; None where it has none of its own."""


class Wrapper:
    """A model that asks another one; the models of its roles are wrapped in the same way."""

    def __init__(self, model: Model) -> None:
        """Take the model that answers."""
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """The model's own."""
        return self._model.price(input_tokens, output_tokens)

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """The model's own answer.

        Raises:
            ModelError: the model's own.
        """
        return await self._model.answer(
            messages, sampling=sampling, form=form, on_token=on_token, on_retry=on_retry
        )

    async def close(self) -> None:
        """Close the model. Idempotent."""
        await self._model.close()


class RoleModels(Wrapper):
    """A model that is several: the run's own, and one for each role that was given another."""

    def __init__(self, model: Model, roles: Mapping[str, Model]) -> None:
        """Take the run's own model, and others by the participant's name."""
        super().__init__(model)
        self._roles = dict(roles)

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have a model of their own."""
        return tuple(self._roles)

    def role(self, participant: str) -> Model | None:
        """The model of a participant; None where it has none of its own."""
        return self._roles.get(participant)

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """The dearest model's; None where one price isn't known. A role's calls are reserved at its own."""
        prices = [m.price(input_tokens, output_tokens) for m in (self._model, *self._roles.values())]
        known = [price for price in prices if price is not None]
        return max(known) if len(known) == len(prices) else None

    async def close(self) -> None:
        """Close every model. Idempotent."""
        for model in (self._model, *self._roles.values()):
            await model.close()


def playing(model: Model, participant: str) -> Model:
    """Who answers a participant."""
    return (model.role(participant) if isinstance(model, HasRoles) else None) or model


@dataclass(frozen=True, slots=True)
class Route:
    """One of a router's models."""

    model: Model
    context: int | None = None
    """Tokens, prompt and answer together; None: unknown."""
    place: str | None = None
    """What tells it from others: all routers of this process with a route to it let it rest together."""
