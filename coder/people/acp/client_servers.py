"""MCP servers that a client names for a session; they start as those of the user's configuration do."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.config.mcp_servers import GivenServer, Mcp, free_name


def servers_of(named: Sequence[Any], configured: Sequence[Mcp]) -> tuple[Mcp, ...]:
    """Return the servers of the configuration, and those that a client names, each under a name of its own.

    Raises UsageError if a transport isn't supported, or a server can't be used.
    """
    servers = [*configured]
    for server in named:
        servers.append(_server(server, taken={one.name for one in servers}))
    return tuple(servers)


def _server(server: Any, *, taken: set[str]) -> GivenServer:  # noqa: ANN401 - a union of the schema
    kind = getattr(server, "type", "stdio")
    if kind not in ("stdio", "http"):
        raise UsageError(f"MCP servers are reached by stdio or http, and {server.name!r} is of type {kind}.")
    try:
        if kind == "http":
            headers = {header.name: header.value for header in server.headers}
            names = {name: f"${{{name}}}" for name in headers}
            return GivenServer(
                free_name(server.name, taken),
                url=server.url,
                headers=names,
                values=headers,
                required=False,
            )
        values = {variable.name: variable.value for variable in server.env}
        return GivenServer(
            free_name(server.name, taken),
            command=(server.command, *server.args),
            env=tuple(values),
            values=values,
            required=False,
        )
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"The MCP server {server.name!r} can't be used: {problem}") from None  # no values
