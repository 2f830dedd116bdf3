"""Role: the participant that works in a dialogue, and whether the Planner works first."""

import re
from dataclasses import dataclass

from coder.edits.replies import is_question
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
    """The part that a participant plays in a dialogue: the Coder, the Planner, or a member of a team."""

    name: str = CODER
    within: tuple[str, ...] = ()
    """The nested teams that the participant belongs to."""
    brief: str = ""
    """A team member's addition to the system prompt."""
    tools: tuple[str, ...] | None = None
    """Names of the user's tools that the participant may call; None: all."""
    endings: tuple[ToolSpec, ...] = ()
    """Further tools whose call ends the turn: `to_NAME`."""
    is_member: bool = False
    """Whether the participant belongs to a team, which reads its answers without calls."""
    plans: bool = False
    """Whether it only runs commands, in a copy of the session, and hands in a plan."""

    @property
    def dialogue(self) -> str:
        """The name of the dialogue that the role continues: the stronger model continues the Coder's."""
        return CODER if self.name == EXPERT else self.name


def takes_words(state: State, author: str) -> bool:
    """Return whether the words of this participant can end the run.

    They can't where the work is judged elsewhere, and where a second model takes over from this one.
    """
    is_followed = state.settings.strategy == "escalate" and state.task.is_tested and author != EXPERT
    return not (state.settings.judged_elsewhere or is_followed)


def wants_files(state: State) -> bool:
    """Return whether words without a change get a follow-up: unless the user talks or asks a question."""
    return not (state.settings.chat or is_question(state.task.prompt))


def awaits_plan(state: State) -> bool:
    """Return whether the run needs a plan and has none."""
    is_open = all(message.kind not in ("plan", "code") for message in state.progress.messages)
    return is_open and wants_plan(state)


def wants_plan(state: State) -> bool:
    """Return whether to plan first: as the user set, else if the prompt names three steps or two files."""
    if state.settings.plan is not None or "plan" in state.settings.approve:
        return state.settings.plan is not False
    prompt = state.task.prompt
    files = set(_FILE.findall(prompt)) - set(_FILE.findall(" ".join(state.task.test_command or ())))
    return len(_STEP.findall(prompt)) >= 3 or len(files) >= 2
