"""What a model is known to be able to do: how much it reads, and whether it calls tools."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of a model; None: it isn't."""

    context: int | None = None
    """Tokens that it can read, prompt and answer together."""
    tools: bool | None = None
    """It calls the tools that it is offered."""
    max_output: int | None = None
    """Tokens that it can answer with, reasoning included."""


@runtime_checkable
class HasAbilities(Protocol):
    """A model of which something is known beforehand."""

    @property
    def abilities(self) -> Abilities:
        """What it is known to be able to do."""


def abilities_of(model: object) -> Abilities:
    """What is known of a model."""
    return model.abilities if isinstance(model, HasAbilities) else Abilities()
