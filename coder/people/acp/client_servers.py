"""MCP servers that a client names for a session; they start as those of the user's configuration do."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass

from coder.base.errors import UsageError
from coder.config.mcp_servers import Mcp

_NAME_CHARACTERS = 32


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ClientServer(Mcp):
    """A server of tools whose variables have values of the client, which are stored nowhere."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def variables(self) -> dict[str, str]:
        """Return the values of the variables of the program."""
        return {name: self.values[name] for name in self.env}

    def filled_headers(self) -> dict[str, str]:
        """Return the headers of requests to the URL."""
        return {name: self.values[name] for name in self.headers}


def servers_of(named: Sequence[Any], configured: Sequence[Mcp]) -> tuple[Mcp, ...]:
    """Return the servers of the configuration, and those that a client names, each under a name of its own.

    Raises UsageError: a transport that isn't supported, or a server that can't be used.
    """
    servers = [*configured]
    for server in named:
        servers.append(_server(server, taken={one.name for one in servers}))
    return tuple(servers)


def _server(server: Any, *, taken: set[str]) -> ClientServer:  # noqa: ANN401 - a union of the schema
    kind = getattr(server, "type", "stdio")
    if kind not in ("stdio", "http"):
        raise UsageError(f"MCP servers are reached by stdio or http, and {server.name!r} is of type {kind}.")
    try:
        if kind == "http":
            headers = {header.name: header.value for header in server.headers}
            names = {name: f"${{{name}}}" for name in headers}
            return ClientServer(
                _free_name(server.name, taken),
                url=server.url,
                headers=names,
                values=headers,
                required=False,
            )
        values = {variable.name: variable.value for variable in server.env}
        return ClientServer(
            _free_name(server.name, taken),
            command=(server.command, *server.args),
            env=tuple(values),
            values=values,
            required=False,
        )
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"The MCP server {server.name!r} can't be used: {problem}") from None  # no values


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name that tools can have, and that no other server has."""
    base = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[: _NAME_CHARACTERS - 3] or "server"
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)
