"""McpServer: one MCP server, and the task that owns the connection. Any task may call the server's tools.

Importing `mcp` takes almost a second, so it is imported only when a server is opened, in a thread.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import FileUrl, ValidationError

from coder.base.errors import UsageError
from coder.base.text.redact import MIN_SECRET_LENGTH, Redactor
from coder.base.text.sanitize import one_line, printable
from coder.config.mcp_rules import ServerName
from coder.config.mcp_servers import Mcp
from coder.models.answer_parts import Image
from coder.models.model import JsonObject
from coder.tools.mcp_tool import McpTool, pictures_of, result_of, text_of, tools_listed
from coder.tools.tool import Desk, ToolResult

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import IncomingMessage
    from mcp_types import CallToolResult, ListRootsResult, Prompt, Resource, ResourceTemplate, Tool

    from coder.tools.mcp_sandbox import OpenCopy

START_S = 10.0
"""Time limit in seconds for a server to start and list its tools."""
DOWNLOAD_S = 60.0
"""The same for a program that the repository names and that may reach hosts, as `npx` fetches a package."""
CALL_S = 300.0
"""Time limit in seconds for a call."""
_LIST_S = 2.0
"""Time limit in seconds for a list beside that of the tools; all of them must fit in START_S."""
_CLOSE_S = 5.0
_MAX_PAGES = 50
_SILENT_HANDLER = logging.NullHandler()
"""Handler that drops the SDK's log, because problems are reported to the user and the model."""
T = TypeVar("T")
_UNKNOWN_EFFECT = "What the call did is not known."


