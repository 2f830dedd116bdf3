"""A run of a team: what must be there before it begins, and its settings."""

from coder.environment.workbench import Workbench
from coder.errors import UsageError
from coder.loop import Team
from coder.models.abilities import abilities_of
from coder.models.model import Model
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.termination import Stop
from coder.teams.strategies import OWN_STOP, many_steps, suited


async def acts_here(settings: Settings, task: Task, team: Team, model: Model, bench: "Workbench") -> bool:
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
        return alone.model_copy(update={"team": name})
    given = team.acting(acts).model_dump(mode="json", exclude_defaults=True)
    return alone.model_copy(update={"budget": many_steps(settings.budget), "team": given})
