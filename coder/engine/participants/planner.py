"""Planner: orders the steps of a task before the Coder's first turn, by commands or in one answer."""

from coder.base.prompts import prompt
from coder.engine.participants.coder import converse
from coder.engine.participants.plan_approval import ANOTHER, approval, is_refusal, plan_message, refused_plan
from coder.engine.participants.role import PLANNER, Role
from coder.engine.prompting.files_shown import survey_of
from coder.engine.prompting.messages import planner_view
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage
from coder.run.message import Message

_PLAN_TOKENS = 600


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
