"""Serve one client over standard input and output, until the client closes its end."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from math import isfinite
from types import NoneType
from typing import Any, BinaryIO, cast

import anyio
from acp import RequestError
from acp.agent.connection import AgentSideConnection
from acp.interfaces import Agent

from coder.people.acp.agent import EditorAgent

_MAX_MESSAGE_BYTES = 16 << 20
"""Longest message in bytes."""
_TOO_LONG = b"{"
UNROUTED = ("session/delete",)
"""Stable methods that the package doesn't route: the agent gets them as those of an extension."""


async def serve_stdio(flags: Mapping[str, object], args: Mapping[str, Any]) -> None:
    """Serve a client, with descriptor 0 empty and 1 as stderr, so that other output can't forge a message."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    null_device = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_device, 0)
    os.close(null_device)
    os.dup2(2, 1)
    agent = EditorAgent(flags, args)
    with redirect_stdout(sys.stderr):
        connection = AgentSideConnection(
            cast(Agent, agent),
            JsonLines(incoming, outgoing),
            listening=False,
            use_unstable_protocol=True,  # session/resume and close, which are stable by now
        )
        try:
            await connection.listen()
        finally:
            await agent.close()
            await connection.close()


class JsonLines:
    """Messages as lines of JSON. A line that isn't a message is answered with an error, and skipped."""

    def __init__(self, incoming: BinaryIO, outgoing: Any) -> None:  # noqa: ANN401 - a raw file
        self._incoming = incoming
        self._outgoing = outgoing
        self._turn = asyncio.Lock()

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message; messages are written one at a time."""
        # An error of pydantic's may hold an exception, which is no JSON.
        line = json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n"
        async with self._turn:
            await anyio.to_thread.run_sync(_write, self._outgoing, line)

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message; None at the end."""
        while line := await self._line():
            if not line.strip():
                continue
            try:
                message = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite)
            except (ValueError, RecursionError):
                await self._refuse(RequestError.parse_error())
                continue
            if is_message(message):
                if (method := message.get("method")) in UNROUTED:
                    message["method"] = f"_{method}"
                return message  # type: ignore[no-any-return]  # checked
            await self._refuse(RequestError.invalid_request())
        return None

    async def close(self) -> None:
        """Do nothing: the process ends with the connection."""

    async def _line(self) -> bytes:
        """Return the next line, or text that is no JSON in the place of one that is too long."""
        line = part = await self._read()
        while len(part) == _MAX_MESSAGE_BYTES and not part.endswith(b"\n"):
            line, part = _TOO_LONG, await self._read()
        return line

    async def _read(self) -> bytes:
        return await anyio.to_thread.run_sync(
            self._incoming.readline, _MAX_MESSAGE_BYTES, abandon_on_cancel=True
        )

    async def _refuse(self, error: RequestError) -> None:
        await self.send({"jsonrpc": "2.0", "id": None, "error": error.to_error_obj()})


def is_message(value: object) -> bool:
    """Return whether a JSON value is a request, a notification or a response of JSON-RPC."""
    if not isinstance(value, dict) or type(value.get("id")) not in (NoneType, int, str):
        return False
    if "method" in value:
        return isinstance(value["method"], str)
    return "result" in value or isinstance(value.get("error"), dict)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} isn't JSON")


def _finite(digits: str) -> float:
    if not isfinite(value := float(digits)):
        raise ValueError(f"{digits[:80]} is too large")
    return value


def _write(file: Any, line: bytes) -> None:  # noqa: ANN401 - a raw file
    while line:
        line = line[file.write(line) :]
