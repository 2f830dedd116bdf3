"""Role: who works in a dialogue."""

from dataclasses import dataclass

from coder.models.model import ToolSpec
from coder.run.message import EXPERT

CODER = "coder"
PLANNER = "planner"


@dataclass(frozen=True, slots=True)
class Role:
    """Who works: the Coder, or a member of a team."""

    name: str = CODER
    within: tuple[str, ...] = ()
    """The nested teams that it speaks in."""
    brief: str = ""
    """Words of a member of a team to its model, beside those of any that acts."""
    tools: tuple[str, ...] | None = None
    """The user's tools that it may call; None: all."""
    endings: tuple[ToolSpec, ...] = ()
    """Further tools whose call ends the turn: `to_NAME`."""
    is_member: bool = False
    """Words alone are what it says to its team."""
    plans: bool = False
    """It has commands alone, in a copy of the session, and hands in a plan."""

    @property
    def dialogue(self) -> str:
        """Whose dialogue it goes on with: a stronger model goes on with the Coder's."""
        return CODER if self.name == EXPERT else self.name
