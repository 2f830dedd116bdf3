"""Call a function in a sandbox; arguments and results are copies of plain data."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from sandbox.contract import Running, Sandbox
from sandbox.errors import CalleeEnded, CallFailed
from sandbox.inner.bridge.candidate_line import FROM_CANDIDATE
from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.standard import from_parts, parts_of
from sandbox.policy import Limits
from sandbox.result import describe_end, out_of_time
from sandbox.verdicts.relay import CandidateExchange, decode_frame

_MODULE = "candidate"
_MAX_TEXT = 1000
"""Characters kept of the callee's error message."""
_REFERENCES = ("object", "class", "function", "module", "generator", "coroutine", "error")


async def call(
    sandbox: Sandbox,
    function: str,
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    limits: Limits | None = None,
) -> Any:  # noqa: ANN401 - any plain value
    """Call `function` in a new process and return its result; arguments are copied.

    Args:
        function: `module:name`, such as `solution:add`; the module lies in the workspace.

    Raises:
        CallFailed: it raised, didn't return in time, ended its process, or returned what isn't plain data.
        ValueError: `function` isn't `module:name`, or an argument isn't plain data.
    """
    module, _, name = function.partition(":")
    if not (module and name):
        raise ValueError(f"{function!r} doesn't name a function: write module:name, such as solution:add.")
    _operands(args, kwargs)  # refuses what isn't plain data before anything is started
    running = await sandbox.start("bridge.callee", {}, limits=limits)
    try:
        return await SandboxFunction(running, function).call(args, kwargs)
    finally:
        await asyncio.shield(running.finish())


@asynccontextmanager
async def open_function(
    sandbox: Sandbox, source: str, name: str, *, limits: Limits | None = None
) -> AsyncIterator["SandboxFunction"]:
    """Open a function for many calls in one process, which keeps state between them; its workspace is empty.

    Args:
        source: Source of its module.
        limits: For all calls together.

    Raises:
        CallFailed: the module can't be loaded or lacks the name.
    """
    running = await sandbox.start("bridge.callee", {"modules": {_MODULE: source}}, limits=limits, fresh=True)
    try:
        function = SandboxFunction(running, f"{_MODULE}:{name}")
        await function.load()
        yield function
    finally:
        await asyncio.shield(running.finish())


class SandboxFunction:
    """A function in a process of a sandbox."""

    def __init__(self, running: Running, name: str) -> None:
        self._exchange, self._name = CandidateExchange(running), name

    async def load(self) -> None:
        """Load its module. Raises CallFailed if that fails or the name is missing."""
        await self._ask("find", self._name)

    async def call(
        self,
        args: Sequence[object],
        kwargs: Mapping[str, object] | None = None,
    ) -> Any:  # noqa: ANN401 - any plain value
        """Call it and return its result; arguments are copied.

        Raises:
            CallFailed: it raised, or returned what isn't plain data.
            CalleeEnded: its process ended, so it can't be called again.
            ValueError: an argument isn't plain data.
        """
        return await self._ask("run", self._name, *_operands(args, kwargs))

    async def _ask(self, *request: object) -> Any:  # noqa: ANN401 - any plain value
        frame = await self._exchange.ask(encode(request, refer=parts_of))
        if (result := self._exchange.result) is not None:
            message, is_timeout = f"{self._name} gave no answer: {describe_end(result)}.", out_of_time(result)
            raise CalleeEnded(message, kind="timeout" if is_timeout else "ended")
        try:
            answer = await decode_frame(frame[len(FROM_CANDIDATE) :], _decode_plain)
        except CodecError as error:
            raise self._make_not_plain(str(error)) from error
        if answer[0] == "value":
            return answer[1]
        if answer[0] == "raised" and isinstance(answer[1], _Reference) and len(answer[1].parts) == 4:
            _, kind, _, text = answer[1].parts
            exception = kind.__name__ if isinstance(kind, type) else None
            message = f"{self._name} raised {exception or 'an exception of its own'}: {_make_printable(text)}"
            raise CallFailed(message, kind="raised", exception=exception)
        raise self._make_not_plain(_make_printable(answer[1]) or "no answer")

    def _make_not_plain(self, reason: str) -> CallFailed:
        message = f"{self._name} returned something else than plain data: {reason}."
        return CallFailed(message, kind="not plain")


@dataclass(frozen=True, slots=True)
class _Reference:
    """A reference to an object in the candidate's process."""

    kind: str
    parts: tuple[Any, ...]


def _operands(args: Sequence[object], kwargs: Mapping[str, object] | None) -> tuple[object, object]:
    """Return the operands of a call. Raises CodecError, a ValueError, if one isn't plain data."""
    operands = (tuple(args), dict(kwargs or {}))
    encode(operands, refer=parts_of)
    return operands


def _resolve(payload: Any) -> object:  # noqa: ANN401 - hostile, so it is looked at
    if type(payload) is not tuple or not payload:
        raise CodecError("an extension that isn't a tuple")
    kind, *rest = payload
    if kind in _REFERENCES:
        return _Reference(kind, tuple(rest))
    if kind == "Pattern":
        raise CodecError("a regular expression, which may take long to compile")
    if kind == "ZoneInfo" and (len(rest) != 1 or type(rest[0]) is not str or rest[0] not in _zones()):
        raise CodecError("a time zone that isn't one of this machine's")
    return from_parts(payload)


@cache
def _zones() -> frozenset[str]:
    """Return the time zones of this machine: no other name is looked up in its files."""
    from zoneinfo import available_timezones  # few values have a time zone

    return frozenset(available_timezones())


def _decode_plain(frame: bytes) -> tuple[Any, ...]:
    """Decode an answer, whose value must be plain data. Raises CodecError."""
    answer = decode(frame, resolve=_resolve)
    if type(answer) is not tuple or len(answer) < 2:
        raise CodecError("no answer")
    if answer[0] == "value":
        encode(answer[1:], refer=parts_of)
    return answer


def _make_printable(text: object) -> str:
    """Return a message of the callee in printable form; empty if it isn't text."""
    kept_text = text[:_MAX_TEXT] if type(text) is str else ""
    return kept_text.encode("utf-8", "backslashreplace").decode()
