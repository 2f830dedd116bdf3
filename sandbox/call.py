"""Call one function of a sandbox's workspace from here, with plain data by value both ways."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.contract import Running, Sandbox
from sandbox.errors import CallFailed, SandboxBroken
from sandbox.inner.codec import CodecError, decode, encode
from sandbox.inner.standard import from_parts, to_parts
from sandbox.policy import Limits
from sandbox.result import Result


async def call(
    sandbox: Sandbox,
    function: str,
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    limits: Limits | None = None,
) -> Any:  # noqa: ANN401 - any plain value
    """What `function` returns, called in a process of its own. Arguments are copies; nothing here is changed.

    Args:
        function: `module:name`, such as `solution:add`; the module lies in the workspace.

    Raises:
        CallFailed: it raised, didn't return in time, ended its process, or gave what isn't plain data.
        ValueError: `function` isn't `module:name`, or an argument isn't plain data.
    """
    module, _, name = function.partition(":")
    if not (module and name):
        raise ValueError(f"{function!r} doesn't name a function: write module:name, such as solution:add.")
    operands = (tuple(args), dict(kwargs or {}))
    encode(operands, refer=_parts)  # refuses what isn't plain data before anything is started
    running = await sandbox.start("callee", {"write_back": False}, limits=limits)
    try:
        value = await _ask(running, function, "import", module)
        for part in name.split("."):
            value = await _ask(running, function, "get", value, part)
        value = await _ask(running, function, "call", value, *operands)
        encode(value, refer=_parts)
        return value
    except CodecError as error:
        raise CallFailed(f"{function} returned something else than plain data: {error}.") from error
    finally:
        await asyncio.shield(running.finish())


@dataclass(frozen=True, slots=True)
class _There:
    """Something that stays in the candidate's process."""

    kind: str
    number: int
    parts: tuple[Any, ...]


def _refer(value: object) -> tuple[object, ...]:
    if isinstance(value, _There):
        return ("object", value.number)
    return _parts(value)


def _parts(value: object) -> tuple[object, ...]:
    parts = to_parts(value)
    if parts is None:
        raise CodecError(f"a value of type {type(value).__name__} isn't plain data")
    return parts


def _resolve(payload: Any) -> object:  # noqa: ANN401 - hostile, so it is looked at
    if type(payload) is not tuple or not payload:
        raise CodecError("an extension that isn't a tuple")
    kind, *rest = payload
    if kind in ("object", "class", "function", "module", "generator", "coroutine", "error"):
        if not rest or type(rest[0]) is not int:
            raise CodecError(f"a {kind} without a number")
        return _There(kind, rest[0], tuple(rest[1:]))
    return from_parts(payload)


async def _ask(running: Running, function: str, *request: object) -> Any:  # noqa: ANN401 - the answer's value
    try:
        await running.send(encode(request, refer=_refer))
        frame = await running.receive()
    except SandboxBroken:
        frame = None
    if frame is None:
        raise CallFailed(f"{function} gave no answer: {ending(await running.finish())}.")
    answer = decode(frame, resolve=_resolve)
    if type(answer) is not tuple or len(answer) < 2:
        raise CodecError("no answer")
    if answer[0] == "value":
        return answer[1]
    if answer[0] == "raised" and isinstance(answer[1], _There) and len(answer[1].parts) == 3:
        kind, _, text = answer[1].parts
        name = kind.__name__ if isinstance(kind, type) else "an exception of its own"
        raise CallFailed(f"{function} raised {name}: {str(text)[:1000]}")
    raise CodecError(str(answer[1])[:200])


def ending(result: Result) -> str:
    """Why a process answers no more, in a few words."""
    if result.killed_by in ("wall", "cpu"):
        return f"it didn't return within {result.wall_s:.1f} s"
    if result.killed_by not in (None, "cancel"):  # "cancel" is ours: it had closed its channel before
        return f"its process was killed at the limit of {result.killed_by}"
    if result.signal is not None and result.killed_by is None:
        return f"its process was ended by signal {result.signal}"
    return "its process ended" if result.exit_code is None else f"its exit code was {result.exit_code}"
