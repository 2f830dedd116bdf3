"""Open the MCP servers of a run, beside the user's functions."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import MissingExtra
from coder.config.mcp_servers import Mcp
from coder.run.watch import note_of
from coder.tools.mcp_client import McpServer
from coder.tools.mcp_resources import McpResources

if TYPE_CHECKING:
    from coder.tools.mcp_sandbox import OpenCopy


@asynccontextmanager
async def serving(
    items: Iterable[object], watch: object, workspace: Path | None, open_copy: "OpenCopy"
) -> AsyncIterator[tuple[list[object], list[object]]]:
    """Context manager that opens servers; yields tools that require a model with tools, and optional ones.

    Args:
        workspace: the folder that the run is about, or a file in it.
        open_copy: opens the sandbox of a program that the repository names.

    Raises:
        UsageError: the extra isn't installed, and a server is required.
    """
    note = note_of(watch)
    folder = _folder_of(workspace)
    tools = [McpServer(item, note, folder, open_copy) if isinstance(item, Mcp) else item for item in items]
    servers = [item for item in tools if isinstance(item, McpServer)]
    optional = [server for server in servers if not server.about.required]
    if len(optional) < len(servers) and find_spec("mcp") is None:
        raise MissingExtra("The MCP SDK", "mcp")
    try:
        for server in servers:
            if server.about.required:
                server.begin()
        yield [item for item in tools if item not in optional], [*optional, McpResources(servers)]
    finally:
        await asyncio.gather(*(server.close() for server in servers))


def _folder_of(workspace: Path | None) -> Path | None:
    if workspace is None:
        return None
    path = workspace.resolve()
    return path.parent if path.is_file() else path
