"""Start `coder mcp`, and drive it by the official SDK's client, as an editor does."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import CallToolResult

from tests.coder.people.cli.console import CODER, Console
from tests.coder.people.cli.start_for_others import command_for_others
from tests.coder.platform.server.served import forked

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
        self, *arguments: str, mode: str = "auto", PYTHONPATH: str = "", CODER_OTLP: str = "", **more: Any
    ) -> AsyncIterator[Client]:
        """A client of a server that it has started."""
        words = ("mcp", "--root", str(self.root), *arguments)
        own = self.console.environ | ({"PYTHONPATH": PYTHONPATH} if PYTHONPATH else {})
        own |= {"CODER_OTLP": CODER_OTLP} if CODER_OTLP else {}
        with ExitStack() as stack:
            command = [str(CODER), *words]
            if not PYTHONPATH:
                cwd = self.console.home
                command = stack.enter_context(command_for_others(CODER, *words, environ=own, cwd=cwd))
            started = StdioServerParameters(
                command=command[0], args=command[1:], env=own, cwd=self.console.home
            )
            log = stack.enter_context(self.said.open("ab"))
            async with Client(stdio_client(started, errlog=log), mode=mode, **more) as client:  # type: ignore[arg-type]
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
    out = served.console.home / "out"
    words = (*command, "--root", str(served.root), *arguments)
    server, stderr = forked(words, served.console.environ, said=out)
    lines: list[str] = []
    with stderr:
        while not (line := await asyncio.to_thread(stderr.readline)).startswith("serving "):
            assert line, lines
            lines.append(line)
        try:
            yield f"{line.split()[1].removesuffix('/mcp')}/mcp", lines
        finally:
            server.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(server.wait, 300)
            assert (code, out.read_bytes(), await asyncio.to_thread(stderr.read)) == (0, b"", "")
