"""The settings of a run by a team: the team itself if it is data, else its name."""

from typing import TYPE_CHECKING

from coder.base.errors import UsageError
from coder.engine.participants.participant import Team
from coder.run.option_table import MANY_STEPS
from coder.run.settings import Settings

if TYPE_CHECKING:
    from coder.engine.teams.spec import TeamSpec
    from coder.environment.workbench import Workbench


async def check_team(settings: Settings, team: "TeamSpec", bench: "Workbench") -> None:
    """Check that a team can work with the settings and the run's tools.

    Raises:
        UsageError: the settings name what the team doesn't do, or a member names a tool that isn't given.
    """
    if settings.strategy not in ("auto", None) or "samples" in settings.budget.model_fields_set:
        raise UsageError("A team has its own rules: name no strategy and no samples (--strategy, --samples).")
    if "plan" in settings.approve and all(member.name != "planner" for member in team.leaves()):
        raise UsageError("--approve plan beside --team: the team has no member `planner`, who asks about it.")
    if tool_names := {tool for member in team.leaves() for tool in member.tools or ()}:
        from coder.tools.tool import tools_of

        available = {tool.spec.name for tool in await tools_of((*bench.tools, *bench.optional_tools))}
        if unknown := sorted(tool_names - available):
            listing = ", ".join(sorted(available)) or "none"
            raise UsageError(
                f"A member names the tool {unknown[0]!r}, and the run has {listing}. Give it: --tool or --mcp"
            )


def has_open_acts(team: "TeamSpec") -> bool:
    """Return whether a member is to work by tools if its model can."""
    return any(member.acts is None for member in team.leaves())


def with_team(settings: Settings, team: Team, *, acts: bool) -> Settings:
    """Return settings that name this team: a `TeamSpec` is stored whole, another team by its class.

    Args:
        acts: whether members without a value of `acts` work by tools.
    """
    from coder.engine.teams.spec import TeamSpec

    team_settings = settings.model_copy(update={"strategy": None})
    if not isinstance(team, TeamSpec):
        name = f"{type(team).__module__}:{type(team).__qualname__}"
        return team_settings.model_copy(
            update={"team": name, "budget": settings.budget.model_copy(update={"samples": 1})}
        )
    spec = team.with_acts(acts).model_dump(mode="json", exclude_defaults=True)
    return team_settings.model_copy(
        update={"budget": settings.budget.with_defaults(MANY_STEPS), "team": spec}
    )
