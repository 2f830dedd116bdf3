"""RoleModels: another model for each role: planner, coder, summarizer. Who has none gets the run's own."""

from collections.abc import Mapping
from decimal import Decimal

from coder.models.model import Model
from coder.models.wrapper import HasRoles, Wrapper

SUMMARIZER = "summarizer"


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
