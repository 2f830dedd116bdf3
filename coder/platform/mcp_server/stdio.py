"""Serve one client over standard input and output, until the client closes them."""

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import redirect_stdout
from typing import Any, BinaryIO, cast

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError
from mcp_types.jsonrpc import jsonrpc_message_adapter
from pydantic import ValidationError

from coder.base.json_rpc import INVALID_REQUEST, Refusal, read_messages


async def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve a client, with descriptor 0 empty and 1 as stderr, so that other output can't forge a message."""
    frames = os.fdopen(os.dup(0), "rb")
    null_device = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_device, 0)
    os.close(null_device)
    lines = _Lines(frames)
    protocol = server._lowlevel_server  # signals don't end the SDK's own run()
    async with stdio_server(stdin=cast(anyio.AsyncFile[str], lines)) as (read, write):
        lines.answer = write.send
        with redirect_stdout(sys.stderr):  # buffered output would be written to the client later
            await protocol.run(read, write, protocol.create_initialization_options())


class _Lines:
    """The lines of a file that are messages; others get an error, which the SDK leaves out."""

    answer: Callable[[SessionMessage], Awaitable[None]]

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def __aiter__(self) -> AsyncIterator[str]:
        async for message in read_messages(self._file):
            refusal = message if isinstance(message, Refusal) else None
            if not isinstance(message, Refusal):
                try:
                    line = json.dumps(message)
                    jsonrpc_message_adapter.validate_json(line)
                except (ValidationError, RecursionError):
                    number = message.get("id") if "method" in message else None
                    refusal = Refusal(INVALID_REQUEST, "Invalid request: no message of MCP", number)
                else:
                    yield line
            if refusal is not None:
                error = ErrorData(code=refusal.code, message=refusal.message)
                await self.answer(SessionMessage(JSONRPCError(jsonrpc="2.0", id=refusal.id, error=error)))
