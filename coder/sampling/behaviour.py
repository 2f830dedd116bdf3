"""Behaviour: what a candidate's function returns for given inputs, in the sandbox, as comparable text."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256

from coder.sampling.inputs import Arguments
from sandbox import Limits, Sandbox, open_function
from sandbox.errors import CalleeEnded, CallFailed

SECONDS = 2.0
"""Of CPU time, for all calls of one candidate."""
PATIENCE_S = 4 * SECONDS
"""By the clock, so that a busy machine gives the same result as an idle one."""
FAILED = "!"
"""Begins the behaviour of a call that raised or never returned."""
LATE = f"{FAILED}late"
_GONE = f"{FAILED}gone"
"""Of an input after the candidate's process ended."""
_ITS_OWN = "an exception of its own"
_LONGEST = 400
"""Characters of a value that are kept; a longer one is cut, with its hash."""


async def behaviour(
    sandbox: Sandbox, source: str, name: str, *, inputs: Sequence[Arguments]
) -> tuple[str, ...]:
    """What the source's function returns for each input, all calls in one process.

    A process for each call would cost forty times as much; state that a candidate keeps between calls shows.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    given: list[str] = []
    limits = Limits(wall_s=PATIENCE_S, cpu_s=SECONDS)
    try:
        async with (
            asyncio.timeout(PATIENCE_S * 2),
            open_function(sandbox, source, name, limits=limits) as function,
        ):
            for arguments in inputs:
                try:
                    given.append(_described(await function.call(arguments)))
                except CalleeEnded:
                    raise
                except CallFailed as error:
                    given.append(_failure(error))
    except TimeoutError:
        given.append(LATE)
    except CallFailed as error:
        given.append(_failure(error))
    return (*given, *[_GONE] * (len(inputs) - len(given)))


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
