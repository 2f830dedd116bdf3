"""Start `coder mcp`, and drive it by the official SDK's client, as an editor does."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import CallToolResult

from tests.coder.cli.console import CODER, Console

TOKEN = "a-token-of-32-characters-or-so"
ERAS = ("legacy", "2026-07-28")
"""Of the protocol: a handshake, and requests that each stand alone."""

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@dataclass(frozen=True, slots=True)
class Served:
    """A folder of the user's, and a home with a log and a configuration."""

    console: Console
    root: Path

    @property
    def said(self) -> Path:
        """What servers write on stderr."""
        return self.console.home / "stderr"

    def configure(self, **values: object) -> None:
        """Write the user's file."""
        file = self.console.home / ".config" / "coder" / "config.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))

    @asynccontextmanager
    async def over_stdio(
        self, *arguments: str, mode: str = "auto", PYTHONPATH: str = "", **more: Any
    ) -> AsyncIterator[Client]:
        """A client of a server that it has started."""
        command = StdioServerParameters(
            command=str(CODER),
            args=["mcp", "--root", str(self.root), *arguments],
            env=self.console.environ | {"PYTHONPATH": PYTHONPATH},
            cwd=self.console.home,
        )
        with self.said.open("ab") as said:
            async with Client(stdio_client(command, errlog=said), mode=mode, **more) as client:  # type: ignore[arg-type]
                yield client


def document(result: CallToolResult) -> dict[str, Any]:
    """The structured output of a call that has not failed."""
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def words(result: CallToolResult) -> str:
    """What a call that has failed says."""
    assert result.is_error, result.structured_content
    return "".join(getattr(part, "text", "") for part in result.content)


@asynccontextmanager
async def serving(
    served: Served, *arguments: str, command: tuple[str, ...] = ("serve", "--port", "0")
) -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server, and the lines before it on stderr; it has ended in order behind the block."""
    server = await asyncio.create_subprocess_exec(
        CODER, *command, "--root", served.root, *arguments,
        env=served.console.environ, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stderr is not None
    lines: list[str] = []
    async with asyncio.timeout(60):
        while not (line := (await server.stderr.readline()).decode()).startswith("serving "):
            assert line, lines
            lines.append(line)
    try:
        yield f"{line.split()[1].removesuffix('/mcp')}/mcp", lines
    finally:
        server.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            out, err = await server.communicate()
        assert (server.returncode, out, err) == (0, b"", b"")
