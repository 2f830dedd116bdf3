"""The user's word on a plan, and what the Planner says after it."""

from coder.engine.participants.role import PLANNER
from coder.engine.turn.turn import Turn
from coder.run.message import PlanMessage, ReplyMessage
from coder.run.questions import Decision, Question
from coder.run.state import State

ANOTHER = "Another plan."
"""What a no without words asks for."""
_ASKED = "Go on by this plan?"


async def approval(turn: Turn, plan: str, *, key: str) -> Decision | None:
    """The user's word on a plan; None where nobody wants to be asked. Raises Waits: nobody can answer now."""
    settings = turn.state.settings
    is_plan_mode = settings.chat and settings.plan is True
    if not is_plan_mode and "plan" not in settings.approve:
        return None
    question = Question(kind="approve", about="plan", text=f"{_ASKED}\n\n{plan}", by=PLANNER)
    return await turn.question(question, key=key)


def is_refusal(state: State, answer: Decision) -> bool:
    """Whether the user refused the plan without words, in a conversation: no other plan is wanted."""
    return state.settings.chat and not answer.agrees and not answer.words


def plan_message(text: str) -> PlanMessage:
    """The plan that is followed."""
    return PlanMessage(author=PLANNER, text=text)


def refused_plan(text: str) -> ReplyMessage:
    """The plan that the user did not want: words of a conversation, which nobody follows."""
    return ReplyMessage(author=PLANNER, text=text)
