"""Settings, models and limits of a new run, by configuration, and of a resumed one, its own but for flags."""

from collections.abc import Mapping
from typing import Any

from coder.config.schema import Config, answering_fields
from coder.models.roles import Asked
from coder.run.model_choice import asked_again
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.teams.strategies import named_limits

OF_A_CONVERSATION = {"calls": 200, "seconds": 4 * 3600.0}
"""Limits where the user names none: it is many tasks. That of cost is a run's."""


def new_settings(config: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a new run, from the configuration and the values of all flags."""
    own = ("keep", "commit", "branch", "accept_unverified", "price")
    named = {name: given[name] for name in own if name in given}
    named |= {"allow": tuple(given["allow"] or ()), "apply": given.get("apply") is not False}
    return config.settings(replay=given["replay"]).model_copy(update=named)


def new_conversation(config: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a new conversation."""
    settings = new_settings(config, given)
    return _roomy(settings, named=settings.budget.model_fields_set)


def changed_settings(state: State, flags: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a resumed run: its own, but for flags. A price holds for as long as its model."""
    no_server = {"served": None, "client": None}  # a person goes on with it, and no server after them
    changed = flags.changes() | no_server
    if flags.models() != Asked() or given["replay"] is not None:
        changed |= answering_fields(asked_now(flags, state), given["replay"]) | {"price": None}
    if given["price"] is not None:
        changed["price"] = given["price"]
    if flags.strong_model is not None and flags.strategy is None:
        changed["strategy"] = "auto"
    return state.settings.model_copy(update=changed | _delivery(given, state.settings))


def changed_conversation(state: State, flags: Config, given: Mapping[str, Any]) -> Settings:
    """The settings of a resumed conversation, or of one about the result of another run."""
    settings = changed_settings(state, flags, given).model_copy(update={"plan": flags.plan})
    if not settings.chat:  # the log doesn't say which limits were set
        unusual = {
            name for name in OF_A_CONVERSATION if getattr(state.spend.budget, name) != getattr(Budget(), name)
        }
        settings = _roomy(settings, named=unusual)
    return settings.model_copy(update={"budget": flags.budget(settings.budget)})


def asked_now(flags: Config, state: State) -> Asked:
    """The models from here on: the run's own, except those that flags name.

    Another model, or another endpoint, is another cast: the run's own roles and fallbacks don't go with it.
    """
    named, before = flags.models(), asked_again(state)
    if named.model is not None or named.base_url is not None:
        return named
    return Asked(
        model=before.model,
        base_url=before.base_url,
        fallbacks=named.fallbacks if flags.fallback is not None else before.fallbacks,
        roles=before.roles | named.roles,
    )


def must_know_price(flags: Config, state: State) -> bool:
    """A limit of cost was set, now or when the run began, and until now each price was known."""
    named = named_limits(state.settings, state.spend.budget).model_fields_set
    was_asked = not named.isdisjoint(("call_usd", "cost_usd"))
    return (
        flags.max_cost is not None
        or flags.max_call_cost is not None
        or (was_asked and state.spend.cost_known)
    )


def _delivery(given: Mapping[str, Any], before: Settings) -> dict[str, Any]:
    """Where the result is to go from here on; empty where nothing of it was named."""
    changed: dict[str, Any] = {name: True for name in ("keep", "accept_unverified") if given.get(name)}
    if given["allow"]:
        changed["allow"] = tuple(dict.fromkeys((*before.allow, *given["allow"])))
    if given.get("branch") is not None:
        return changed | {"branch": given["branch"]}
    if given["commit"]:
        return changed | {"apply": True, "commit": True, "branch": None}
    return changed if given.get("apply") is None else changed | {"apply": given["apply"], "branch": None}


def _roomy(settings: Settings, *, named: set[str]) -> Settings:
    """Settings with the limits of a conversation in place of a run's, but for those that were named."""
    wider = {name: limit for name, limit in OF_A_CONVERSATION.items() if name not in named}
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=wider)})
