"""`.mcp.json`: MCP servers that a repository names, in the form of Claude Code. See `approved_files`.

A repository's programs run in a sandbox, on a copy of its files; those of the user's plugins on this machine.
"""

import json
import os
import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ValidationError

from coder.base.errors import UsageError
from coder.base.fs.private_folder import config_folder
from coder.base.text.sanitize import one_line
from coder.config.approved_files import ProgramFile, program_files
from coder.config.mcp_servers import GivenServer, Mcp, free_name
from coder.config.plug_places import reason_of
from coder.config.plugins import SERVER_FILES, own_plugins
from coder.config.strict_yaml import read_json
from sandbox.network.allowed_hosts import parse_hosts

FILE_NAME = ".mcp.json"
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}", re.ASCII)


class _Server(BaseModel, frozen=True, extra="allow"):
    type: str = ""
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    url: str = ""
    headers: dict[str, str] = {}
    hosts: tuple[str, ...] = ()
    disabled: bool = False

    def unused_keys(self, *, is_sandboxed: bool) -> list[str]:
        """Return the keys that nothing here reads, besides descriptions."""
        unused = [key for key in self.model_extra or {} if key not in _DESCRIBING]
        return unused if is_sandboxed or not self.hosts else [*unused, "hosts"]

    @property
    def reached_hosts(self) -> tuple[str, ...]:
        """The hosts that the program may reach in a sandbox: those that it names, and its registry's."""
        registry = _REGISTRIES.get(self.command.rpartition("/")[2], ())
        return tuple(dict.fromkeys((*self.hosts, *registry)))

    @property
    def variables(self) -> list[str]:
        """The names of the user's variables that its values contain."""
        texts = (self.command, *self.args, *self.env.values(), self.url, *self.headers.values())
        names = (match[1] for text in texts for match in _VARIABLE.finditer(text))
        return [name for name in dict.fromkeys(names) if name not in _OWN_VARIABLES]


_PROJECT, _PLUGIN = "CLAUDE_PROJECT_DIR", "CLAUDE_PLUGIN_ROOT"
_OWN_VARIABLES = (_PROJECT, _PLUGIN)
"""Variables of folders, which aren't the user's."""
_NPM, _PYPI = ("registry.npmjs.org",), ("pypi.org", "files.pythonhosted.org")
_REGISTRIES = {
    **dict.fromkeys(("npx", "bunx", "pnpx"), _NPM),
    **dict.fromkeys(("uvx", "uv", "pipx"), _PYPI),
}
"""Hosts of the registry from which a program fetches the package that it runs."""
_HTTP = ("http", "streamable-http")

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

    def add(content: bytes, repository: Path | None, source: str, root: str = "") -> None:
        names = [*taken, *(server.name for server in servers)]
        try:
            more, more_notes = read_servers(content, repository, taken=names, source=source, root=root)
        except UsageError as error:
            notes.append(str(error))
            return
        servers.extend(more)
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
                add(text.encode(), None, source, str(plugin.folder))
    for file in files[0]:
        if file.allowed:
            add(file.content, folder, file.path, "" if file.path == FILE_NAME else f"./{file.path}")
        else:
            notes += [f"{file.path}: {line}" for line in described_servers(file)]
            notes.append(f"{file.path} is ignored: {file.reason}")
    return tuple(servers), notes


def described_servers(file: ProgramFile) -> list[str]:
    """Return for each server of a file what a person must know to allow it; none if it can't be read."""
    try:
        entries = _entries(read_json(file.content.decode()))
    except (ValueError, RecursionError):
        return []
    return [
        one_line(f"{name}: {text}", width=300) for name, row in entries.items() for text in _described(row)
    ]


def _described(row: object) -> Iterator[str]:
    """Yield what a server may reach and gets, before its words, which can be long."""
    try:
        server = _Server.model_validate(row)
    except ValidationError:
        return
    parts = [f"gets {', '.join(server.variables)}"] if server.variables else []
    if server.url:
        yield "; ".join(["is another machine", *parts, f"at {server.url}"])
        return
    hosts = ", ".join(server.reached_hosts) or "no host"
    words = shlex.join([server.command, *server.args])
    yield "; ".join(["runs in a sandbox", f"reaches {hosts}", *parts, f"as {words}"])


