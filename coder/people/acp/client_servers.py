"""MCP servers and folders that a client adds to a session, beside those of the user's configuration."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.config.mcp_servers import GivenServer, Mcp, free_name


@dataclass(frozen=True, slots=True)
class ClientAdditions:
    """What a client adds to a session."""

    servers: Sequence[Any] = ()
    folders: tuple[Path, ...] = ()
    """Further folders for programs to read, as by `--add-dir`."""


def additions(servers: Sequence[Any] | None, folders: Iterable[str] | None) -> ClientAdditions:
    """Return what a request names. Raises UsageError if a folder isn't the absolute path of one."""
    return ClientAdditions(servers or (), tuple(folder_at(path) for path in folders or ()))


def folder_at(path: str) -> Path:
    """Return the folder at an absolute path. Raises UsageError if there is none."""
    folder = Path(path)
    if "\0" in path or not folder.is_absolute() or not folder.is_dir():
        raise UsageError(f"A session needs the absolute path of a folder, and {path!r} is none.")
    return folder.resolve()


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
                given=server.name,
            )
        values = {variable.name: variable.value for variable in server.env}
        return GivenServer(
            free_name(server.name, taken),
            command=(server.command, *server.args),
            env=tuple(values),
            values=values,
            required=False,
            given=server.name,
        )
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"The MCP server {server.name!r} can't be used: {problem}") from None  # no values
