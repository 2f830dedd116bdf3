"""Cast: another model for each role: planner, coder, summarizer. Who has none gets the run's own."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, Self, runtime_checkable

from coder.models.abilities import Abilities, abilities_of
from coder.models.model import Answer, ChatMessage, Form, Model, OnRetry, Sampling

SUMMARIZER = "summarizer"


@runtime_checkable
class HasRoles(Protocol):
    """A model that has others for some roles."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Participants that have a model of their own."""

    def role(self, participant: str) -> Model | None:
        """The model of a participant; None where it has none of its own."""


class Cast:
    """A model that is several: the run's own, and one for each role that was given another."""

    def __init__(self, model: Model, roles: Mapping[str, Model]) -> None:
        """Take the run's own model, and others by the participant's name."""
        self._model = model
        self._roles = dict(roles)

    @property
    def name(self) -> str:
        """The run's own model's."""
        return self._model.name

    @property
    def abilities(self) -> Abilities:
        """The run's own model's."""
        return abilities_of(self._model)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

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

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """The run's own model's answer.

        Raises:
            ModelError: its own.
        """
        return await self._model.answer(
            messages, sampling=sampling, form=form, on_token=on_token, on_retry=on_retry
        )

    async def close(self) -> None:
        """Close every model. Idempotent."""
        for model in (self._model, *self._roles.values()):
            await model.close()


def playing(model: Model, participant: str) -> Model:
    """Who answers a participant."""
    return (model.role(participant) if isinstance(model, HasRoles) else None) or model
