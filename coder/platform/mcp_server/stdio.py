"""Serve one client over standard input and output, until it closes them."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from typing import Any, BinaryIO, cast

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server

_LONGEST = 16 << 20
"""Bytes of a message; what is longer is no message."""


async def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve, with descriptor 0 empty and 1 as stderr: whatever else writes there can't forge a frame."""
    frames = os.fdopen(os.dup(0), "rb")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    lines = cast(anyio.AsyncFile[str], _Lines(frames))
    protocol = server._lowlevel_server  # the SDK's own run() reads in a way that no signal ends
    async with stdio_server(stdin=lines) as (read, write):
        with redirect_stdout(sys.stderr):  # what was buffered would be written when 1 is the client's again
            await protocol.run(read, write, protocol.create_initialization_options())


class _Lines:
    """The lines of a file; a read that nobody waits for any longer is left alone."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while line := await anyio.to_thread.run_sync(self._file.readline, _LONGEST, abandon_on_cancel=True):
            yield line
