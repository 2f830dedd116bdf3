"""Compare candidates in the sandbox: what each one's function returns for the same inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic

from coder.run.event_types import ProgramFinished, ProgramStarted
from coder.run.examples import find_examples
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import find_target
from coder.sampling.behaviour import FAILED, behaviour
from coder.sampling.inputs import Arguments, inputs_of
from coder.sampling.outline import missing_function
from coder.turn import Turn


@dataclass(frozen=True, slots=True)
class Comparison:
    """One function of which every candidate has its own version."""

    name: str
    sources: tuple[str, ...]
    inputs: tuple[Arguments, ...]


def comparison_of(state: State, codes: Sequence[Message]) -> Comparison | None:
    """The inputs to compare candidates on; None where there is no single function to call."""
    target = find_target(state.task, state.files)
    sources = tuple(
        source
        for code in codes
        if set(code.files) == {target.path} and (source := code.files[target.path]) is not None
    )
    name = missing_function(state.task.prompt, target.names)
    if name is None or len(codes) < 2 or len(sources) < len(codes) or state.files:
        return None
    examples = [*state.task.checks, *(example.source for example in find_examples(state.task.prompt))]
    inputs = inputs_of(examples, name)
    return Comparison(name, sources, tuple(inputs)) if inputs else None


async def behaviours(turn: Turn, comparison: Comparison) -> list[tuple[str, ...]]:
    """The behaviour of each source, in order; the log holds that they were run.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    sources, inputs = comparison.sources, comparison.inputs
    before = {f"{i}.py": sha256(source.encode()).hexdigest() for i, source in enumerate(sources, 1)}
    began = monotonic()
    await turn.journal.append(ProgramStarted(what="compare", before=before))
    sandbox = await turn.bench.candidate()
    found = [await behaviour(sandbox, source, comparison.name, inputs=inputs) for source in sources]
    seconds = monotonic() - began
    await turn.journal.append(
        ProgramFinished(what="compare", status="ok", exit_code=None, seconds=seconds, after={})
    )
    return found


def largest_group(found: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Positions of the largest group with one behaviour, the earliest of the largest.

    Behaviours that end early or are constant don't count: wrong answers often are.
    """
    telling = {i: given for i, given in enumerate(found) if _tells(given)}
    groups: dict[tuple[str, ...], tuple[int, ...]] = {}
    for i, given in telling.items():
        groups[given] = (*groups.get(given, ()), i)
    return max(groups.values(), key=len, default=())


def _tells(given: Sequence[str]) -> bool:
    return len({one for one in given if not one.startswith(FAILED)}) > 1
