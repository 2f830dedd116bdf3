"""Ask the user to approve a plan, and make the Planner's message from the answer."""

from coder.engine.participants.role import PLANNER
from coder.engine.turn.turn import Turn
from coder.run.message import PlanMessage, ReplyMessage
from coder.run.questions import Decision, Question
from coder.run.state import State

ANOTHER_PLAN = "Another plan."
"""Reply to the model if the user refuses a plan without a comment."""
_APPROVAL_TEXT = "Go on by this plan?"


async def ask_approval(turn: Turn, plan: str, *, key: str) -> Decision | None:
    """Ask the user to approve a plan, and return the answer; None if no approval is required.

    Raises Waits if nobody can answer now.
    """
    settings = turn.state.settings
    is_plan_mode = settings.chat and settings.plan is True
    if not is_plan_mode and "plan" not in settings.approve:
        return None
    question = Question(kind="approve", about="plan", text=f"{_APPROVAL_TEXT}\n\n{plan}", by=PLANNER)
    return await turn.question(question, key=key)


def is_refusal(state: State, answer: Decision) -> bool:
    """Return whether the user of a conversation refused the plan without asking for another one."""
    return state.settings.chat and not answer.agrees and not answer.words


def plan_message(text: str) -> PlanMessage:
    """Return the message of an approved plan."""
    return PlanMessage(author=PLANNER, text=text)


def refused_plan_message(text: str) -> ReplyMessage:
    """Return a refused plan as a plain reply, which the Coder doesn't follow."""
    return ReplyMessage(author=PLANNER, text=text)
