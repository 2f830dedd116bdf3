"""Serve one client over standard input and output, until the client closes its end."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any, BinaryIO, cast

import anyio
from acp.agent.connection import AgentSideConnection
from acp.interfaces import Agent

from coder.base.json_rpc import Refusal, read_messages
from coder.people.acp.agent import EditorAgent

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
        self._messages = read_messages(incoming)
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
        async for message in self._messages:
            if isinstance(message, Refusal):
                error = {"code": message.code, "message": message.message}
                await self.send({"jsonrpc": "2.0", "id": message.id, "error": error})
                continue
            if (method := message.get("method")) in UNROUTED:
                message["method"] = f"_{method}"
            return message
        return None

    async def close(self) -> None:
        """Do nothing: the process ends with the connection."""


def _write(file: Any, line: bytes) -> None:  # noqa: ANN401 - a raw file
    while line:
        line = line[file.write(line) :]
