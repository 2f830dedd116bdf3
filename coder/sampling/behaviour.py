"""Behaviour: what candidates give for the same inputs, in the sandbox, as text that can be compared."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256

from coder.sampling.inputs import Arguments
from sandbox import Limits, Sandbox, call, open_function
from sandbox.errors import CalleeEnded, CallFailed

SECONDS = 2.0
"""Of CPU time, for one call. Who is slower on a small input is of no use."""
PATIENCE_S = 4 * SECONDS
"""By the clock, so that candidates are compared on a busy machine as on an idle one."""
FAILED = "!"
"""Begins the behaviour of a call that raised or never returned."""
LATE = f"{FAILED}late"
_ITS_OWN = "an exception of its own"
_LONGEST = 400
"""Characters of a value that are kept; of a longer one the hash tells as much."""


async def behaviours(
    sandbox: Sandbox, sources: Sequence[str], name: str, *, inputs: Sequence[Arguments]
) -> list[tuple[str, ...]]:
    """What each source's function gives for each input, each call in a process of its own.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    found: list[tuple[str, ...]] = []
    for source in sources:
        await sandbox.lay({"candidate.py": source.encode()})  # alone: none can change another
        given: list[str] = []
        for arguments in inputs:
            given.append(await _given(sandbox, f"candidate:{name}", arguments))
            if given[-1] == LATE:  # it would be late for every input
                break
        found.append((*given, *[LATE] * (len(inputs) - len(given))))
    return found


async def quick_behaviour(
    sandbox: Sandbox, source: str, name: str, *, inputs: Sequence[Arguments], wall_s: float
) -> tuple[str, ...]:
    """What a source's function gives for one input after the other, all in one process.

    That takes a fraction of the time of a process for each, and what it keeps between calls shows.

    Args:
        wall_s: for all calls together; of CPU time they have what one call has.

    Returns:
        As many as there are inputs, or less: the last then says why its process ended.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    given: list[str] = []
    limits = Limits(wall_s=wall_s, cpu_s=SECONDS)
    try:
        async with asyncio.timeout(wall_s * 2), open_function(sandbox, source, name, limits=limits) as asked:
            for arguments in inputs:
                try:
                    given.append(_described(await asked.call(arguments)))
                except CalleeEnded:
                    raise
                except CallFailed as error:
                    given.append(_failure(error))
    except TimeoutError:
        given.append(LATE)
    except CallFailed as error:
        given.append(_failure(error))
    return tuple(given)


async def _given(sandbox: Sandbox, function: str, arguments: Arguments) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S * 2):
            limits = Limits(wall_s=PATIENCE_S, cpu_s=SECONDS)
            value = await call(sandbox, function, arguments, limits=limits)
    except TimeoutError:
        return LATE
    except CallFailed as error:
        return _failure(error)
    return _described(value)


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
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}…{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def described(value: object) -> str:
    """A value as text that tells kinds apart and has one order for sets and mappings."""
    match value:
        case bool() | None | str() | bytes():
            return repr(value)
        case int():
            return hex(value)  # of any length: in decimal Python refuses what is very long
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
