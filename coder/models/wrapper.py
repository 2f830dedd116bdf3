"""Models around other models. A Wrapper passes on everything that its subclass doesn't override."""

from collections.abc import Mapping, Sequence
from copy import copy
from decimal import Decimal
from typing import Protocol, Self, Unpack, runtime_checkable

from coder.models.abilities import Abilities, abilities_of
from coder.models.model import Answer, Asking, ChatMessage, Model


@runtime_checkable
class HasRoles(Protocol):
    """A model that has others for some roles."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have a model of their own."""

    def role(self, participant: str) -> Model | None:
        """The model of a participant; None where it has none of its own."""


def playing(model: Model, participant: str) -> Model:
    """The model that answers a participant."""
    return (model.role(participant) if isinstance(model, HasRoles) else None) or model


class Wrapper:
    """A model that asks another one; the models of its roles are wrapped in the same way."""

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """The model's own."""
        return self._model.price(input_tokens, output_tokens)

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """The model's own answer.

        Raises:
            ModelError: the model's own.
        """
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
        """The dearest model's, as any of them may answer; None where one price isn't known."""
        prices = [model.price(input_tokens, output_tokens) for model in self._models]
        known = [price for price in prices if price is not None]
        return max(known) if len(known) == len(prices) else None

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
