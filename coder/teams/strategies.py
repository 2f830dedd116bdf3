"""Strategies: named ways to work on a task, each a team with its stop and the limits it wants."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from coder.errors import UsageError
from coder.loop import Team
from coder.models.abilities import Abilities, abilities_of, goes_on, takes_tools
from coder.models.model import Model
from coder.run.message import EXPERT
from coder.run.settings import Budget, Settings, StrategyChoice, StrategyName
from coder.run.task import Task
from coder.run.termination import Stop, default_stop
from coder.teams.coding_team import FAILURES, CodingTeam, escalate_stop

if TYPE_CHECKING:
    from coder.environment.workbench import Workbench

_MANY = 3
"""Attempts from which on comparing them pays."""
LEAST_CALLS = 3
"""Calls that acting takes at least: a look, a change, `done`."""
_UNKNOWN = Abilities()
OWN_STOP = "custom"
"""In the log for a stop that is no condition: a resume needs it again."""
_ONE_CALL = {"samples": 1, "repairs": 0, "calls": 1}
_MANY_STEPS = {"calls": 100, "cost_usd": Decimal(3), "seconds": 1800.0}


@dataclass(frozen=True, slots=True)
class Strategy:
    """A team, its stop, and the limits it wants."""

    team: Callable[[], Team] = CodingTeam
    stop: Callable[[], Stop] = default_stop
    limited: Callable[[Budget], Budget] = lambda budget: budget
    """The limits that the user gave, as the strategy wants them."""


def _all_fresh(budget: Budget) -> Budget:
    """As many fresh starts as were named, or as there may be calls."""
    samples = budget.samples if "samples" in budget.model_fields_set else budget.calls
    return budget.model_copy(update={"samples": samples, "repairs": 0})


def many_steps(budget: Budget) -> Budget:
    """Limits for many small steps of one attempt, where the user has named none."""
    usual = {**_MANY_STEPS, "samples": 1}
    named = budget.model_fields_set
    return budget.model_copy(update={name: value for name, value in usual.items() if name not in named})


def _one_attempt(budget: Budget) -> Budget:
    return budget.model_copy(update={"samples": 1})


def _one_answer() -> CodingTeam:
    return CodingTeam(completes=True)


def _strategy(name: StrategyChoice | None) -> Strategy:
    """The strategy of this name, whose modules are imported here."""
    match name:
        case "act":
            from coder.teams.act import act_stop

            return Strategy(lambda: CodingTeam(acts=True), act_stop, many_steps)
        case "one-shot":
            return Strategy(_one_answer, limited=lambda budget: budget.model_copy(update=_ONE_CALL))
        case "best-of-n":
            return Strategy(_one_answer, limited=_all_fresh)
        case "escalate":
            return Strategy(lambda: CodingTeam(acts=None, expert_after=FAILURES), escalate_stop, many_steps)
        case _:
            return Strategy()


def settled(
    settings: Settings, task: Task, *, model: str, able: Abilities = _UNKNOWN, sessions: bool = True
) -> Settings:
    """The settings with one strategy in them, and its limits.

    Raises:
        UsageError: the strategy wants a second model or sessions, and there are none.
    """
    name = settings.strategy
    if name in ("auto", None):
        name = suited(task, settings, model=model, able=able, sessions=sessions)
    if name == "escalate" and EXPERT not in settings.roles:
        raise UsageError("--strategy escalate needs a second model. Name it: --strong-model PROVIDER/MODEL")
    if name == "act" and not sessions:
        raise UsageError(
            f"--strategy act works in a session, and the sandbox {settings.backend} has none here. "
            "Leave --sandbox out, or name another --strategy."
        )
    budget = _strategy(name).limited(settings.budget)
    if settings.chat:
        if name == "best-of-n":
            raise UsageError(
                "--strategy best-of-n compares many attempts, and a conversation makes one. Leave it out."
            )
        budget = _one_attempt(budget)
    if name == "act" and budget.samples > 1 and budget.calls // budget.samples < LEAST_CALLS:
        raise UsageError(
            f"{budget.calls} calls are too few for {budget.samples} attempts: each takes {LEAST_CALLS}. "
            "Name more by --max-calls, or fewer --samples."
        )
    return settings.model_copy(update={"budget": budget, "strategy": name})


async def settled_here(
    settings: Settings,
    task: Task,
    model: Model,
    bench: "Workbench",
    *,
    team: Team | None = None,
    stop: Stop | None = None,
) -> Settings:
    """The same, or those of a team, where sessions are tried only for a model that is to act."""
    if team is not None:
        return with_team(settings, team, stop, acts=await _acts_here(settings, task, team, model, bench))
    able = abilities_of(model)
    chosen = settled(settings, task, model=model.name, able=able)
    if chosen.strategy == "act" and not await bench.has_sessions():
        chosen = settled(settings, task, model=model.name, able=able, sessions=False)
    check_tools(chosen, bench)
    return chosen


def check_tools(settings: Settings, bench: "Workbench") -> None:
    """Check that the user's functions are for a model that acts.

    Raises:
        UsageError: they aren't.
    """
    if bench.tools and not settings.may_act and settings.team is None:
        raise UsageError(
            f"Tools are for a model that acts, and --strategy {settings.strategy or 'repair'} calls none."
        )


def makes_attempts(settings: Settings) -> bool:
    """Whether the work of a run that has begun is done by attempts in runs of their own."""
    return settings.team is None and settings.budget.samples > 1 and not settings.chat


def suited(
    task: Task, settings: Settings, *, model: str, able: Abilities = _UNKNOWN, sessions: bool = True
) -> StrategyName:
    """The strategy of `auto`: by the task, the model and the settings that the user named."""
    if EXPERT in settings.roles:
        return "escalate"
    named = settings.budget.model_fields_set
    is_one_function = task.workspace is None and task.test_command is None and not task.test_files
    many = "samples" in named and settings.budget.samples >= _MANY
    if settings.plan is None and is_one_function and (many or goes_on(model)):
        return "best-of-n"
    steps = many_steps(settings.budget)
    has_calls = steps.calls // steps.samples >= LEAST_CALLS
    acts = takes_tools(model, able) and (has_calls or able.acts is True)
    by_repairs = "repairs" in named
    return "act" if acts and sessions and not by_repairs else "repair"


def named_limits(settings: Settings, budget: Budget) -> Budget:
    """The limits of a run that differ from its strategy's defaults."""
    usual = taken(settings).limited(Budget())
    return Budget(**{name: limit for name, limit in budget if limit != getattr(usual, name)})


