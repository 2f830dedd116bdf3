"""Session settings: what holds for all messages of a conversation, new or resumed: limits, settings, task."""

from collections.abc import Mapping
from typing import Any

from coder.config.schema import Config
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task

USUAL = {"calls": 200, "seconds": 4 * 3600.0}
"""Limits of a conversation where the user names none: it is many tasks. That of cost is a run's."""


def settings_of(config: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a new conversation."""
    settings = config.settings(allow=tuple(given["allow"] or ()), replay=given["replay"])
    named = settings.budget.model_fields_set
    return _roomy(settings, named=named).model_copy(update={key: given[key] for key in ("commit", "price")})


def settings_from(state: State, flags: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a conversation that goes on: its own, but for what a flag says anew.

    Args:
        flags: what was said on this command line alone.
    """
    before = state.settings if state.settings.chat else _roomy(state.settings, named=_unusual(state.budget))
    said = flags.settings(replay=given["replay"])
    changed = {name: getattr(said, name) for name in said.model_fields_set - {"budget", "keep", "allow"}}
    changed |= {
        "budget": flags.budget(before.budget),
        "allow": tuple(dict.fromkeys((*before.allow, *(given["allow"] or ())))),
        "commit": given["commit"] or before.commit,
        "price": price_of(state, flags, given),
    }
    return before.model_copy(update=changed)


def price_of(state: State, flags: Config, given: Mapping[str, Any]) -> str | None:
    """The price that was given now, or when the conversation began with the model that still answers."""
    named = given["price"] is not None or flags.answering(given["replay"])
    price: str | None = given["price"] if named else state.settings.price
    return price


def gone_on_with(before: Task, given: Task) -> Task:
    """The task of a conversation that goes on, with the commands that were named anew."""
    named = {
        "test_command": given.test_command or before.test_command,
        "lint_command": given.lint_command or before.lint_command,
        "read": tuple(dict.fromkeys((*before.read, *given.read))),
    }
    return before.model_copy(update=named)


def _roomy(settings: Settings, *, named: set[str]) -> Settings:
    """Settings with the limits of a conversation in place of a run's, but for those that were named."""
    wider = {name: limit for name, limit in USUAL.items() if name not in named}
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=wider)})


def _unusual(budget: Budget) -> set[str]:
    """The limits of a run that somebody must have named: the log doesn't say which were."""
    return {name for name in USUAL if getattr(budget, name) != getattr(Budget(), name)}
