"""What flags of `coder resume` change in a run: who answers, how it goes on, what becomes of its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coder.config.schema import Config, answering_fields
from coder.models.roles import Asked
from coder.run.model_choice import asked_again
from coder.run.settings import Settings
from coder.run.state import State
from coder.teams.strategies import settled


def asked_now(config: Config, state: State) -> Asked:
    """Who answers from here on: who did, but for what was named.

    Another model, or another endpoint, is another cast: the run's own roles and fallbacks don't go with it.
    """
    named, before = config.asked(), asked_again(state)
    if named.model is not None or named.base_url is not None:
        return named
    return Asked(
        model=before.model,
        base_url=before.base_url,
        fallbacks=named.fallbacks if config.fallback is not None else before.fallbacks,
        roles=before.roles | named.roles,
    )


def changed_settings(
    config: Config, state: State, given: Mapping[str, Any], *, replay: Path | None
) -> Settings | None:
    """The run's settings with what was said now; None where nothing of them was.

    Args:
        given: the values of all flags.

    Raises:
        UsageError: a strategy that needs a second model, and none is named.
    """
    named = config.asked() != Asked() or replay is not None
    changed = answering_fields(asked_now(config, state), replay) if named else {}
    if named or given["price"] is not None:
        changed["price"] = given["price"]  # of another model it isn't known
    changed |= config.changes() | _landing(given, state.settings)
    if not changed:
        return None
    settings = state.settings.model_copy(update=changed)
    if config.strategy is None and config.strong_model is None:
        return settings
    wanted = settings.model_copy(update={"strategy": config.strategy or "auto", "budget": state.budget})
    return settled(wanted, state.task, model=state.model)


def _landing(given: Mapping[str, Any], before: Settings) -> dict[str, Any]:
    """Where the result is to go from here on; empty where nothing of it was said."""
    changed: dict[str, Any] = {name: True for name in ("keep", "accept_unverified") if given[name]}
    if given["allow"]:
        changed["allow"] = tuple(dict.fromkeys((*before.allow, *given["allow"])))
    if given["branch"] is not None:
        return changed | {"branch": given["branch"]}
    if given["commit"]:
        return changed | {"apply": True, "commit": True, "branch": None}
    return changed if given["apply"] is None else changed | {"apply": given["apply"], "branch": None}
