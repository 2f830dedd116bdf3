"""Reviewer: reads code that has passed, beside the task, before it counts as done.

It finds what the few checks of a task don't show. Its word is weak: one objection leads to one repair, and
where that fails, what had passed before is taken.
"""

from coder.models.model import ChatMessage
from coder.prompting.messages import coder_view
from coder.prompts import prompt
from coder.run.attempts import Attempt
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import find_target
from coder.turn import Turn

_TOKENS = 400
_APPROVED = "APPROVED"


class Reviewer:
    """One model call: it approves, or it names a fault that the next repair is told of."""

    name = "reviewer"

    async def speak(self, turn: Turn) -> Message:
        """Read the latest code."""
        state = turn.state
        code = state.codes[-1]
        assert state.outcome is not None
        answer = await turn.ask(_view(state), sampling=state.settings.brief(_TOKENS))
        outcome = state.outcome
        if _APPROVED not in answer and answer.strip():
            outcome = outcome.model_copy(
                update={"passed": False, "feedback": f"A reviewer objects:\n{answer.strip()}"}
            )
        return Message(
            author=self.name,
            kind="outcome",
            sample=code.sample,
            attempt=code.attempt,
            text=answer,
            outcome=outcome,
        )


def is_reviewed(state: State) -> bool:
    """Whether a reviewer has spoken."""
    return any(message.author == Reviewer.name for message in state.messages)


def _view(state: State) -> list[ChatMessage]:
    """The task as the coder was told it, and the code."""
    target = find_target(state.task, state.files)
    *_, task = coder_view(state, target, Attempt(sample=1, attempt=1))
    shown = "\n".join(
        f"`{path}`:\n```\n{text}```" for path, text in state.codes[-1].files.items() if text is not None
    )
    return [
        ChatMessage(role="system", content=prompt("review")),
        ChatMessage(role="user", content=f"{task.content}\n\nThe code:\n{shown}"),
    ]
