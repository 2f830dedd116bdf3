"""Strategies: a table of the Coder's tools and the limits of its attempts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coder.base.errors import UsageError
from coder.engine.participants.participant import Team
from coder.engine.teams.coding_team import CodingTeam
from coder.models.abilities import Abilities, abilities_of, continues_text, takes_tools
from coder.models.model import Model
from coder.run.message import EXPERT
from coder.run.option_table import MANY_STEPS
from coder.run.settings import Budget, Settings, StrategyName
from coder.run.task import Task
from coder.run.termination import Stop

if TYPE_CHECKING:
    from coder.environment.workbench import Workbench

OWN_STOP = "custom"
"""Value in the log for a stop without a text; a resume must get the stop again."""
_UNKNOWN_ABILITIES = Abilities()


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a named strategy works: its tools, its attempts, its models."""

    team: CodingTeam
    """The Coder with or without tools, and the model that continues for it."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Limits that apply if the user names none."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Limits that override the user's."""
    is_all_attempts: bool = False
    """Whether each call is an attempt, unless the user names the number of attempts."""

    def limit(self, budget: Budget) -> Budget:
        """Return the limits of a run for which the user named `budget`."""
        defaults = {"samples": budget.max_calls} if self.is_all_attempts else self.defaults
        return budget.with_defaults(defaults).model_copy(update=dict(self.limits))


STRATEGIES: dict[StrategyName, Strategy] = {
    "act": Strategy(CodingTeam(acts=True), defaults=MANY_STEPS),
    "repair": Strategy(CodingTeam()),
    "one-shot": Strategy(CodingTeam(completes=True), limits={"samples": 1, "repairs": 0, "max_calls": 1}),
    "best-of-n": Strategy(CodingTeam(completes=True), limits={"repairs": 0}, is_all_attempts=True),
    "escalate": Strategy(CodingTeam(acts=None, expert_after=2), defaults=MANY_STEPS),
}


async def choose_strategy(
    settings: Settings,
    task: Task,
    model: Model,
    workbench: "Workbench",
    *,
    team: Team | None = None,
    stop: Stop | None = None,
) -> Settings:
    """Return the settings with a strategy and its limits, or with a team.

    The sandbox is only asked for sessions if the model is to work by tools.

    Raises:
        UsageError: the strategy, or the team, can't be used with this task, model or sandbox.
    """
    abilities = abilities_of(model)
    if team is not None:
        if task.answer_schema is not None:
            raise UsageError("--answer-schema is for one model that acts; leave --team out.")
        # Imported late, as most runs have no team.
        from coder.engine.teams.spec import TeamSpec
        from coder.engine.teams.team_settings import check_team, has_open_acts, with_team

        acts = False
        if isinstance(team, TeamSpec):
            await check_team(settings, team, workbench)
            can_act = has_open_acts(team) and _acts(settings, model.name, abilities)
            acts = can_act and await workbench.has_sessions()
        new_settings = with_stop(with_team(settings, team, acts=acts), stop)
        check_tools(new_settings, workbench)
        return new_settings
    new_settings = apply_strategy(settings, task, model=model.name, abilities=abilities)
    if new_settings.strategy == "act" and not await workbench.has_sessions():
        new_settings = apply_strategy(settings, task, model=model.name, abilities=abilities, sessions=False)
    check_tools(new_settings, workbench)
    return with_stop(new_settings, stop)


