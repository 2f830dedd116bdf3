"""Completer: a small model continues a function that is begun for it.

The model's answer begins with a fence and the function's outline. Each draw takes the next of three forms,
greedily. Then it continues from the likeliest token that no answer took, greedily too; where the endpoint
reports no such tokens, draws are by chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coder.base.prompts import prompt
from coder.engine.sampling.outline import ENDS, Outline, finished, missing_function, outline
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, Sampling
from coder.run.attempts import is_repeat
from coder.run.event_types import Draw
from coder.run.examples import find_examples
from coder.run.message import AnswerChanges, CodeMessage, Continuation
from coder.run.state import State
from coder.run.target import Target

_TEMPERATURE = 0.8
_TOKENS = 320
"""A longer function of a small model is never right."""
_FENCE = "```python\n"
_BESIDE = 5
"""Alternative tokens to ask for at each place of an answer."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A way to ask, and how the answer begins."""

    template: str
    """The prompt's name."""
    begun: Callable[[Outline], str]


_FORMS = (
    _Form("complete", Outline.with_docstring),
    _Form("write", Outline.with_comment),
    _Form("write", Outline.unheaded),
)


class Completer:
    """Writes code by continuing a function's outline."""

    name = "coder"

    async def speak(self, turn: Turn) -> CodeMessage:
        """Ask for the body."""
        state = turn.state
        target, beginning = _beginning_of(state)
        if beginning is None:
            raise ValueError("the task is about no single function")
        parent = state.progress.parent
        draw = parent.draw if parent is not None and parent.draw is not None else first_draw(beginning, 0)
        task = state.task
        checks = [check.strip() for check in task.checks if check.strip() not in task.prompt]
        words = "\n".join([task.prompt.strip(), *(["It must pass:", *checks] if checks else [])])
        request = prompt(_FORMS[draw.form].template).format(
            task=words, source=beginning.with_docstring().rstrip()
        )
        view = [
            ChatMessage(role="user", content=request),
            ChatMessage(role="assistant", content=_FENCE + draw.begun),
        ]
        answer = await turn.answer(view, sampling=_sampling(state, draw))
        text = finished(draw.begun + answer.text)
        files: dict[str, str | None] = {target.path: text}
        others = (one.model_copy(update={"text": draw.begun + one.text}) for one in answer.alternatives)
        return CodeMessage(
            author=self.name,
            text=text,
            changes=AnswerChanges(files=files),
            continuation=Continuation(begun=draw.begun, alternatives=tuple(others)),
            repeats=is_repeat(state, files, text),
        )


class TextCompletion:
    """The draws of a small model that continues a function's outline."""

    def can_complete(self, state: State) -> bool:
        """Whether the task is about one function, of which enough is known to begin it."""
        return _beginning_of(state)[1] is not None

    def draw(self, state: State, earlier: Sequence[State]) -> Draw:
        """Each form once, then the likeliest beginning that no answer continues yet; else by chance."""
        beginning = _beginning_of(state)[1]
        if beginning is None:
            raise ValueError("the task is about no single function")
        count = len(earlier)
        if count < len(_FORMS):
            return first_draw(beginning, count)
        drawn = [
            (code.text, code.continuation, _form_of(one))
            for one in earlier
            for code in one.codes[-1:]
            if code.continuation is not None
        ]
        likely = [
            (one.logprob, -place, one.text, form)
            for _, draw, form in drawn
            for place, one in enumerate(draw.alternatives)
            if not any(other.begun == one.text or text.startswith(one.text) for text, other, _ in drawn)
        ]
        if likely:
            _, _, begun, form = max(likely, key=lambda one: one[:2])
            return Draw(form=form, begun=begun)
        form = count % len(_FORMS)
        return Draw(form=form, begun=_FORMS[form].begun(beginning), temperature=_TEMPERATURE)

    def participant(self) -> Completer:
        """The one that completes the beginning which its run was given."""
        return Completer()


def first_draw(beginning: Outline, form: int) -> Draw:
    """The draw that begins with the outline, in one of the forms."""
    return Draw(form=form, begun=_FORMS[form].begun(beginning))


def _form_of(state: State) -> int:
    parent = state.progress.parent
    return parent.draw.form if parent is not None and parent.draw is not None else 0


def _beginning_of(state: State) -> tuple[Target, Outline | None]:
    target = state.target
    is_more = state.task.test_command or state.task.test_files or state.files
    if is_more or not target.path.endswith(".py"):
        return target, None
    request = state.task.prompt
    name = missing_function(request, target.names)
    examples = [*state.task.checks, *(one.source for one in find_examples(request))]
    return target, outline(request, name, examples=examples) if name is not None else None


def _sampling(state: State, draw: Draw) -> Sampling:
    """Greedy unless the user says otherwise, or only chance is left."""
    drawing = state.settings.sampling(temperature=draw.temperature, most=_TOKENS)
    attempt = state.progress.parent.attempt if state.progress.parent is not None else 1
    beside = _BESIDE if attempt <= len(_FORMS) else 0
    return drawing.model_copy(update={"stop": ENDS, "alternatives": beside})
