"""Plain: asks for code once and greedily, as a single question would, whatever was answered before.

Among the draws of a small model it stands for what that model says without any help: whatever one question
solves is there to be chosen, too.
"""

from coder.answers import parse_answer
from coder.message import Message
from coder.models.model import Sampling
from coder.rounds import Round, drawn, is_repeat
from coder.state import State
from coder.target import decides, find_target
from coder.turn import Turn
from coder.view import coder_view

_TOKENS = 768
"""A small model has lost its thread when it writes more than this for one answer."""


class Plain:
    """Writes code in answer to the task alone."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Ask once."""
        state = turn.state
        target = find_target(state.task, state.files)
        view = coder_view(state, target, Round(sample=1, attempt=1))
        text = await turn.ask(view, sampling=_sampling(state))
        parsed = parse_answer(text, default=target.path, expected=target.names)
        files: dict[str, str | None] = {
            path: code for path, code in parsed.files.items() if not decides(path, state.task, target)
        }
        return Message(
            author=self.name,
            kind="code",
            sample=drawn(state) + 1,
            attempt=1,
            text=text,
            files=files,
            repeats=is_repeat(state, files, text),
        )


def _sampling(state: State) -> Sampling:
    settings = state.settings
    return Sampling(
        temperature=settings.temperature if settings.temperature is not None else 0.0,
        top_p=settings.top_p,
        seed=settings.seed,
        max_tokens=min(_TOKENS, settings.max_answer_tokens),
    )
