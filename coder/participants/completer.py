"""Completer: has a small model go on with a function that we begin, instead of asking it for one.

It begins the model's answer: a fence, and what is known of the function. Each draw has the next of a few
forms, greedily; once all were had, draws are by chance. Where a task is about no single function, the Coder
speaks.
"""

from collections.abc import Callable
from dataclasses import dataclass

from coder.examples import find_examples
from coder.message import Message
from coder.models.model import ChatMessage, Sampling
from coder.outline import ENDS, Outline, finished, missing_function, outline
from coder.participants.coder import Coder
from coder.prompts import prompt
from coder.rounds import drawn, is_repeat
from coder.state import State
from coder.target import find_target
from coder.turn import Turn

_TEMPERATURE = 0.8
_TOKENS = 320
"""A small model that writes a longer function has lost its thread."""
_FENCE = "```python\n"


@dataclass(frozen=True, slots=True)
class _Form:
    """A way to ask, and how the answer begins."""

    asked: str
    """The prompt's name."""
    begun: Callable[[Outline], str]


_FORMS = (
    _Form("complete", Outline.with_docstring),
    _Form("write", Outline.with_comment),
    _Form("write", Outline.unheaded),
    _Form("write", Outline.with_docstring),
)


class Completer:
    """Writes code by going on with what is known of a function; each answer is a fresh start."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Have the body written."""
        state = turn.state
        target = find_target(state.task, state.files)
        known = _outline(state, target.names)
        if known is None or not target.path.endswith(".py") or state.files:
            return await Coder().speak(turn)
        sample = drawn(state) + 1
        form = _FORMS[(sample - 1) % len(_FORMS)]
        begun = form.begun(known)
        asked = prompt(form.asked).format(task=_told(state), source=known.with_docstring().rstrip())
        view = [
            ChatMessage(role="user", content=asked),
            ChatMessage(role="assistant", content=_FENCE + begun),
        ]
        answer = await turn.answer(view, sampling=_sampling(state, sample))
        text = finished(begun + answer.text)
        files: dict[str, str | None] = {target.path: text}
        return Message(
            author=self.name,
            kind="code",
            sample=sample,
            attempt=1,
            text=text,
            files=files,
            repeats=is_repeat(state, files, text),
        )


def _outline(state: State, names: tuple[str, ...]) -> Outline | None:
    if state.task.test_command or state.task.test_files:
        return None
    asked = state.task.prompt
    name = missing_function(asked, names)
    examples = [*state.task.checks, *(one.source for one in find_examples(asked))]
    return outline(asked, name, examples=examples) if name is not None else None


def _told(state: State) -> str:
    """The task, with the checks that it doesn't quote itself."""
    checks = [check.strip() for check in state.task.checks if check.strip() not in state.task.prompt]
    return "\n".join([state.task.prompt.strip(), *(["It must pass:", *checks] if checks else [])])


def _sampling(state: State, sample: int) -> Sampling:
    """Greedy in each form first, then drawn."""
    settings = state.settings
    usual = 0.0 if sample <= len(_FORMS) else _TEMPERATURE
    return Sampling(
        temperature=settings.temperature if settings.temperature is not None else usual,
        top_p=settings.top_p,
        seed=settings.seed + 1000 * (sample - 1),
        max_tokens=min(_TOKENS, settings.max_answer_tokens),
        stop=ENDS,
    )
