"""Planner: orders the steps of a task before the Coder's first turn, by commands or in one answer."""

import re

from coder.base.prompts import prompt
from coder.engine.participants.coder import converse
from coder.engine.participants.plan_approval import ANOTHER, approval, is_refusal, plan_message, refused_plan
from coder.engine.participants.role import PLANNER, Role
from coder.engine.prompting.files_shown import survey_of
from coder.engine.prompting.messages import planner_view
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage
from coder.run.message import Message
from coder.run.state import State

_PLAN_TOKENS = 600
_STEP = re.compile(r"^[^\S\n]*(?:\d+[.)]|[-*•])\s+\S", re.MULTILINE)
_FILE = re.compile(
    r"(?<![\w/-])[/-]*+(\w[\w/-]*+\.(?:py|js|ts|json|toml|ya?ml|txt|md|csv|sql|html|css|sh))\b"
)


class Planner:
    """Plans in a dialogue that can only look, or in one answer; the Coder's prompt quotes the plan."""

    name = PLANNER

    def __init__(self, within: tuple[str, ...] = (), *, acts: bool = False, is_member: bool = False) -> None:
        """Take its place.

        Args:
            within: the nested teams that it speaks in.
            acts: looks by commands, where its model takes tools and the sandbox has sessions.
            is_member: it is one of a team.
        """
        self.within, self._acts, self._is_member = within, acts, is_member

    async def speak(self, turn: Turn) -> Message:
        """Plan, and plan otherwise for as long as the user wants another plan."""
        if not (self._acts and turn.can_act and await turn.bench.has_sessions()):
            return await _in_one_answer(turn)
        from coder.engine.participants.planning_work import PlanningWork  # most small models have no tools

        role = Role(self.name, self.within, is_member=self._is_member, plans=True)
        try:
            return await converse(await PlanningWork.begin(turn, role))
        finally:
            await turn.bench.close_copy()


async def _in_one_answer(turn: Turn) -> Message:
    state = turn.state
    sampling = state.settings.sampling(most=_PLAN_TOKENS)
    target = state.target
    view = planner_view(state, target, survey=await survey_of(turn), context=turn.abilities.context)
    while True:
        text = await turn.ask(view, sampling=sampling)
        answer = await approval(turn, text, key=f"plan {len(view)}")
        if answer is None or answer.agrees:
            return plan_message(text)
        if is_refusal(state, answer):
            return refused_plan(text)
        wanted = prompt("plan-again").format(words=answer.words or ANOTHER)
        view = [
            *view,
            ChatMessage(role="assistant", content=text),
            ChatMessage(role="user", content=wanted),
        ]


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
