"""Settings, models and limits of a new run, by configuration, and of a resumed one, its own but for flags."""

from collections.abc import Mapping
from typing import Any

from coder.config.schema import Config, answering_fields
from coder.engine.teams.strategies import named_limits
from coder.models.roles import Asked
from coder.run.model_choice import asked_again
from coder.run.option_table import OF_A_CONVERSATION
from coder.run.settings import Budget, Settings
from coder.run.state import State


def new_settings(config: Config, args: Mapping[str, Any]) -> Settings:
    """Return the settings of a new run, from the configuration and the values of all flags."""
    own = ("keep", "commit", "branch", "accept_unverified", "price")
    values = {name: args[name] for name in own if name in args}
    values |= {"allow": tuple(args["allow"] or ()), "apply": args.get("apply") is not False}
    return config.settings(replay=args["replay"]).model_copy(update=values)


def new_conversation(config: Config, args: Mapping[str, Any]) -> Settings:
    """Return the settings of a new conversation."""
    settings = new_settings(config, args)
    return _roomy(settings, own=settings.budget.model_fields_set)


def changed_settings(state: State, flags: Config, args: Mapping[str, Any]) -> Settings:
    """Return the settings of a resumed run, changed by flags; forget the price when the model changes."""
    no_server = {"served": None, "client": None}  # a person goes on with it, and no server after them
    changed = flags.changes() | no_server
    if flags.models() != Asked() or args["replay"] is not None:
        changed |= answering_fields(asked_now(flags, state), args["replay"]) | {"price": None}
    if args["price"] is not None:
        changed["price"] = args["price"]
    if "strong_model" in flags.names and "strategy" not in flags.names:
        changed["strategy"] = "auto"
    return state.settings.model_copy(update=changed | _delivery(args, state.settings))


def changed_conversation(state: State, flags: Config, args: Mapping[str, Any]) -> Settings:
    """The settings of a resumed conversation, or of one about the result of another run."""
    settings = changed_settings(state, flags, args).model_copy(update={"plan": flags.value("plan")})
    if not settings.chat:  # the log doesn't say which limits were set
        unusual = {
            name for name in OF_A_CONVERSATION if getattr(state.spend.budget, name) != getattr(Budget(), name)
        }
        settings = _roomy(settings, own=unusual)
    return settings.model_copy(update={"budget": flags.budget(settings.budget)})


def asked_now(flags: Config, state: State) -> Asked:
    """Return the models of a resumed run, changed by flags.

    Another model or endpoint drops the run's own roles and fallbacks.
    """
    models, before = flags.models(), asked_again(state)
    if models.model is not None or models.base_url is not None:
        return models
    return Asked(
        model=before.model,
        base_url=before.base_url,
        fallback=models.fallback if "fallback" in flags.names else before.fallback,
        roles=before.roles | models.roles,
    )


def must_know_price(flags: Config, state: State) -> bool:
    """A limit of cost was set, now or when the run began, and until now each price was known."""
    named = named_limits(state.settings, state.spend.budget).model_fields_set
    of_cost = ("max_cost", "max_call_cost")
    return not flags.names.isdisjoint(of_cost) or (not named.isdisjoint(of_cost) and state.spend.cost_known)


def _delivery(args: Mapping[str, Any], before: Settings) -> dict[str, Any]:
    """Return the delivery settings of the flags; empty if none is set."""
    changed: dict[str, Any] = {name: True for name in ("keep", "accept_unverified") if args.get(name)}
    if args["allow"]:
        changed["allow"] = tuple(dict.fromkeys((*before.allow, *args["allow"])))
    if args.get("branch") is not None:
        return changed | {"branch": args["branch"]}
    if args["commit"]:
        return changed | {"apply": True, "commit": True, "branch": None}
    return changed if args.get("apply") is None else changed | {"apply": args["apply"], "branch": None}


def _roomy(settings: Settings, *, own: set[str]) -> Settings:
    """Return settings with the limits of a conversation, except the user's `own` limits."""
    wider = {name: limit for name, limit in OF_A_CONVERSATION.items() if name not in own}
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=wider)})