def read_servers(
    content: bytes,
    folder: Path | None,
    *,
    taken: Collection[str] = (),
    environ: Mapping[str, str] = os.environ,
    source: str = FILE_NAME,
    root: str = "",
) -> tuple[tuple[GivenServer, ...], list[str]]:
    """Return the servers that a `.mcp.json` names, and a note for each that can't be used.

    `${NAME}` and `${NAME:-DEFAULT}` in values are filled in from `environ`.

    Args:
        folder: the repository, whose programs run in a sandbox; None for programs on this machine.
        source: path of the file for notes.
        root: the folder of the plugin that the file belongs to, relative to the repository if it is there.

    Raises:
        UsageError: the file can't be read.
    """
    own_variables = {_PLUGIN: root} if root else {}
    environ = {**environ, **own_variables, **({_PROJECT: "."} if folder is not None else {})}
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
            made = _server(free_name(name, names), server, folder, environ, own_variables, source)
            if refusal := _refusal(server, made):
                notes.append(f"{source}: the server {name!r} is ignored: {refusal}")
                continue
            servers.append(replace(made, given=name))
            unused = server.unused_keys(is_sandboxed=made.sandboxed)
            if keys := one_line(", ".join(unused), width=200):
                notes.append(f"{source}: the server {name!r} has keys without an effect here: {keys}")
        except ValidationError as error:
            fault = error.errors(include_input=False)[0]
            reason = ": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])
            notes.append(f"{source}: the server {name!r} is ignored: {reason}")
        except ValueError as error:  # of a host
            notes.append(f"{source}: the server {name!r} is ignored: hosts: {error}")
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


def _refusal(server: _Server, made: GivenServer) -> str:
    """Return why a server of a file isn't used; empty if it is."""
    if server.disabled:
        return "the file says that it is disabled"
    if server.type not in ("", "stdio", *_HTTP):
        return "only stdio and http are supported"
    if made.sandboxed and _is_outside(made.command[0]):
        return f"{made.command[0]} is no program of this folder or of the sandbox's system. {made.host_line}"
    return ""


def _is_outside(program: str) -> bool:
    """Whether a program has a path that leads out of the repository, and isn't the system's."""
    path = posixpath.normpath(program)
    return path.startswith(("..", "~")) or (path.startswith("/") and not path.startswith(_SYSTEM))


_SYSTEM = ("/usr/", "/bin/", "/sbin/")


def _server(
    name: str,
    server: _Server,
    folder: Path | None,
    environ: Mapping[str, str],
    own_variables: Mapping[str, str],
    source: str,
) -> GivenServer:
    def filled(text: str) -> str:
        return _VARIABLE.sub(lambda match: _value(match, environ), text)

    if server.url:
        headers = {key: filled(value) for key, value in server.headers.items()}
        names = {key: f"${{{key}}}" for key in headers}
        return GivenServer(name, url=filled(server.url), headers=names, values=headers, required=False)
    values = {**own_variables, **{key: filled(value) for key, value in server.env.items()}}
    command = (server.command, *server.args) if server.command else ()
    words = tuple(map(filled, command))
    if folder is None:
        return GivenServer(name, command=words, env=tuple(values), values=values, required=False)
    parse_hosts(server.hosts)
    table = {"command": [*command], **({"env": [*server.env]} if server.env else {})}
    fields = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())
    return GivenServer(
        name,
        command=tuple(_relative(word, folder) for word in words),
        env=tuple(values),
        values=values,
        required=False,
        sandboxed=True,
        hosts=server.reached_hosts,
        file=source,
        host_line=f"If you trust it with your machine, put first in {config_folder() / 'config.toml'}: "
        f"mcp.{name} = {{ {fields} }}",
    )


def _relative(word: str, folder: Path) -> str:
    """Return a word with paths in the repository made relative to it."""
    return "." if word == str(folder) else word.replace(f"{folder}/", "./")


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    """Return a variable's value. Raises LookupError if it has neither a value nor a default."""
    value = environ.get(match[1]) or match[2]
    if value is None:
        raise LookupError(match[1])
    return value
