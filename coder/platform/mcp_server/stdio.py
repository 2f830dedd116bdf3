"""Serve one client over standard input and output, until the client closes them."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from typing import Any, BinaryIO, cast

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server

_MAX_MESSAGE_BYTES = 16 << 20
"""Longest message in bytes."""


async def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve a client, with descriptor 0 empty and 1 as stderr, so that other output can't forge a message."""
    frames = os.fdopen(os.dup(0), "rb")
    null_device = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_device, 0)
    os.close(null_device)
    lines = cast(anyio.AsyncFile[str], _Lines(frames))
    protocol = server._lowlevel_server  # signals don't end the SDK's own run()
    async with stdio_server(stdin=lines) as (read, write):
        with redirect_stdout(sys.stderr):  # buffered output would be written to the client later
            await protocol.run(read, write, protocol.create_initialization_options())


class _Lines:
    """The lines of a file; a read is abandoned once it is cancelled."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while line := await anyio.to_thread.run_sync(
            self._file.readline, _MAX_MESSAGE_BYTES, abandon_on_cancel=True
        ):
            yield line
