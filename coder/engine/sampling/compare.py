"""Compare candidates in the sandbox: what each one's function returns for the same inputs, as text.

Inputs are those of the examples, and others derived from them by rule: a resumed run compares on the same.
"""

import ast
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic

from coder.engine.sampling.candidate import FAILED
from coder.engine.sampling.outline import calls_of, missing_function
from coder.engine.turn.turn import Turn
from coder.run.event_types import ProgramFinished, ProgramStarted
from coder.run.examples import find_examples
from coder.run.message import CodeMessage
from coder.run.state import State
from sandbox import Limits, Sandbox, open_function
from sandbox.errors import CalleeEnded, CallFailed

SECONDS = 2.0
"""Of CPU time, for all calls of one candidate."""
PATIENCE_S = 4 * SECONDS
"""By the clock, so that a busy machine gives the same result as an idle one."""
LATE = f"{FAILED}late"
_GONE = f"{FAILED}gone"
"""Of an input after the candidate's process ended."""
_ITS_OWN = "an exception of its own"
_MOST_TOLD = 400
"""Characters of a value that are kept; a longer one is cut, with its hash."""
MOST = 16
_MOST_VARIED = 4
"""Examples of which neighbours are made."""
_LONGEST = 10_000
"""Characters of arguments; longer ones are left out."""
Arguments = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CandidateComparison:
    """A function with each candidate's version of it, and the inputs to call it with."""

    name: str
    sources: tuple[str, ...]
    inputs: tuple[Arguments, ...]


def comparison_of(state: State, codes: Sequence[CodeMessage]) -> CandidateComparison | None:
    """The inputs to compare candidates on; None where there is no single function to call."""
    target = state.target
    sources = tuple(
        source
        for code in codes
        if set(code.changes.files) == {target.path}
        and (source := code.changes.files[target.path]) is not None
    )
    name = missing_function(state.task.prompt, target.names)
    if name is None or len(codes) < 2 or len(sources) < len(codes) or state.files:
        return None
    examples = [*state.task.checks, *(example.source for example in find_examples(state.task.prompt))]
    inputs = inputs_of(examples, name)
    return CandidateComparison(name, sources, tuple(inputs)) if inputs else None


async def behaviours(turn: Turn, comparison: CandidateComparison) -> list[tuple[str, ...]]:
    """The behaviour of each source, in order."""
    sources, inputs = comparison.sources, comparison.inputs
    before = {f"{i}.py": sha256(source.encode()).hexdigest() for i, source in enumerate(sources, 1)}
    began = monotonic()
    await turn.journal.append(ProgramStarted(what="compare", before=before))
    sandbox = await turn.bench.candidate()
    results = [await behaviour(sandbox, source, comparison.name, inputs=inputs) for source in sources]
    seconds = monotonic() - began
    await turn.journal.append(
        ProgramFinished(what="compare", status="ok", exit_code=None, seconds=seconds, after={})
    )
    return results


def largest_group(results: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Positions of the largest group with one behaviour; constant or failing ones don't count."""
    groups: dict[tuple[str, ...], tuple[int, ...]] = {}
    for i, values in enumerate(results):
        if len({one for one in values if not one.startswith(FAILED)}) > 1:
            groups[values] = (*groups.get(values, ()), i)
    return max(groups.values(), key=len, default=())


async def behaviour(
    sandbox: Sandbox, source: str, name: str, *, inputs: Sequence[Arguments]
) -> tuple[str, ...]:
    """What the source's function returns for each input. All calls share one process, and its state."""
    values: list[str] = []
    limits = Limits(wall_s=PATIENCE_S, cpu_s=SECONDS)
    try:
        async with (
            asyncio.timeout(PATIENCE_S * 2),
            open_function(sandbox, source, name, limits=limits) as function,
        ):
            for arguments in inputs:
                try:
                    values.append(_described(await function.call(arguments)))
                except CalleeEnded:
                    raise
                except CallFailed as error:
                    values.append(_failure(error))
    except TimeoutError:
        values.append(LATE)
    except CallFailed as error:
        values.append(_failure(error))
    return (*values, *[_GONE] * (len(inputs) - len(values)))


def _failure(error: CallFailed) -> str:
    match error.kind:
        case "raised":
            return f"{FAILED}{error.exception or _ITS_OWN}"
        case "timeout":
            return LATE
        case _:
            return FAILED


def _described(value: object) -> str:
    """A value in a few hundred characters at most."""
    try:
        text = described(value)
    except RecursionError:
        return f"{FAILED}deep"
    if len(text) <= _MOST_TOLD:
        return text
    return f"{text[:_MOST_TOLD]}…{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def described(value: object) -> str:
    """A value as text that tells kinds apart and has one order for sets and mappings."""
    match value:
        case bool() | None | str() | bytes():
            return repr(value)
        case int():
            return hex(value)  # of any length: Python refuses very long ones in decimal
        case float():
            return repr(float(f"{value:.9g}"))
        case list() | tuple():
            return f"{type(value).__name__}({','.join(map(described, value))})"
        case set() | frozenset():
            return f"set({','.join(sorted(map(described, value)))})"
        case dict():
            return f"dict({','.join(sorted(f'{described(k)}:{described(v)}' for k, v in value.items()))})"
        case _:
            return f"{type(value).__name__}:{value!r}"


def inputs_of(examples: Sequence[str], name: str) -> list[Arguments]:
    """Arguments for the function `name`: of its calls in the examples, then neighbours of each."""
    calls = [
        arguments
        for source in examples
        for arguments in _calls(source, name)
        if len(repr(arguments)) <= _LONGEST
    ]
    variants = [neighbour for arguments in calls[:_MOST_VARIED] for neighbour in _neighbours(arguments)]
    evenly = variants[:: max(1, -(-len(variants) // MOST))]
    return list({repr(arguments): arguments for arguments in [*calls, *evenly]}.values())[:MOST]


def _calls(source: str, name: str) -> Iterator[Arguments]:
    for call in calls_of(source, name):
        try:
            yield tuple(ast.literal_eval(one) for one in [*call.args, *(k.value for k in call.keywords)])
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue


def _neighbours(arguments: Arguments) -> Iterator[Arguments]:
    """The arguments with one of them changed."""
    for i, value in enumerate(arguments):
        for other in _others(value):
            yield (*arguments[:i], other, *arguments[i + 1 :])


def _others(value: object) -> list[object]:
    """Values of the same kind that are likely to be told apart: longer, shorter, in another order."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, value * 2 + 3, max(value - 1, 0), 1]
        case float():
            return [value + 0.5, value * 2, 1.0]
        case str():
            return [value[::-1], value + value[:1], value[1:], value.swapcase(), value + " " + value]
        case list() | tuple():
            kind = type(value)
            same = list(value)
            inner = [kind([*same[:-1], other]) for other in _others(same[-1])[:2]] if same else []
            return [kind(same[::-1]), kind(same + same[:1]), kind(same[1:]), *inner, kind(same * 2)]
        case set():
            return [set(sorted(value, key=repr)[1:])]  # sets have no order of their own
        case dict() if value:
            first, *rest = value.items()
            return [dict(rest), *({**value, first[0]: other} for other in _others(first[1])[:2])]
        case _:
            return []
