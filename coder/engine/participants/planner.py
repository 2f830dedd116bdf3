"""Planner: plans the steps of a task before the Coder's first turn, by commands or in one answer."""

from coder.base.prompts import prompt
from coder.engine.participants.coder import Conversing, Work
from coder.engine.participants.plan_approval import (
    ANOTHER_PLAN,
    ask_approval,
    is_refusal,
    plan_message,
    refused_plan_message,
)
from coder.engine.participants.role import PLANNER, Role
from coder.engine.prompting.files_shown import survey_of
from coder.engine.prompting.first_request import first_request
from coder.engine.turn.turn import Turn
from coder.engine.turn.whole_answer import ask_whole_answer
from coder.models.model import ChatMessage
from coder.run.message import Message

_PLAN_TOKENS = 600


class Planner(Conversing):
    """Plans in a read-only dialogue, or in one answer; the Coder's prompt quotes the plan."""

    name = PLANNER

    def __init__(self, within: tuple[str, ...] = (), *, acts: bool = False, is_member: bool = False) -> None:
        """Initialize the planner of a run or a team.

        Args:
            within: the nested teams that the planner belongs to.
            acts: whether it runs commands, if its model takes tools and the sandbox has sessions.
            is_member: whether it belongs to a team.
        """
        self.within, self._acts, self._is_member = within, acts, is_member

    async def speak(self, turn: Turn) -> Message:
        """Make a plan, and another one each time the user asks for it."""
        if not (self._acts and turn.can_act and await turn.bench.has_sessions()):
            return await _in_one_answer(turn)
        try:
            return await super().speak(turn)
        finally:
            await turn.bench.close_copy()

    async def begin(self, turn: Turn) -> Work:
        """Begin a read-only dialogue."""
        from coder.engine.participants.planning_work import PlanningWork  # imported late: not all models act

        role = Role(self.name, self.within, is_member=self._is_member, plans=True)
        return await PlanningWork.begin(turn, role)


async def _in_one_answer(turn: Turn) -> Message:
    state = turn.state
    sampling = state.settings.sampling(most=_PLAN_TOKENS)
    target = state.target
    survey, context = await survey_of(turn), turn.abilities.context
    messages = first_request(state, target, survey, form="whole", context=context, plans=True)
    while True:
        text = await ask_whole_answer(turn, messages, sampling=sampling)
        answer = await ask_approval(turn, text, key=f"plan {len(messages)}")
        if answer is None or answer.agrees:
            return plan_message(text)
        if is_refusal(state, answer):
            return refused_plan_message(text)
        request = prompt("plan-again").format(words=answer.words or ANOTHER_PLAN)
        messages = [
            *messages,
            ChatMessage(role="assistant", content=text),
            ChatMessage(role="user", content=request),
        ]
