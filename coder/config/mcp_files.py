"""`.mcp.json`: MCP servers that a repository names, in the form of Claude Code. See `approved_files`."""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ValidationError

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line
from coder.config.approved_files import program_files
from coder.config.mcp_servers import GivenServer, Mcp, free_name
from coder.config.plug_places import reason_of
from coder.config.plugins import SERVER_FILES, own_plugins
from coder.config.strict_yaml import read_json

FILE_NAME = ".mcp.json"
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}", re.ASCII)


class _Server(BaseModel, frozen=True, extra="allow"):
    type: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    url: str = ""
    headers: dict[str, str] = {}
    disabled: bool = False

    @property
    def unused_keys(self) -> list[str]:
        """The keys that nothing here reads, besides descriptions."""
        return [key for key in self.model_extra or {} if key not in _DESCRIBING]


_DESCRIBING = ("name", "title", "description", "comment", "icon")
_WRAPPER = "mcpServers"
_EXAMPLE = f'write {{"{_WRAPPER}": {{NAME: {{"command": PROGRAM}}}}}}'


def servers_of_files(folder: Path | None, *, taken: Collection[str]) -> tuple[tuple[Mcp, ...], list[str]]:
    """Return the servers of the user's plugins and of a repository's files that the user allows, and notes.

    Args:
        folder: the repository, whose `.mcp.json` and plugins name servers.
        taken: names of other servers.
    """
    servers: list[Mcp] = []
    notes: list[str] = []

    def add(
        content: bytes, start_folder: Path | None, source: str, root: Path | None = None, digest: str = ""
    ) -> None:
        names = [*taken, *(server.name for server in servers)]
        try:
            more, more_notes = read_servers(content, start_folder, taken=names, source=source, root=root)
        except UsageError as error:
            notes.append(str(error))
            return
        servers.extend(replace(server, file=source, digest=digest) if digest else server for server in more)
        notes.extend(more_notes)

    files = program_files(folder) if folder is not None else ([], [])
    notes += files[1]
    for plugin in own_plugins()[0]:
        source = plugin.place.shown(SERVER_FILES[0])
        try:
            text = plugin.read(*SERVER_FILES)
        except (OSError, ValueError) as error:
            notes.append(f"{source} is ignored: {reason_of(error)}")
        else:
            if text is not None:
                add(text.encode(), None, source, plugin.folder)
    for file in files[0]:
        if not file.allowed:
            notes.append(f"{file.path} is ignored: {file.reason}")
        else:
            root = folder / file.path if folder is not None and file.path != FILE_NAME else None
            add(file.content, folder, file.path, root, file.digest)
    return tuple(servers), notes


def read_servers(
    content: bytes,
    folder: Path | None,
    *,
    taken: Collection[str] = (),
    environ: Mapping[str, str] = os.environ,
    source: str = FILE_NAME,
    root: Path | None = None,
) -> tuple[tuple[GivenServer, ...], list[str]]:
    """Return the servers that a `.mcp.json` names, and a note for each that can't be used.

    `${NAME}` and `${NAME:-DEFAULT}` in values are filled in from `environ`.

    Args:
        folder: working directory of the programs; None for that of this process.
        source: path of the file for notes.
        root: the folder of the plugin that the file belongs to.

    Raises:
        UsageError: the file can't be read.
    """
    own_variables = {"CLAUDE_PLUGIN_ROOT": str(root)} if root is not None else {}
    environ = {**environ, **own_variables}
    try:
        entries = _entries(read_json(content.decode()))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source} is ignored: {error}") from error
    servers: list[GivenServer] = []
    notes = [] if entries else [f"{source} names no server: {_EXAMPLE}"]
    for name, row in entries.items():
        names = [*taken, *(each.name for each in servers)]
        try:
            server = _Server.model_validate(row)
            if refusal := _refusal(server):
                notes.append(f"{source}: the server {name!r} is ignored: {refusal}")
                continue
            servers.append(_server(free_name(name, names), server, folder, environ, own_variables))
            if keys := one_line(", ".join(server.unused_keys), width=200):
                notes.append(f"{source}: the server {name!r} has keys without an effect here: {keys}")
        except ValidationError as error:
            fault = error.errors(include_input=False)[0]
            reason = ": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])
            notes.append(f"{source}: the server {name!r} is ignored: {reason}")
        except LookupError as error:
            notes.append(f"{source}: the server {name!r} is ignored: the variable {error.args[0]} isn't set")
    return tuple(servers), notes


def _entries(document: object) -> Mapping[str, object]:
    """Return the servers by name; both shapes of the file are in use, with and without `mcpServers`.

    Raises ValueError if the document can't be read.
    """
    if not isinstance(document, dict):
        raise ValueError("it isn't an object")
    if _WRAPPER not in document:
        return {name: row for name, row in document.items() if isinstance(row, dict)}
    if not isinstance(document[_WRAPPER], dict):
        raise ValueError(f"its {_WRAPPER} isn't an object")
    return dict(document[_WRAPPER])


def _refusal(server: _Server) -> str:
    """Return why a server of a file isn't used; empty if it is."""
    if server.disabled:
        return "the file says that it is disabled"
    return "" if server.type in ("", "stdio", "http") else "only stdio and http are supported"


def _server(
    name: str,
    server: _Server,
    folder: Path | None,
    environ: Mapping[str, str],
    own_variables: Mapping[str, str],
) -> GivenServer:
    def filled(text: str) -> str:
        return _VARIABLE.sub(lambda match: _value(match, environ), text)

    if server.url:
        headers = {key: filled(value) for key, value in server.headers.items()}
        names = {key: f"${{{key}}}" for key in headers}
        return GivenServer(name, url=filled(server.url), headers=names, values=headers, required=False)
    values = {**own_variables, **{key: filled(value) for key, value in server.env.items()}}
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
    """Return a variable's value. Raises LookupError if it has neither a value nor a default."""
    value = environ.get(match[1]) or match[2]
    if value is None:
        raise LookupError(match[1])
    return value
