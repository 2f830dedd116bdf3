"""Tester: writes tests before any code is there. They are weak votes among candidates, never a gate.

Chen et al. 2022, "CodeT: Code Generation with Generated Tests".
"""

from collections.abc import Sequence

from coder.edits.code_blocks import find_blocks
from coder.models.model import ChatMessage
from coder.prompts import prompt
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import find_target
from coder.sampling.behaviour import PATIENCE_S, SECONDS
from coder.source.python_names import called_free_names, parse_source
from coder.turn import Turn
from sandbox import Assertion, Limits, check

_TOKENS = 600
_MOST = 8


class Tester:
    """One model call that gives assertions; nobody who writes code is shown them."""

    name = "tester"

    async def speak(self, turn: Turn) -> Message:
        """Ask for assertions."""
        view = [
            ChatMessage(role="system", content=prompt("tester")),
            ChatMessage(role="user", content=turn.state.task.prompt.strip()),
        ]
        text = await turn.ask(view, sampling=turn.state.settings.brief(_TOKENS))
        return Message(author=self.name, kind="plan", sample=1, attempt=1, text=text)


def has_tests(state: State) -> bool:
    """Whether a tester has spoken."""
    return any(message.author == Tester.name for message in state.messages)


def generated_tests(state: State, names: Sequence[str]) -> list[str]:
    """Assertions that a tester wrote about any of these functions."""
    texts = [message.text for message in state.messages if message.author == Tester.name]
    lines = [
        line.strip() for text in texts for block in find_blocks(text) for line in block.text.splitlines()
    ] or [line.strip() for text in texts for line in text.splitlines()]
    tests = [line for line in lines if line.startswith("assert ") and parse_source(line) is not None]
    about = [line for line in tests if set(called_free_names(line)) & set(names)]
    return list(dict.fromkeys(about))[:_MOST]


async def weak_votes(turn: Turn, codes: Sequence[Message]) -> list[int]:
    """How many of the generated tests each code passes.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    target = find_target(turn.state.task, turn.state.files)
    tests = [Assertion(source=source) for source in generated_tests(turn.state, target.names)]
    cpu_s = SECONDS * len(tests)
    limits = Limits(wall_s=cpu_s + PATIENCE_S, cpu_s=cpu_s) if tests else None
    votes: list[int] = []
    for code in codes if tests else ():
        candidate = await turn.bench.candidate()
        await candidate.lay({path: (text or "").encode() for path, text in code.files.items()})
        report = await check(
            candidate, await turn.bench.checker(), tests, module=target.module, limits=limits
        )
        votes.append(sum(result.passed for result in report.results))
    return votes or [0] * len(codes)