def with_roles(settings: Settings, team: Team | None) -> Settings:
    """The settings with the models that members of a team name."""
    if team is None or not hasattr(team, "leaves"):
        return settings
    roles = {member.name: member.model for member in team.leaves() if member.model}
    return settings.model_copy(update={"roles": settings.roles | roles})


def team_and_stop(settings: Settings, team: Team | None, stop: Stop | None) -> tuple[Team, Stop]:
    """The team and the stop of a run that has begun, of its log or as they are given."""
    if isinstance(settings.team, dict):
        from coder.teams.kinds import stop_of
        from coder.teams.spec import team_of

        spec = team_of(settings.team)
        return spec, stop_of(spec, settings.stop if settings.stop != OWN_STOP else None, stop)
    strategy = taken(settings)
    return team or strategy.team(), stop or strategy.stop()


def taken(settings: Settings) -> Strategy:
    """The strategy of a run that has begun."""
    return Strategy() if settings.team is not None else _strategy(settings.strategy)


async def _acts_here(settings: Settings, task: Task, team: Team, model: Model, bench: "Workbench") -> bool:
    """Whether members that leave it open work by tools: the model is one that can, and so is the sandbox.

    Raises:
        UsageError: the settings name what the team doesn't do, or a member a tool that isn't given.
    """
    from coder.teams.spec import TeamSpec  # most runs have no team

    if not isinstance(team, TeamSpec):
        return False
    if settings.strategy not in ("auto", None) or "samples" in settings.budget.model_fields_set:
        raise UsageError("A team has its own rules: name no strategy and no samples (--strategy, --samples).")
    if "plan" in settings.approve and all(member.name != "planner" for member in team.leaves()):
        raise UsageError("--approve plan beside --team: the team has no member `planner`, who asks about it.")
    if named := {tool for member in team.leaves() for tool in member.tools or ()}:
        from coder.tools.registry import tools_of

        known = {tool.spec.name for tool in await tools_of((*bench.tools, *bench.optional_tools))}
        if unknown := sorted(named - known):
            given = ", ".join(sorted(known)) or "none"
            raise UsageError(
                f"A member names the tool {unknown[0]!r}, and the run has {given}. Give it: --tool or --mcp"
            )
    if all(member.acts is not None for member in team.leaves()):
        return False
    acts = suited(task, settings, model=model.name, able=abilities_of(model)) == "act"
    return acts and await bench.has_sessions()


def with_team(settings: Settings, team: Team, stop: Stop | None, *, acts: bool) -> Settings:
    """The settings of a run of this team: the team itself where it is data, else its name.

    Args:
        acts: members that leave it open work by tools.
    """
    from coder.teams.spec import TeamSpec

    alone = settings.model_copy(update={"strategy": None, "stop": (stop.text or OWN_STOP) if stop else None})
    if not isinstance(team, TeamSpec):
        name = f"{type(team).__module__}:{type(team).__qualname__}"
        return alone.model_copy(update={"team": name, "budget": _one_attempt(settings.budget)})
    given = team.acting(acts).model_dump(mode="json", exclude_defaults=True)
    return alone.model_copy(update={"budget": many_steps(settings.budget), "team": given})
