"""Completer: a small model continues a function whose beginning is given.

The model's answer begins with a fence and the function's outline. The first draws use the three forms in
turn, greedily. Later draws continue greedily from the likeliest token that no answer took; if the endpoint
reports no such tokens, they are random.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coder.base.prompts import prompt
from coder.engine.sampling.outline import ENDS, Outline, missing_function, outline, without_cut_statement
from coder.engine.turn.turn import Turn
from coder.models.answer_parts import Continuation
from coder.models.model import ChatMessage, Sampling
from coder.run.attempts import is_repeat
from coder.run.event_types import Draw
from coder.run.examples import find_examples
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.state import State
from coder.run.target import Target

_TEMPERATURE = 0.8
_MAX_TOKENS = 320
"""Token limit: a longer function of a small model is never right."""
_FENCE = "```python\n"
_ALTERNATIVES = 5
"""Alternative tokens to request at each position of an answer."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A form of the request: a prompt, and the beginning of the answer."""

    prompt_name: str
    beginning: Callable[[Outline], str]


_FORMS = (
    _Form("complete", Outline.with_docstring),
    _Form("write", Outline.with_comment),
    _Form("write", Outline.unheaded),
)


class Completer:
    """Writes code by continuing a function's outline."""

    name = "coder"

    async def speak(self, turn: Turn) -> CodeMessage:
        """Ask the model for the function's body."""
        state = turn.state
        target, beginning = _beginning_of(state)
        if beginning is None:
            raise ValueError("the task is about no single function")
        parent = state.progress.parent
        draw = parent.draw if parent is not None and parent.draw is not None else first_draw(beginning, 0)
        task = state.task
        checks = [check.strip() for check in task.checks if check.strip() not in task.prompt]
        task_text = "\n".join([task.prompt.strip(), *(["It must pass:", *checks] if checks else [])])
        request = prompt(_FORMS[draw.form].prompt_name).format(
            task=task_text, source=beginning.with_docstring().rstrip()
        )
        view = [
            ChatMessage(role="user", content=request),
            ChatMessage(role="assistant", content=_FENCE + draw.begun),
        ]
        answer = await turn.answer(view, sampling=_sampling(state, draw))
        text = without_cut_statement(draw.begun + answer.text)
        files: dict[str, str | None] = {target.path: text}
        alternatives = (
            alternative.model_copy(update={"text": draw.begun + alternative.text})
            for alternative in answer.alternatives
        )
        message = CodeMessage(
            author=self.name,
            text=text,
            changes=AnswerChanges(files=files),
            continuation=Continuation(begun=draw.begun, alternatives=tuple(alternatives)),
            repeats=is_repeat(state, files, text),
        )
        if not turn.has_hooks:
            return message
        from coder.engine.participants.hooked_answer import through_hooks  # imported late: few have hooks

        return (await through_hooks(turn, message))[0]


class TextCompletion:
    """Draws of a small model that continues a function's outline."""

    def can_complete(self, state: State) -> bool:
        """Return whether the task is about one function, and enough is known to begin it."""
        return _beginning_of(state)[1] is not None

    def draw(self, state: State, earlier: Sequence[State]) -> Draw:
        """Return the next draw: each form once, then the likeliest new beginning, else a random one."""
        beginning = _beginning_of(state)[1]
        if beginning is None:
            raise ValueError("the task is about no single function")
        count = len(earlier)
        if count < len(_FORMS):
            return first_draw(beginning, count)
        answered_draws = [
            (code.text, code.continuation, _form_of(one))
            for one in earlier
            for code in one.codes[-1:]
            if code.continuation is not None
        ]
        unused_alternatives = [
            (one.logprob, -rank, one.text, form)
            for _, draw, form in answered_draws
            for rank, one in enumerate(draw.alternatives)
            if not any(
                continuation.begun == one.text or text.startswith(one.text)
                for text, continuation, _ in answered_draws
            )
        ]
        if unused_alternatives:
            _, _, begun, form = max(unused_alternatives, key=lambda one: one[:2])
            return Draw(form=form, begun=begun)
        form = count % len(_FORMS)
        return Draw(form=form, begun=_FORMS[form].beginning(beginning), temperature=_TEMPERATURE)

    def participant(self) -> Completer:
        """Return the participant that completes the beginning given to its run."""
        return Completer()


def first_draw(beginning: Outline, form: int) -> Draw:
    """Return the draw that begins with the outline in the given form."""
    return Draw(form=form, begun=_FORMS[form].beginning(beginning))


def _form_of(state: State) -> int:
    parent = state.progress.parent
    return parent.draw.form if parent is not None and parent.draw is not None else 0


def _beginning_of(state: State) -> tuple[Target, Outline | None]:
    target = state.target
    has_files = state.task.test_command or state.task.test_files or state.files
    if has_files or not target.path.endswith(".py"):
        return target, None
    request = state.task.prompt
    name = missing_function(request, target.names)
    examples = [*state.task.checks, *(example.source for example in find_examples(request))]
    return target, outline(request, name, examples=examples) if name is not None else None


def _sampling(state: State, draw: Draw) -> Sampling:
    """Return greedy sampling, unless the user set a temperature or only random draws are left."""
    drawing = state.settings.sampling(temperature=draw.temperature, most=_MAX_TOKENS)
    attempt = state.progress.parent.attempt if state.progress.parent is not None else 1
    alternatives = _ALTERNATIVES if attempt <= len(_FORMS) else 0
    return drawing.model_copy(update={"stop": ENDS, "alternatives": alternatives})
