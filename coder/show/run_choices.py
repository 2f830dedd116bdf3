"""Choices of a client for its run: a model, a team and lower limits, among those that the server offers."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from coder.base.errors import UsageError
from coder.config.layers import Loaded, load
from coder.config.schema import checked, over
from coder.engine.teams.named_team import for_team, load_team
from coder.engine.teams.spec import TeamSpec
from coder.engine.teams.strategies import with_roles
from coder.models.roles import Asked
from coder.run.option_table import MANY_STEPS
from coder.run.settings import Approved, Budget, Settings, option
from coder.run.termination import Stop
from coder.show.known_models import known_models
from sandbox.result import Value


class ChosenLimits(Value):
    """Limits of a run; None: the server's."""

    max_calls: int | None = Field(default=None, ge=1, description="Model calls.")
    max_tokens: int | None = Field(default=None, ge=1, description="Tokens of all calls.")
    max_cost: Decimal | None = Field(default=None, ge=0, description="US dollars of all calls.")
    timeout: float | None = Field(default=None, gt=0, description="Seconds of the whole run.")


class RunChoices(Value):
    """The choices of a client for a run."""

    model: str | None = None
    """One of `known_models`; None: the model of the configuration."""
    team: str | None = None
    """Name of a team of the server's user."""
    limits: ChosenLimits = ChosenLimits()
    approve: tuple[Approved, ...] = option("approve")
    """Steps that wait for approval, besides those of the configuration; `plan` makes a plan."""


@dataclass(frozen=True, slots=True)
class ChosenRun:
    """The configuration of one run, with a client's choices."""

    loaded: Loaded
    settings: Settings
    models: Asked
    must_know_price: bool
    team: TeamSpec | None = None
    stop: Stop | None = None


def choose(choices: RunChoices, workspace: Path | None) -> ChosenRun:
    """Return the configuration of a client's run. Only given tests decide, as a client can't judge new tests.

    Raises:
        UsageError: the configuration can't be used, or doesn't offer the model, the team or the limit.
    """
    loaded = load({"require": "tests"}, workspace=workspace)
    config = loaded.config
    if choices.model is not None:
        if choices.model not in (models := known_models(loaded)):
            offered = ", ".join(dict.fromkeys(models)) or "none by name"
            raise UsageError(f"This server doesn't offer the model {choices.model!r}. It offers: {offered}.")
        config = over(config, checked({"model": choices.model}, str))
    limits = choices.limits.model_dump(exclude_none=True)
    for name, limit in limits.items():
        most = config.value(name)
        if name not in config.names and name in MANY_STEPS:  # the default depends on the strategy
            most = max(most, MANY_STEPS[name])
        if most is not None and limit > most:
            raise UsageError(f"{name}: {limit} is above this server's limit of {most:g}. Give at most that.")
    config = over(config, checked(limits, str))
    settings, team, stop = config.settings(), None, None
    if choices.team is not None:
        team, stop = load_team(choices.team, loaded, reads_paths=False)
        settings = with_roles(for_team(settings), team)
    topics = tuple(dict.fromkeys((*settings.approve, *choices.approve)))
    return ChosenRun(
        loaded,
        settings.model_copy(update={"approve": topics}),
        config.models().model_copy(update={"roles": settings.roles}),
        loaded.cost_was_asked or "max_cost" in limits,
        team,
        stop,
    )


def default_limits(loaded: Loaded) -> Budget:
    """Return the highest limits that a client may choose."""
    config = loaded.config
    return config.options.budget.with_defaults(MANY_STEPS)
