"""read_resource: list and read the resources of MCP servers; their contents are data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from coder.base.text.sanitize import one_line
from coder.config.mcp_rules import ServerName
from coder.config.permission_rules import of_tool
from coder.models.model import JsonObject, ToolSpec
from coder.run.extensions import Rules
from coder.tools.tool import Arguments, Desk, Tool, ToolResult, prepare_text, read_arguments, spec_of

if TYPE_CHECKING:
    from mcp_types import Resource, ResourceTemplate

_MAX_LISTED = 200
"""Resources of one server that are listed; others are read all the same."""
_WIDTH = 300
_NAME = "read_resource"


class ResourceServer(Protocol):
    """An MCP server that may have resources."""

    @property
    def name(self) -> str:
        """Name of the server."""

    @property
    def known_as(self) -> ServerName:
        """The names by which rules of permission know it."""

    async def resources(self) -> "list[Resource | ResourceTemplate]":
        """Return the resources that the server lists."""

    async def read(self, uri: str, desk: Desk) -> ToolResult:
        """Read a resource. Raises ValueError if there is no result."""


class McpResources:
    """The source of `read_resource`, which is offered once a server lists a resource."""

    def __init__(self, servers: Sequence[ResourceServer]) -> None:
        self._servers = servers

    async def tools(self) -> list[Tool]:
        """Return the tool for the servers that have resources; empty if none has."""
        servers = {server.name: server for server in self._servers if await server.resources()}
        return [ResourceTool(servers)] if servers else []


class _Arguments(Arguments):
    uri: str = Field("", description="URI from the list or a tool's result; empty: list all resources.")
    server: str = Field("", description="Name of the server; needed if several have resources.")


@dataclass(frozen=True, slots=True)
class ResourceTool:
    """The tool `read_resource`."""

    servers: Mapping[str, ResourceServer]
    """The servers that have resources, by name."""
    why_asked: str = ""
    """The user's rule by which a person is asked about each call."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description and arguments."""
        names = ", ".join(self.servers)
        return spec_of(_NAME, f"List the resources of MCP servers ({names}), or read one.", _Arguments)

    @property
    def effect(self) -> bool:
        """Whether a person is asked: by the protocol, reading changes nothing."""
        return bool(self.why_asked)

    @property
    def asks(self) -> bool:
        """Whether a person must allow each call."""
        return self.effect

    def governed(self, rules: Rules | None) -> "ResourceTool | None":
        """Return the tool without the servers that the user's rules deny; None if that is all."""
        if rules is None:
            return self
        rulings = {name: of_tool(rules, server.known_as, _NAME) for name, server in self.servers.items()}
        denied = {name for name, ruling in rulings.items() if ruling is not None and ruling.verdict == "deny"}
        asked = [str(ruling) for ruling in rulings.values() if ruling is not None and ruling.verdict == "ask"]
        servers = {name: server for name, server in self.servers.items() if name not in denied}
        return replace(self, servers=servers, why_asked="; ".join(asked)) if servers else None

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """List or read. Raises ValueError if the server isn't known or gives no result."""
        request = read_arguments(arguments, _Arguments, name=_NAME)
        if request.server and request.server not in self.servers:
            raise ValueError(f"{request.server!r} has no resources. Name one of: {', '.join(self.servers)}")
        servers = [self.servers[request.server]] if request.server else [*self.servers.values()]
        if not request.uri:
            lines = [line for server in servers for line in await _listing(server)]
            return ToolResult(prepare_text("\n".join(lines), desk))
        if len(servers) > 1:
            servers = [server for server in servers if request.uri in await _uris(server)]
        if len(servers) != 1:
            raise ValueError(f"Say which server has {request.uri!r}. Name one of: {', '.join(self.servers)}")
        return await servers[0].read(request.uri, desk)


async def _uris(server: ResourceServer) -> set[str]:
    return {_uri(resource) for resource in await server.resources()}


async def _listing(server: ResourceServer) -> list[str]:
    resources = await server.resources()
    lines = [f"{server.name}:"]
    for resource in resources[:_MAX_LISTED]:
        words = (resource.name, resource.mime_type, resource.description)
        line = f"{_uri(resource)} {', '.join(word for word in words if word)}"
        lines.append(f"  {one_line(line, width=_WIDTH)}")
    if len(resources) > _MAX_LISTED:
        lines.append(f"  and {len(resources) - _MAX_LISTED:,} more")
    return lines


def _uri(resource: "Resource | ResourceTemplate") -> str:
    """Return the URI, or the template in which the model fills in values."""
    return str(getattr(resource, "uri", None) or getattr(resource, "uri_template", ""))
