"""Behaviour: what candidates give for the same inputs, each called in a process of its own in the sandbox."""

import asyncio
from collections.abc import Sequence

from coder.inputs import Arguments
from sandbox import Limits, Sandbox
from sandbox.call import call
from sandbox.errors import CallFailed

SECONDS = 2.0
"""For one call. Who is slower on a small input is of no use."""
FAILED = "!"
"""Begins the behaviour of a call that raised or never returned."""


async def behaviours(
    sandbox: Sandbox, sources: Sequence[str], name: str, *, inputs: Sequence[Arguments]
) -> list[tuple[str, ...]]:
    """What each source's function gives for each input, as text that is equal where the values are.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    found: list[tuple[str, ...]] = []
    for source in sources:
        await sandbox.lay({"candidate.py": source.encode()})  # alone: none can change another
        given: list[str] = []
        for arguments in inputs:
            given.append(await _given(sandbox, f"candidate:{name}", arguments))
            if given[-1] == f"{FAILED}late":  # it would be late for every input
                break
        found.append((*given, *[f"{FAILED}late"] * (len(inputs) - len(given))))
    return found


async def _given(sandbox: Sandbox, function: str, arguments: Arguments) -> str:
    try:
        async with asyncio.timeout(SECONDS * 2):
            value = await call(sandbox, function, arguments, limits=Limits(wall_s=SECONDS, cpu_s=SECONDS))
    except TimeoutError:
        return f"{FAILED}late"
    except CallFailed as error:
        said = str(error).partition(" raised ")[2].partition(":")[0]
        return f"{FAILED}{said}" if said else f"{FAILED}late" if "within" in str(error) else FAILED
    try:
        return described(value)
    except RecursionError:
        return f"{FAILED}deep"


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
