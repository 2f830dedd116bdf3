"""Planner: orders the steps of a task before the Coder's first turn."""

import re

from coder.prompting.files_shown import survey_of
from coder.prompting.messages import planner_view
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import find_target
from coder.turn import Turn

_PLAN_TOKENS = 600
_STEP = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+\S", re.MULTILINE)
_FILE = re.compile(r"\b[\w/-]+\.(?:py|js|ts|json|toml|ya?ml|txt|md|csv|sql|html|css|sh)\b")


class Planner:
    """One model call that gives numbered steps; the Coder's prompt quotes them."""

    name = "planner"

    async def speak(self, turn: Turn) -> Message:
        """Ask for a plan."""
        state = turn.state
        sampling = state.settings.sampling(most=_PLAN_TOKENS)
        target = find_target(state.task, state.files)
        view = planner_view(state, target, survey=await survey_of(turn), context=turn.abilities.context)
        text = await turn.ask(view, sampling=sampling)
        return Message(author=self.name, kind="plan", sample=1, attempt=1, text=text)


def wants_plan(state: State) -> bool:
    """Whether a plan comes first: the user's word, else three steps or two files to change in the prompt."""
    if state.settings.plan is not None:
        return state.settings.plan
    prompt = state.task.prompt
    files = set(_FILE.findall(prompt)) - set(_FILE.findall(" ".join(state.task.test_command or ())))
    return len(_STEP.findall(prompt)) >= 3 or len(files) >= 2
