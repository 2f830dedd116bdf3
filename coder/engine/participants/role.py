"""Role: who works in a dialogue, and whether the Planner works first."""

import re
from dataclasses import dataclass

from coder.models.model import ToolSpec
from coder.run.message import EXPERT
from coder.run.state import State

CODER = "coder"
PLANNER = "planner"
_STEP = re.compile(r"^[^\S\n]*(?:\d+[.)]|[-*•])\s+\S", re.MULTILINE)
_FILE = re.compile(
    r"(?<![\w/-])[/-]*+(\w[\w/-]*+\.(?:py|js|ts|json|toml|ya?ml|txt|md|csv|sql|html|css|sh))\b"
)


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


def awaits_plan(state: State) -> bool:
    """Whether a plan is wanted and isn't there."""
    is_open = all(message.kind not in ("plan", "code") for message in state.progress.messages)
    return is_open and wants_plan(state)


def wants_plan(state: State) -> bool:
    """Whether a plan comes first: the user's word, else three steps or two files to change in the prompt."""
    if state.settings.plan is not None or "plan" in state.settings.approve:
        return state.settings.plan is not False
    prompt = state.task.prompt
    files = set(_FILE.findall(prompt)) - set(_FILE.findall(" ".join(state.task.test_command or ())))
    return len(_STEP.findall(prompt)) >= 3 or len(files) >= 2
