"""Completer: a small model continues a function that is begun for it.

The model's answer begins with a fence and the function's outline. Each draw takes the next of three forms,
greedily. Then it continues from the likeliest token that no answer took, greedily too; where the endpoint
reports no such tokens, draws are by chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

from coder.models.model import ChatMessage, Sampling
from coder.prompts import prompt
from coder.run.attempts import drawn, is_repeat
from coder.run.examples import find_examples
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import Target, target_of
from coder.sampling.outline import ENDS, Outline, finished, missing_function, outline
from coder.turn.turn import Turn

_TEMPERATURE = 0.8
_TOKENS = 320
"""A longer function of a small model is never right."""
_FENCE = "```python\n"
_BESIDE = 5
"""Alternative tokens to ask for at each place of an answer."""


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
)


@dataclass(frozen=True, slots=True)
class _Draw:
    """How to obtain the next answer."""

    form: _Form
    begun: str
    temperature: float = 0.0


class Completer:
    """Writes code by continuing a function's outline; each answer is a fresh start."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Ask for the body."""
        state = turn.state
        target, known = _known(state)
        if known is None:
            raise ValueError("the task is about no single function")
        draw = _next(state, known)
        task = state.task
        checks = [check.strip() for check in task.checks if check.strip() not in task.prompt]
        told = "\n".join([task.prompt.strip(), *(["It must pass:", *checks] if checks else [])])
        asked = prompt(draw.form.asked).format(task=told, source=known.with_docstring().rstrip())
        view = [
            ChatMessage(role="user", content=asked),
            ChatMessage(role="assistant", content=_FENCE + draw.begun),
        ]
        answer = await turn.answer(view, sampling=_sampling(state, draw))
        text = finished(draw.begun + answer.text)
        files: dict[str, str | None] = {target.path: text}
        return Message(
            author=self.name,
            kind="code",
            sample=drawn(state) + 1,
            attempt=1,
            text=text,
            files=files,
            begun=draw.begun,
            alternatives=tuple(
                one.model_copy(update={"text": draw.begun + one.text}) for one in answer.alternatives
            ),
            repeats=is_repeat(state, files, text),
        )


def can_go_on(state: State) -> bool:
    """Whether the task is about one function, of which enough is known to begin it."""
    return _known(state)[1] is not None


def _known(state: State) -> tuple[Target, Outline | None]:
    target = target_of(state)
    is_more = state.task.test_command or state.task.test_files or state.files
    if is_more or not target.path.endswith(".py"):
        return target, None
    asked = state.task.prompt
    name = missing_function(asked, target.names)
    examples = [*state.task.checks, *(one.source for one in find_examples(asked))]
    return target, outline(asked, name, examples=examples) if name is not None else None


def _next(state: State, known: Outline) -> _Draw:
    """Each form once, then the likeliest beginning that no answer continues yet; else by chance."""
    sample = drawn(state)
    if sample < len(_FORMS):
        return _Draw(_FORMS[sample], _FORMS[sample].begun(known))
    codes = [message for message in state.codes if message.begun]
    others = [
        (one.logprob, -place, one.text, _FORMS[message.sample - 1])
        for message in codes
        for place, one in enumerate(message.alternatives)
        if not any(other.begun == one.text or other.text.startswith(one.text) for other in codes)
    ]
    if others:
        _, _, begun, form = max(others, key=lambda one: one[:2])
        return _Draw(form, begun)
    form = _FORMS[sample % len(_FORMS)]
    return _Draw(form, form.begun(known), _TEMPERATURE)


def _sampling(state: State, draw: _Draw) -> Sampling:
    """Greedy unless the user says otherwise, or only chance is left."""
    sample = drawn(state)
    drawing = state.settings.sampling(temperature=draw.temperature, seed=1000 * sample, most=_TOKENS)
    beside = _BESIDE if sample < len(_FORMS) else 0
    return drawing.model_copy(update={"stop": ENDS, "alternatives": beside})
