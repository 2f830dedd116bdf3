"""McpServer: one MCP server, and the task that owns the connection. Any task may call the server's tools.

Importing `mcp` takes almost a second, so it is imported only when a server is opened, in a thread.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from coder.base.errors import MissingExtra, UsageError
from coder.base.text.redact import MIN_SECRET_LENGTH, Redactor
from coder.base.text.sanitize import one_line
from coder.config.mcp_servers import Mcp
from coder.models.model import JsonObject
from coder.run.watch import note_of
from coder.tools.mcp_tool import McpTool, tools_listed
from coder.tools.tool import Desk

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import IncomingMessage
    from mcp_types import CallToolResult, Tool

START_S = 10.0
"""Time limit in seconds for a server to start and list its tools."""
CALL_S = 300.0
"""Time limit in seconds for a call."""
_CLOSE_S = 5.0
_MAX_PAGES = 50
_SILENT_HANDLER = logging.NullHandler()
"""Handler that drops the SDK's log, because problems are reported to the user and the model."""
_UNKNOWN_EFFECT = "What the call did is not known."


class McpServer:
    """An MCP server and its current tools."""

    def __init__(self, about: Mcp, note: Callable[[str], None]) -> None:
        """Set the configuration; `note` is called once with a problem of the server, for the user."""
        self.about = about
        self._note = note
        self._tools: dict[str, McpTool] = {}
        self._client: Client | None = None
        self._owner: asyncio.Task[None] | None = None
        self._ready, self._news = asyncio.Event(), asyncio.Event()
        self._is_over = self._is_told = False
        self._has_died = False
        """Whether a started server that is a command has ended by itself."""
        self._redact = Redactor().redact
        """Redacts the values that the user passed to the server."""

    def begin(self) -> None:
        """Start the server unless it was started before."""
        if self._owner is None:
            self._owner = asyncio.create_task(self._own())

    async def tools(self) -> list[McpTool]:
        """Return the tools of the started server; empty if it can't start.

        A server that has ended in a call is started again.
        """
        if self._has_died and self._owner is not None:
            self._has_died = self._is_told = False
            self._owner.cancel()
            await asyncio.wait([self._owner])
            self._ready.clear()
            self._owner = None
        self.begin()
        await self._ready.wait()
        return list(self._tools.values())

    async def call(self, tool: str, arguments: JsonObject, desk: Desk) -> "CallToolResult":
        """Call a tool by the server's name of the tool.

        Raises:
            ValueError: there is no result; the message is for the model.
        """
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED

        name, patience = f"The MCP server {self.about.name}", min(CALL_S, desk.seconds_left())
        await self._ready.wait()
        if self._client is None:
            raise ValueError(f"{name} has ended: its tools can't be called in this turn.")
        if tool not in self._tools:
            raise ValueError(f"{name} has no tool {tool} any more.")
        try:
            async with asyncio.timeout(patience):
                return await self._client.call_tool(tool, arguments)
        except Exception as error:  # the SDK raises many kinds of errors for unexpected results
            failure = f"sent a result that can't be read: {error}"
            if isinstance(error, TimeoutError):
                failure = f"gave no answer in {patience:.0f} s. {_UNKNOWN_EFFECT}"
            elif isinstance(error, MCPError) and error.code == CONNECTION_CLOSED:
                failure = f"broke the call off: {error}. {_UNKNOWN_EFFECT}"
                self._tell(f"broke a call off: {error}")
                if self.about.command:  # over HTTP, the next request may succeed
                    self._client, self._has_died = None, True
            elif isinstance(error, MCPError):
                failure = f"gave an error: {error}"
            raise ValueError(self._redact(f"{name} {failure}")) from error

    async def close(self) -> None:
        """End the connection, and the processes of a server that is a command."""
        if self._owner is None:
            return
        self._is_over = True
        self._news.set()
        if self._client is not None:
            await asyncio.wait([self._owner], timeout=_CLOSE_S)
        self._owner.cancel()
        await asyncio.wait([self._owner])

    async def _own(self) -> None:
        """Keep the connection open in this task, as a cancel scope must end in the task where it began."""
        try:
            await asyncio.to_thread(import_module, "coder.tools.mcp_transport")
            async with asyncio.timeout(START_S) as patience, self._connected() as client:
                await self._list(client)
                patience.reschedule(None)
                self._client = client
                self._ready.set()
                await self._follow(client)
        except TimeoutError:
            self._tell(f"has not started within {START_S:.0f} s. Install what it downloads when it starts")
        except Exception as error:  # noqa: BLE001 - a failing server must not affect others
            self._tell(f"can't be used: {_innermost(error)}")
        finally:
            self._client = None
            self._ready.set()

    @asynccontextmanager
    async def _connected(self) -> "AsyncIterator[Client]":
        from mcp import Client
        from mcp.client.stdio import get_default_environment
        from mcp_types import Implementation

        from coder.tools.mcp_transport import http_streams, program_streams

        about = self.about
        await asyncio.to_thread(about.require_allowed)  # a run may have changed them since
        logging.getLogger("mcp").addHandler(_SILENT_HANDLER)
        errors, settings = bytearray(), {**about.variables(), **about.filled_headers()}
        words = [word for value in settings.values() for word in (value, value.rpartition(" ")[2])]
        self._redact = Redactor(word for word in words if len(word) >= MIN_SECRET_LENGTH).redact
        if about.sandboxed:
            from coder.tools.mcp_sandbox import sandboxed_streams

            transport = sandboxed_streams(about, settings, errors)
        elif about.command:
            transport = program_streams(
                about.command, get_default_environment() | settings, errors, folder=about.start_folder
            )
        else:
            transport = http_streams(about.url, settings)
        info = Implementation(name="coder", version=version("coder-agent"))
        try:
            async with Client(transport, message_handler=self._heard, client_info=info, cache=None) as client:
                yield client
        except Exception as error:
            if lines := errors.decode("utf-8", "replace").strip().splitlines():
                raise UsageError(f"{_innermost(error)}; on stderr: {one_line(lines[-1])}") from error
            raise

    async def _follow(self, client: "Client") -> None:
        """Read the list of tools whenever the server reports a change."""
        from mcp import MCPError
        from mcp_types.version import MODERN_PROTOCOL_VERSIONS

        async with AsyncExitStack() as stack:
            with suppress(MCPError, TimeoutError):
                if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
                    await stack.enter_async_context(client.listen(tools_list_changed=True))
            while await self._news.wait() and not self._is_over:
                self._news.clear()
                with suppress(MCPError, TimeoutError):
                    async with asyncio.timeout(START_S):
                        await self._list(client)
                self._ready.set()

    async def _list(self, client: "Client") -> None:
        all_tools: list[Tool] = []
        cursor = None
        for _ in range(_MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            all_tools += page.tools
            if (cursor := page.next_cursor) is None:
                break
        self._tools, omitted_names = await asyncio.to_thread(
            tools_listed, self.about, all_tools, self.call, self._redact
        )
        if omitted_names and self._client is None:
            self._note(f"MCP server {self.about.name}: left out, as no model could call it: {omitted_names}")

    async def _heard(self, message: "IncomingMessage") -> None:
        from mcp_types import ToolListChangedNotification

        if isinstance(message, ToolListChangedNotification):
            self._ready.clear()  # later messages refer to the new list
            self._news.set()

    def _tell(self, words: str) -> None:
        if not self._is_told and not self._is_over:
            self._is_told = True
            self._note(one_line(self._redact(f"MCP server {self.about.name} {words}"), width=800))


@asynccontextmanager
async def serving(
    items: Iterable[object], watch: object
) -> "AsyncIterator[tuple[list[object], list[object]]]":
    """Context manager that opens servers; yields tools that require a model with tools, and optional ones.

    Raises:
        UsageError: the extra isn't installed, and a server is required.
    """
    note = note_of(watch)
    tools = [McpServer(item, note) if isinstance(item, Mcp) else item for item in items]
    servers = [item for item in tools if isinstance(item, McpServer)]
    optional = [server for server in servers if not server.about.required]
    if len(optional) < len(servers) and find_spec("mcp") is None:
        raise MissingExtra("The MCP SDK", "mcp")
    try:
        for server in servers:
            if server.about.required:
                server.begin()
        yield [item for item in tools if item not in optional], [*optional]
    finally:
        await asyncio.gather(*(server.close() for server in servers))


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