def apply_strategy(
    settings: Settings,
    task: Task,
    *,
    model: str,
    abilities: Abilities = _UNKNOWN_ABILITIES,
    sessions: bool = True,
) -> Settings:
    """Return the settings with one strategy and its limits.

    Raises:
        UsageError: the strategy needs a second model, sessions or attempts, and there are none.
    """
    name = settings.strategy
    if name is None or name == "auto":
        name = strategy_for(settings, task, model=model, abilities=abilities, sessions=sessions)
    if name == "escalate" and EXPERT not in settings.roles:
        raise UsageError("--strategy escalate needs a second model. Name it: --strong-model PROVIDER/MODEL")
    if name == "act" and not sessions:
        raise UsageError(
            f"--strategy act works in a session, and the sandbox {settings.sandbox} has none here. "
            "Leave --sandbox out, or name another --strategy."
        )
    if name != "act" and task.answer_schema is not None:
        raise UsageError(
            f"--answer-schema needs a model that acts, and {model} would work by --strategy {name}. Name a "
            "model that calls tools: -m PROVIDER/MODEL, or try this one: --strategy act"
        )
    budget = STRATEGIES[name].limit(settings.budget)
    if settings.chat:
        if name == "best-of-n":
            raise UsageError(
                "--strategy best-of-n compares many attempts, and a conversation makes one. Leave it out."
            )
        budget = budget.model_copy(update={"samples": 1})
    return settings.model_copy(update={"budget": budget, "strategy": name})


def strategy_for(
    settings: Settings,
    task: Task,
    *,
    model: str,
    abilities: Abilities = _UNKNOWN_ABILITIES,
    sessions: bool = True,
) -> StrategyName:
    """Return the strategy of `auto`: by the model's abilities, unless the user named a second model or
    repairs.
    """
    if EXPERT in settings.roles:
        return "escalate"
    if sessions and _acts(settings, model, abilities):
        return "act"
    is_one_function = task.workspace is None and task.test_command is None and not task.test_files
    if continues_text(model) and settings.plan is None and is_one_function:
        return "best-of-n"
    return "repair"


def _acts(settings: Settings, model: str, abilities: Abilities) -> bool:
    return takes_tools(model, abilities) and "repairs" not in settings.budget.model_fields_set


def check_tools(settings: Settings, bench: "Workbench") -> None:
    """Check that the user's functions can be tools, and that the run's model calls tools.

    Raises:
        UsageError: a function can't be a tool, or the model calls no tools.
    """
    if functions := [tool for tool in bench.tools if callable(tool)]:
        from coder.tools.named_functions import require_functions

        require_functions(functions)
    if bench.tools and not settings.may_act and settings.team is None:
        raise UsageError(
            f"Tools are for a model that acts, and --strategy {settings.strategy or 'repair'} calls none."
        )


def with_roles(settings: Settings, team: Team | None) -> Settings:
    """Return the settings with the models that members of a team name."""
    if team is None or not hasattr(team, "leaves"):
        return settings
    roles = {member.name: member.model for member in team.leaves() if member.model}
    return settings.model_copy(update={"members": settings.members | roles})


def with_stop(settings: Settings, stop: Stop | None) -> Settings:
    """Return settings that name a stop given from Python: its text, or OWN_STOP if it has none."""
    return settings if stop is None else settings.model_copy(update={"stop": stop.text or OWN_STOP})


def makes_attempts(settings: Settings) -> bool:
    """Return whether the work of a run that has begun is done by attempts in runs of their own."""
    return settings.team is None and settings.budget.samples > 1 and not settings.chat


def team_and_stop(settings: Settings, team: Team | None, stop: Stop | None) -> tuple[Team, Stop]:
    """Return the team and the stop of a run that has begun, from its log or as given."""
    if isinstance(settings.team, dict):
        from coder.engine.teams.kinds import stop_of
        from coder.engine.teams.spec import team_of

        spec = team_of(settings.team)
        return spec, stop_of(spec, settings.stop if settings.stop != OWN_STOP else None, stop)
    strategy = strategy_of(settings)
    if stop is None and settings.stop is not None and settings.stop != OWN_STOP:
        from coder.run.conditions import condition_of

        stop = condition_of(settings.stop)
    return team or strategy.team, stop or strategy.team.stop()


def strategy_of(settings: Settings) -> Strategy:
    """Return the strategy of a run that has begun; with a team, `repair`, which sets no limits."""
    name = settings.strategy
    return STRATEGIES["repair" if settings.team is not None or name is None or name == "auto" else name]


def named_limits(settings: Settings, budget: Budget) -> Budget:
    """Return the limits of a run that differ from its strategy's defaults."""
    default_budget = strategy_of(settings).limit(Budget())
    return Budget(**{name: limit for name, limit in budget if limit != getattr(default_budget, name)})
