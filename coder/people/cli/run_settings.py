"""Settings, models and limits of a new run, from configuration and flags, and of a resumed run, changed
by flags.
"""

from collections.abc import Collection, Mapping
from typing import Any

from coder.config.layers import Loaded
from coder.config.plugs import plugs_of_user, rules_for, with_rules
from coder.config.schema import Config, answering_fields
from coder.engine.teams.strategies import named_limits
from coder.models.roles import Asked
from coder.run.model_choice import asked_again
from coder.run.settings import Settings
from coder.run.state import State


def new_settings(loaded: Loaded, args: Mapping[str, Any]) -> Settings:
    """Return the settings of a new run, from the configuration and the values of all flags."""
    flag_names = ("no_test", "keep", "commit", "branch", "accept_unverified", "price")
    values = {name: args[name] for name in flag_names if name in args}
    values |= {"allow": tuple(args["allow"] or ()), "apply": args.get("apply") is not False}
    values |= plugs_of_user()
    settings = loaded.config.settings(replay=args["replay"]).model_copy(update=values)
    return with_rules(settings, loaded.rules)


def new_conversation(loaded: Loaded, args: Mapping[str, Any]) -> Settings:
    """Return the settings of a new conversation."""
    from coder.engine.chat.opening import with_conversation_limits  # imported late: most runs aren't one

    settings = new_settings(loaded, args)
    return with_conversation_limits(settings, user_limits=settings.budget.model_fields_set)


def changed_settings(state: State, flags: Config, args: Mapping[str, Any]) -> Settings:
    """Return the settings of a resumed run, changed by flags; forget the price when the model changes."""
    without_server = {"served": None, "client": None}  # a person continues the run, so no server resumes it
    updates = flags.changes() | without_server
    if flags.models() != Asked() or args["replay"] is not None:
        updates |= answering_fields(models_of_resume(flags, state), args["replay"]) | {"price": None}
    if args["price"] is not None:
        updates["price"] = args["price"]
    if "strong_model" in flags.names and "strategy" not in flags.names:
        updates["strategy"] = "auto"
    settings = state.settings.model_copy(update=updates | _delivery_updates(args, state.settings))
    return with_rules(settings, rules_for(state.task.workspace)[0])


def changed_conversation(
    state: State, flags: Config, args: Mapping[str, Any], *, user_limits: Collection[str]
) -> Settings:
    """Return the settings of a resumed conversation, or of one about the result of another run.

    Args:
        user_limits: limits that the configuration sets.
    """
    from coder.engine.chat.opening import as_conversation

    settings = changed_settings(state, flags, args).model_copy(update={"plan": flags.value("plan")})
    settings = as_conversation(settings, state, user_limits=user_limits)
    return settings.model_copy(update={"budget": flags.budget(settings.budget)})


def models_of_resume(flags: Config, state: State) -> Asked:
    """Return the models of a resumed run, changed by flags.

    Another model or endpoint drops the run's own roles and fallbacks.
    """
    models, run_models = flags.models(), asked_again(state)
    if models.model is not None or models.base_url is not None:
        return models
    return Asked(
        model=run_models.model,
        base_url=run_models.base_url,
        api=models.api or run_models.api,
        fallback=models.fallback if "fallback" in flags.names else run_models.fallback,
        roles=run_models.roles | models.roles,
    )


def must_know_price(flags: Config, state: State) -> bool:
    """Return whether the price must be known.

    That is if a cost limit is set now, or was set when the run began and each price was known since.
    """
    limit_names = named_limits(state.settings, state.spend.budget).model_fields_set
    cost_limits = ("max_cost", "max_call_cost")
    return not flags.names.isdisjoint(cost_limits) or (
        not limit_names.isdisjoint(cost_limits) and state.spend.cost_known
    )


def _delivery_updates(args: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the delivery settings of the flags; empty if none is set."""
    updates: dict[str, Any] = {name: True for name in ("keep", "accept_unverified") if args.get(name)}
    if args["allow"]:
        updates["allow"] = tuple(dict.fromkeys((*settings.allow, *args["allow"])))
    if args.get("branch") is not None:
        return updates | {"branch": args["branch"]}
    if args["commit"]:
        return updates | {"apply": True, "commit": True, "branch": None}
    return updates if args.get("apply") is None else updates | {"apply": args["apply"], "branch": None}
