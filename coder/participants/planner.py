"""Planner: orders the steps of a task before the Coder's first turn."""

import re

from coder.models.model import ChatMessage
from coder.prompting.files_shown import survey_of
from coder.prompting.messages import planner_view
from coder.prompts import prompt
from coder.run.message import Message
from coder.run.questions import Question
from coder.run.state import State
from coder.run.target import target_of
from coder.turn.turn import Turn

_PLAN_TOKENS = 600
_ASKED = "Go on by this plan?"
_STEP = re.compile(r"^[^\S\n]*(?:\d+[.)]|[-*•])\s+\S", re.MULTILINE)
_FILE = re.compile(
    r"(?<![\w/-])[/-]*+(\w[\w/-]*+\.(?:py|js|ts|json|toml|ya?ml|txt|md|csv|sql|html|css|sh))\b"
)


class Planner:
    """One model call that gives numbered steps; the Coder's prompt quotes them."""

    name = "planner"
    within: tuple[str, ...] = ()
    """The nested teams that it speaks in."""

    async def speak(self, turn: Turn) -> Message:
        """Ask for a plan."""
        state = turn.state
        sampling = state.settings.sampling(most=_PLAN_TOKENS)
        target = target_of(state)
        view = planner_view(state, target, survey=await survey_of(turn), context=turn.abilities.context)
        while True:
            text = await turn.ask(view, sampling=sampling)
            if "plan" not in state.settings.approve:
                break
            asked = Question(kind="approve", about="plan", text=f"{_ASKED}\n\n{text}")
            answer = await turn.question(asked, key=f"plan {len(view)}")
            if answer.agrees:
                break
            wanted = prompt("plan-again").format(words=answer.words or "Another plan.")
            view = [
                *view,
                ChatMessage(role="assistant", content=text),
                ChatMessage(role="user", content=wanted),
            ]
        return Message(author=self.name, kind="plan", text=text)


def wants_plan(state: State) -> bool:
    """Whether a plan comes first: the user's word, else three steps or two files to change in the prompt."""
    if state.settings.plan is not None or "plan" in state.settings.approve:
        return state.settings.plan is not False
    prompt = state.task.prompt
    files = set(_FILE.findall(prompt)) - set(_FILE.findall(" ".join(state.task.test_command or ())))
    return len(_STEP.findall(prompt)) >= 3 or len(files) >= 2
