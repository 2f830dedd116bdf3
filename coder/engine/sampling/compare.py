"""Compare candidates in the sandbox by the text of what their functions return for equal inputs.

Inputs come from the examples, and others are derived from them by rule, so a resumed run uses equal inputs.
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

CPU_SECONDS = 2.0
"""CPU time for all calls of one candidate."""
WALL_SECONDS = 4 * CPU_SECONDS
"""Wall time, long enough that a busy machine gives the result of an idle one."""
LATE = f"{FAILED}late"
_ENDED = f"{FAILED}gone"
"""Behaviour for an input after the candidate's process ended."""
_OWN_EXCEPTION = "an exception of its own"
_VALUE_CHARACTERS = 400
"""Longest text of a value in characters; a longer one is cut, and its hash appended."""
MAX_INPUTS = 16
_VARIED_EXAMPLES = 4
"""Number of examples that are varied."""
_ARGUMENT_CHARACTERS = 10_000
"""Longest text of arguments in characters; longer ones are skipped."""
Arguments = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CandidateComparison:
    """A function in each candidate's version, and the inputs to call it with."""

    name: str
    sources: tuple[str, ...]
    inputs: tuple[Arguments, ...]


def comparison_of(state: State, codes: Sequence[CodeMessage]) -> CandidateComparison | None:
    """Return the inputs to compare candidates on; None if there is no single function to call."""
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
    """Return the behaviour of each source, in order."""
    sources, inputs = comparison.sources, comparison.inputs
    hashes_before = {
        f"{number}.py": sha256(source.encode()).hexdigest() for number, source in enumerate(sources, 1)
    }
    start_time = monotonic()
    await turn.journal.append(ProgramStarted(what="compare", before=hashes_before))
    sandbox = await turn.bench.candidate()
    results = [await behaviour(sandbox, source, comparison.name, inputs=inputs) for source in sources]
    seconds = monotonic() - start_time
    await turn.journal.append(
        ProgramFinished(what="compare", status="ok", exit_code=None, seconds=seconds, after={})
    )
    return results


def largest_group(results: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Return the positions of the largest group with equal behaviour; constant or failing ones don't
    count.
    """
    groups: dict[tuple[str, ...], tuple[int, ...]] = {}
    for position, values in enumerate(results):
        if len({value for value in values if not value.startswith(FAILED)}) > 1:
            groups[values] = (*groups.get(values, ()), position)
    return max(groups.values(), key=len, default=())


async def behaviour(
    sandbox: Sandbox, source: str, name: str, *, inputs: Sequence[Arguments], wall_s: float = WALL_SECONDS
) -> tuple[str, ...]:
    """Return the result of the source's function for each input. All calls share one process."""
    values: list[str] = []
    limits = Limits(wall_s=wall_s, cpu_s=CPU_SECONDS)
    try:
        async with (
            asyncio.timeout(wall_s * 2),
            open_function(sandbox, source, name, limits=limits) as function,
        ):
            for arguments in inputs:
                try:
                    values.append(_bounded_text(await function.call(arguments)))
                except CalleeEnded:
                    raise
                except CallFailed as error:
                    values.append(_failure(error))
    except TimeoutError:
        values.append(LATE)
    except CallFailed as error:
        values.append(_failure(error))
    return (*values, *[_ENDED] * (len(inputs) - len(values)))


def _failure(error: CallFailed) -> str:
    match error.kind:
        case "raised":
            return f"{FAILED}{error.exception or _OWN_EXCEPTION}"
        case "timeout":
            return LATE
        case _:
            return FAILED


def _bounded_text(value: object) -> str:
    """Return a text of a value, cut to a few hundred characters."""
    try:
        text = described(value)
    except RecursionError:
        return f"{FAILED}deep"
    if len(text) <= _VALUE_CHARACTERS:
        return text
    return f"{text[:_VALUE_CHARACTERS]}…{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def described(value: object) -> str:
    """Return a value as text that tells types apart and gives sets and mappings a fixed order."""
    match value:
        case bool() | None | str() | bytes():
            return repr(value)
        case int():
            return hex(value)  # Python refuses to print very long integers in decimal
        case float():
            return repr(float(f"{value:.9g}"))
        case list() | tuple():
            return f"{type(value).__name__}({','.join(map(described, value))})"
        case set() | frozenset():
            return f"set({','.join(sorted(map(described, value)))})"
        case dict():
            items = sorted(f"{described(key)}:{described(item)}" for key, item in value.items())
            return f"dict({','.join(items)})"
        case _:
            return f"{type(value).__name__}:{value!r}"


def inputs_of(examples: Sequence[str], name: str) -> list[Arguments]:
    """Return arguments for the function `name`: those of its calls in the examples, then variants of them."""
    calls = [
        arguments
        for source in examples
        for arguments in _calls(source, name)
        if len(repr(arguments)) <= _ARGUMENT_CHARACTERS
    ]
    variants = [variant for arguments in calls[:_VARIED_EXAMPLES] for variant in _varied_arguments(arguments)]
    chosen_variants = variants[:: max(1, -(-len(variants) // MAX_INPUTS))]
    return list({repr(arguments): arguments for arguments in [*calls, *chosen_variants]}.values())[
        :MAX_INPUTS
    ]


def _calls(source: str, name: str) -> Iterator[Arguments]:
    for call in calls_of(source, name):
        try:
            yield tuple(
                ast.literal_eval(argument)
                for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
            )
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue


def _varied_arguments(arguments: Arguments) -> Iterator[Arguments]:
    """Yield the arguments with one of them changed."""
    for position, value in enumerate(arguments):
        for variant in _variants(value):
            yield (*arguments[:position], variant, *arguments[position + 1 :])


def _variants(value: object) -> list[object]:
    """Return values of the same type that are likely to behave differently: longer, shorter, reordered."""
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
            make = type(value)
            items = list(value)
            nested = [make([*items[:-1], variant]) for variant in _variants(items[-1])[:2]] if items else []
            return [make(items[::-1]), make(items + items[:1]), make(items[1:]), *nested, make(items * 2)]
        case set():
            return [set(sorted(value, key=repr)[1:])]  # a fixed order, as sets have none
        case dict() if value:
            first_item, *later_items = value.items()
            return [
                dict(later_items),
                *({**value, first_item[0]: variant} for variant in _variants(first_item[1])[:2]),
            ]
        case _:
            return []
