"""How those who don't write code are asked: once, greedily unless the user says otherwise, and briefly."""

from coder.models.model import Sampling
from coder.run.settings import Settings
from coder.run.state import State


def brief(state: State, most: int) -> Sampling:
    """Sampling for an answer of at most so many tokens."""
    settings = state.settings
    return Sampling(
        temperature=settings.temperature if settings.temperature is not None else 0.0,
        top_p=settings.top_p,
        seed=settings.seed,
        max_tokens=at_most(most, settings),
    )


def at_most(most: int, settings: Settings) -> int:
    """So many tokens of an answer, or fewer where the user allows no more."""
    return min(most, settings.max_answer_tokens or most)
