"""Settings of an attempt: a fresh start at a task in a run of its own, made for a parent run."""

from coder.run.event_types import Draw
from coder.run.settings import Settings
from coder.run.state import State

_WARM_TEMPERATURE = 0.8
"""Default temperature of all attempts but the first."""
_SEED_STEP = 1000
"""Distance between the seeds of two attempts."""


def settings_of(state: State, number: int, *, draw: Draw | None, seconds: float, is_wished: bool) -> Settings:
    """Return the settings of one attempt: it writes nothing, and all but the first have a temperature above
    0.

    Args:
        state: the parent run's state.
        seconds: time that the parent run has used.
        is_wished: whether a person asked the attempt for another change.
    """
    settings = state.settings
    budget = state.spend.budget
    limits: dict[str, object] = {"samples": 1, "timeout": max(1.0, budget.timeout - seconds)}
    strategy = "one-shot" if settings.strategy == "best-of-n" else settings.strategy
    attempt_settings: dict[str, object] = {
        "strategy": "repair" if strategy == "one-shot" and is_wished else strategy,
        "budget": budget.model_copy(update=limits),
        "seed": settings.seed + _SEED_STEP * (number - 1),
        "is_attended": False,
        "apply": False,
        "commit": False,
        "branch": None,
        "approve": tuple(topic for topic in settings.approve if topic != "landing"),
    }
    if number > 1 and settings.temperature is None and draw is None and not settings.model_temperature:
        attempt_settings["temperature"] = _WARM_TEMPERATURE
    return settings.model_copy(update=attempt_settings)