class McpServer:
    """An MCP server and its current tools."""

    def __init__(
        self,
        about: Mcp,
        note: Callable[[str], None],
        folder: Path | None = None,
        open_copy: "OpenCopy | None" = None,
    ) -> None:
        """Set the configuration.

        Args:
            note: called once with a problem of the server, for the user.
            folder: the user's folder, which programs outside of a sandbox are told as their root.
            open_copy: opens the sandbox of a program that the repository names; None: it isn't started.
        """
        self.about = about
        self._open_copy = open_copy
        self._start_s = DOWNLOAD_S if about.is_of_repository and about.hosts else START_S
        self._root = folder if about.command and not about.sandboxed else None
        self._note = note
        self._tools: dict[str, McpTool] = {}
        self._resources: list[Resource | ResourceTemplate] = []
        self._prompts: list[Prompt] = []
        self._client: Client | None = None
        self._owner: asyncio.Task[None] | None = None
        self._ready, self._news = asyncio.Event(), asyncio.Event()
        self._is_over = self._is_told = False
        self._has_died = False
        """Whether a started server that is a command has ended by itself."""
        self._redact = Redactor().redact
        """Redacts the values that the user passed to the server."""

    @property
    def name(self) -> str:
        """Name of the server."""
        return self.about.name

    @property
    def known_as(self) -> ServerName:
        """The names by which rules of permission know the server."""
        return self.about.known_as

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
        await self._ready.wait()
        if self._client is not None and tool not in self._tools:
            raise ValueError(f"The MCP server {self.about.name} has no tool {tool} any more.")
        return await self._request(lambda client: client.call_tool(tool, arguments), desk.seconds_left())

    async def resources(self) -> "list[Resource | ResourceTemplate]":
        """Return the resources that the server lists; empty if it can't start."""
        self.begin()
        await self._ready.wait()
        return self._resources if self._client is not None else []

    async def read(self, uri: str, desk: Desk) -> ToolResult:
        """Read a resource. Raises ValueError if there is no result; the message is for the model."""
        from mcp_types import EmbeddedResource

        result = await self._request(lambda client: client.read_resource(uri), desk.seconds_left())
        parts = [EmbeddedResource(type="resource", resource=content) for content in result.contents]
        return result_of(parts, desk, self._redact)

    @property
    def prompts(self) -> "list[Prompt]":
        """The prompts that the started server lists."""
        return self._prompts if self._client is not None else []

    async def prompt(
        self, name: str, arguments: dict[str, str], *, sees: bool
    ) -> tuple[str, tuple[Image, ...]]:
        """Return the text and the pictures of a prompt. Raises ValueError if the server gives none."""
        result = await self._request(lambda client: client.get_prompt(name, arguments), CALL_S)
        texts = [
            f"{'Assistant: ' if message.role == 'assistant' else ''}{text_of([message.content], sees=sees)}"
            for message in result.messages
        ]
        images = pictures_of([message.content for message in result.messages]) if sees else ()
        return printable(self._redact("\n\n".join(filter(None, texts)))), images

    async def _request(self, send: "Callable[[Client], Awaitable[T]]", seconds_left: float) -> T:
        """Return the answer to a request. Raises ValueError if there is none, with a text for the model."""
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED

        name, patience = f"The MCP server {self.about.name}", min(CALL_S, seconds_left)
        if self._client is None:
            raise ValueError(f"{name} has ended: its tools can't be called in this turn.")
        try:
            async with asyncio.timeout(patience):
                return await send(self._client)
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
            async with asyncio.timeout(self._start_s) as patience, self._connected() as client:
                await self._list(client)
                patience.reschedule(None)
                self._client = client
                self._ready.set()
                await self._follow(client)
        except TimeoutError:
            self._tell(
                f"has not started within {self._start_s:.0f} s. Install what it downloads when it starts"
            )
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
        logging.getLogger("mcp").addHandler(_SILENT_HANDLER)
        errors, settings = bytearray(), {**about.variables(), **about.filled_headers()}
        words = [word for value in settings.values() for word in (value, value.rpartition(" ")[2])]
        self._redact = Redactor(word for word in words if len(word) >= MIN_SECRET_LENGTH).redact
        if about.sandboxed:
            from coder.tools.mcp_sandbox import sandboxed_streams

            transport = sandboxed_streams(about, settings, errors, self._open_copy)
        elif about.command:
            transport = program_streams(about.command, get_default_environment() | settings, errors)
        else:
            transport = http_streams(about.url, settings)
        info = Implementation(name="coder", version=version("coder-agent"))
        try:
            async with Client(
                transport,
                message_handler=self._heard,
                client_info=info,
                cache=None,
                list_roots_callback=self._roots if self._root is not None else None,
            ) as client:
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
                    await stack.enter_async_context(
                        client.listen(tools_list_changed=True, resources_list_changed=True)
                    )
            while await self._news.wait() and not self._is_over:
                self._news.clear()
                with suppress(MCPError, TimeoutError):
                    async with asyncio.timeout(START_S):
                        await self._list(client)
                self._ready.set()

    async def _list(self, client: "Client") -> None:
        all_tools: list[Tool] = await _all_pages(client.list_tools, "tools")
        if client.server_capabilities.resources is not None:
            self._resources = await _if_readable(_all_pages(client.list_resources, "resources"))
            listing = _all_pages(client.list_resource_templates, "resource_templates")
            self._resources += await _if_readable(listing)
        if client.server_capabilities.prompts is not None:
            self._prompts = await _if_readable(_all_pages(client.list_prompts, "prompts"))
        self._tools, omitted_names = await asyncio.to_thread(
            tools_listed, self.about, all_tools, self.call, self._redact
        )
        if omitted_names and self._client is None:
            self._note(f"MCP server {self.about.name}: left out, as no model could call it: {omitted_names}")

    async def _roots(self, context: object) -> "ListRootsResult":
        from mcp_types import ListRootsResult, Root

        assert self._root is not None
        return ListRootsResult(roots=[Root(uri=FileUrl(self._root.as_uri()), name=self._root.name)])

    async def _heard(self, message: "IncomingMessage") -> None:
        from mcp_types import (
            PromptListChangedNotification,
            ResourceListChangedNotification,
            ToolListChangedNotification,
        )

        lists = ToolListChangedNotification | ResourceListChangedNotification | PromptListChangedNotification
        if isinstance(message, lists):
            self._ready.clear()  # later messages refer to the new list
            self._news.set()

    def _tell(self, words: str) -> None:
        if not self._is_told and not self._is_over:
            self._is_told = True
            self._note(one_line(self._redact(f"MCP server {self.about.name} {words}"), width=800))


async def _all_pages(list_page: Callable[..., Awaitable[Any]], field: str) -> list[Any]:
    """Return the items on all pages of a list."""
    items: list[Any] = []
    cursor = None
    for _ in range(_MAX_PAGES):
        page = await list_page(cursor=cursor)
        items += getattr(page, field)
        if (cursor := page.next_cursor) is None:
            break
    return items


async def _if_readable(listing: Awaitable[list[Any]]) -> list[Any]:
    """Return a list that the server may refuse, spoil or never send, which costs only this list."""
    from mcp import MCPError

    try:
        async with asyncio.timeout(_LIST_S):
            return await listing
    except (MCPError, ValidationError, TimeoutError):
        return []


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
