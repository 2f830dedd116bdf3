"""`.mcp.json`: MCP servers that a repository names, in the form of Claude Code. See `approved_files`."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from coder.base.errors import UsageError
from coder.config.approved_files import program_file
from coder.config.mcp_servers import GivenServer, Mcp, free_name
from coder.config.strict_yaml import read_json

FILE_NAME = ".mcp.json"
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}", re.ASCII)


class _Server(BaseModel, frozen=True, extra="ignore"):
    type: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    url: str = ""
    headers: dict[str, str] = {}


class _File(BaseModel, frozen=True, extra="ignore"):
    servers: dict[str, _Server] = Field({}, alias="mcpServers")


def servers_of_repository(folder: Path, *, taken: Collection[str]) -> tuple[tuple[Mcp, ...], list[str]]:
    """Return the servers that the folder's `.mcp.json` names if the user allows its content, and notes.

    Args:
        taken: names of other servers.
    """
    try:
        file = program_file(folder, FILE_NAME)
        if file is None:
            return (), []
        if not file.allowed:
            return (), [f"{FILE_NAME} is ignored: {file.reason}"]
        return read_servers(file.content, folder, taken=taken)
    except UsageError as error:
        return (), [str(error)]


def read_servers(
    content: bytes, folder: Path, *, taken: Collection[str] = (), environ: Mapping[str, str] = os.environ
) -> tuple[tuple[Mcp, ...], list[str]]:
    """Return the servers that a `.mcp.json` names, and a note for each that can't be used.

    Values hold `${NAME}` and `${NAME:-DEFAULT}`, which are filled in from this process.

    Raises:
        UsageError: the file can't be read.
    """
    try:
        named = _File.model_validate(read_json(content.decode())).servers
    except (ValueError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise UsageError(f"{FILE_NAME} is ignored: {reason}") from error
    servers: list[Mcp] = []
    notes = []
    for name, server in named.items():
        names = [*taken, *(each.name for each in servers)]
        if server.type not in ("", "stdio", "http"):
            notes.append(f"{FILE_NAME}: the server {name!r} is ignored: only stdio and http are supported")
            continue
        try:
            servers.append(_server(free_name(name, names), server, folder, environ))
        except ValidationError as error:
            reason = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
            notes.append(f"{FILE_NAME}: the server {name!r} is ignored: {reason}")
        except LookupError as error:
            notes.append(
                f"{FILE_NAME}: the server {name!r} is ignored: the variable {error.args[0]} isn't set"
            )
    return tuple(servers), notes


def _server(name: str, server: _Server, folder: Path, environ: Mapping[str, str]) -> GivenServer:
    def filled(text: str) -> str:
        return _VARIABLE.sub(lambda match: _value(match, environ), text)

    if server.url:
        headers = {key: filled(value) for key, value in server.headers.items()}
        names = {key: f"${{{key}}}" for key in headers}
        return GivenServer(name, url=filled(server.url), headers=names, values=headers, required=False)
    values = {key: filled(value) for key, value in server.env.items()}
    command = (server.command, *server.args) if server.command else ()
    return GivenServer(
        name,
        command=tuple(map(filled, command)),
        env=tuple(values),
        values=values,
        required=False,
        folder=folder,
    )


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    """Return a variable's value. Raises LookupError: it isn't set, and has no default."""
    value = environ.get(match[1]) or match[2]
    if value is None:
        raise LookupError(match[1])
    return value
