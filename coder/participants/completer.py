"""Completer: has a small model go on with a function that we begin, instead of asking it for one.

It begins the model's answer: a fence, the head, the docstring with the examples. Where a task is about no
single function, it leaves the turn to the Coder.
"""

from coder.examples import find_examples
from coder.message import Message
from coder.models.model import ChatMessage, Sampling
from coder.outline import ENDS, finished, outline
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


class Completer:
    """Writes code by going on with a function's head and docstring; each answer is a fresh start."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Have the body written."""
        state = turn.state
        target = find_target(state.task, state.files)
        begun = _outline(state, target.names)
        if begun is None or not target.path.endswith(".py") or state.files:
            return await Coder().speak(turn)
        sample = drawn(state) + 1
        view = [
            ChatMessage(role="user", content=_asked(state)),
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


def _outline(state: State, names: tuple[str, ...]) -> str | None:
    if not names or state.task.test_command or state.task.test_files:
        return None
    examples = [*state.task.checks, *(one.source for one in find_examples(state.task.prompt))]
    return outline(state.task.prompt, names[-1], examples=examples)


def _asked(state: State) -> str:
    checks = "\n".join(check.strip() for check in state.task.checks if check not in state.task.prompt)
    tests = f"It must pass:\n{checks}" if checks else ""
    return prompt("complete").format(task=state.task.prompt.strip(), tests=tests).strip()


def _sampling(state: State, sample: int) -> Sampling:
    """Greedy first, then drawn."""
    settings = state.settings
    return Sampling(
        temperature=settings.temperature
        if settings.temperature is not None
        else (0.0 if sample == 1 else _TEMPERATURE),
        top_p=settings.top_p,
        seed=settings.seed + 1000 * (sample - 1),
        max_tokens=min(_TOKENS, settings.max_answer_tokens),
        stop=ENDS,
    )
