"""Comparing candidates in the sandbox: what each does on the same inputs, and on more where that decides."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from time import monotonic

from coder.run.event_types import ProgramFinished, ProgramStarted
from coder.run.examples import find_examples
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import find_target
from coder.sampling.behaviour import FAILED, PATIENCE_S, behaviours, quick_behaviour
from coder.sampling.differential import told_apart
from coder.sampling.inputs import Arguments, inputs_of
from coder.sampling.select import Candidate, undecided
from coder.source.completion import missing_function
from coder.turn import Turn
from sandbox import Sandbox

_MOST = 24
"""Candidates that further inputs are tried on, the ones to choose from first."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One function of which every candidate has its own."""

    name: str
    sources: tuple[str, ...]
    inputs: tuple[Arguments, ...]


def comparison_of(state: State, codes: Sequence[Message]) -> Comparison | None:
    """What candidates can be compared on; None where there is no single function to call."""
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
    inputs = inputs_of(examples, name, prompt=state.task.prompt)
    return Comparison(name, sources, tuple(inputs)) if inputs else None


async def agreeing(turn: Turn, comparison: Comparison, *, least: int) -> tuple[int, ...]:
    """Positions of the sources that give the same for every input tried; the log says that they were run.

    Args:
        least: fewer that agree are none.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    async with _logged(turn, comparison):
        sandbox = await turn.bench.candidate()
        given = [
            await quick_behaviour(
                sandbox, source, comparison.name, inputs=comparison.inputs, wall_s=PATIENCE_S
            )
            for source in comparison.sources
        ]
        telling = {i: one for i, one in enumerate(given) if _tells(one, len(comparison.inputs))}
        group = _largest(telling)
        if len(group) < least:
            return ()
        sources = [comparison.sources[i] for i in group]
        further = await told_apart(sandbox, sources, comparison.name, inputs=comparison.inputs)
        group = _largest(dict(zip(group, further, strict=True)))
        return group if len(group) >= least else ()


async def compared(turn: Turn, comparison: Comparison, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, with what they do; the log says that they were run.

    Args:
        comparison: has their sources, in the same order.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    async with _logged(turn, comparison):
        return await _compared(await turn.bench.candidate(), comparison, candidates)


@asynccontextmanager
async def _logged(turn: Turn, comparison: Comparison) -> AsyncIterator[None]:
    sources = comparison.sources
    before = {f"{i}.py": sha256(source.encode()).hexdigest() for i, source in enumerate(sources, 1)}
    began = monotonic()
    await turn.journal.append(ProgramStarted(what="compare", before=before))
    yield
    seconds = monotonic() - began
    await turn.journal.append(
        ProgramFinished(what="compare", status="ok", exit_code=None, seconds=seconds, after={})
    )


def _tells(given: Sequence[str], inputs: int) -> bool:
    """Whether a behaviour is complete and no constant: wrong answers often fail or are constant."""
    return len(given) == inputs and len({one for one in given if not one.startswith(FAILED)}) > 1


def _largest(behaviours: Mapping[int, tuple[str, ...]]) -> tuple[int, ...]:
    """The largest group of those that behave alike, the earliest of the largest."""
    groups: dict[tuple[str, ...], tuple[int, ...]] = {}
    for i, behaviour in behaviours.items():
        groups[behaviour] = (*groups.get(behaviour, ()), i)
    return max(groups.values(), key=len, default=())


async def _compared(
    sandbox: Sandbox, comparison: Comparison, candidates: Sequence[Candidate]
) -> list[Candidate]:
    name, inputs = comparison.name, comparison.inputs
    found = await behaviours(sandbox, comparison.sources, name, inputs=inputs)
    known = [replace(one, behaviour=behaviour) for one, behaviour in zip(candidates, found, strict=True)]
    asked = undecided(known)[:_MOST]
    if asked:
        further = await told_apart(sandbox, [comparison.sources[i] for i in asked], name, inputs=inputs)
        for i, given in zip(asked, further, strict=True):
            known[i] = replace(known[i], further=given)
    return known
