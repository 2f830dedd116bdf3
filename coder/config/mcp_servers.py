"""MCP servers that the user configures, as plain data; `tools/mcp_client.py` connects to them."""

import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from string import Template
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from coder.base.errors import UsageError
from coder.config.mcp_rules import ServerName

_NAME_CHARACTERS = 32
_URL = re.compile(r"https?://[^\s/]")


def _words(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Mcp:
    """A server of tools: a program that communicates on stdin and stdout, or a URL."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
    """Name of the server; its tools are named `name_tool`."""
    command: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    url: str = ""
    allow: tuple[str, ...] = ()
    """Tools that are called without confirmation, even if they change something."""
    env: tuple[str, ...] = ()
    """Names of variables for the program, besides HOME, LOGNAME, PATH, SHELL, TERM and USER."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Headers of requests to the URL. Values contain variables (`$NAME`), so no secret is stored here."""
    sandboxed: bool = False
    """Run the program in a sandbox."""
    hosts: tuple[str, ...] = ()
    """Hosts that a sandboxed program may reach."""
    required: bool = True
    """If False, the server is omitted if the model doesn't call tools."""
    given: str = ""
    """Its name in the file or the client's request that names it; empty: `name`."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("name either a command or a URL")
        if self.url and not _URL.match(self.url):
            raise ValueError("the URL must begin with http:// or https://")
        if self.url and (self.env or self.sandboxed):
            raise ValueError("env and sandboxed are for a command")
        if self.headers and not self.url:
            raise ValueError("headers are for a URL")
        if self.hosts and not self.sandboxed:
            raise ValueError("hosts are for a sandboxed command")
        if plain_headers := [name for name, value in self.headers.items() if "$" not in value]:
            raise ValueError(f"the header {plain_headers[0]} must take its value from a variable: $NAME")
        return self

    @property
    def is_of_repository(self) -> bool:
        """Whether a file of the repository names it."""
        return False

    @property
    def known_as(self) -> ServerName:
        """The names by which rules of permission know it."""
        return ServerName(self.name, self.given, is_second=free_name(self.given, ()) != self.name)

    def variables(self) -> dict[str, str]:
        """Return the values of the variables in `env`. Raises UsageError if one isn't set."""
        return {name: self._filled(f"${{{name}}}") for name in self.env}

    def filled_headers(self) -> dict[str, str]:
        """Return headers with variables replaced by their values. Raises UsageError if one isn't set."""
        return {name: self._filled(text) for name, text in self.headers.items()}

    def _filled(self, text: str) -> str:
        try:
            return Template(text).substitute(os.environ)
        except KeyError as error:
            raise UsageError(f"the variable {error.args[0]} isn't set") from error
        except ValueError as error:
            raise UsageError(f"{text!r} names no variable: write $NAME") from error


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class GivenServer(Mcp):
    """A server with its own values of variables and headers, which are never stored."""

    values: Mapping[str, str] = Field(default_factory=dict, repr=False)
    file: str = ""
    """Path of the repository's `.mcp.json` or plugin that names its program."""
    host_line: str = ""
    """Words that tell how the user makes it a server of their own, which runs on this machine."""

    @property
    def is_of_repository(self) -> bool:
        """Whether a file of the repository names it, so that its program runs on a copy of the files."""
        return bool(self.file)

    def variables(self) -> dict[str, str]:
        """Return the values of the variables of the program."""
        return {name: self.values[name] for name in self.env}

    def filled_headers(self) -> dict[str, str]:
        """Return the headers of requests to the URL."""
        return {name: self.values[name] for name in self.headers}


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name that is valid in tool names, and not taken."""
    base = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[: _NAME_CHARACTERS - 3] or "server"
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def mcp_of_tables(tables: object, source: str) -> tuple[Mcp, ...]:
    """Return the servers in the tables `[mcp.NAME]`. Raises UsageError if a table can't be used."""
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{source}: mcp: write a table for each server: [mcp.NAME]")
    rows = [(name, {**table, "name": name, "required": False}) for name, table in tables.items()]
    return tuple(_checked(fields, f"{source}: [mcp.{name}]") for name, fields in rows)


def mcp_named(flags: Sequence[str] | None, tables: Sequence[Mcp] = ()) -> tuple[Mcp, ...]:
    """Return the servers given by --mcp, then those of the user's file with other names."""
    servers = [_of_flag(words) for words in flags or ()]
    names = [server.name for server in servers]
    if duplicates := [name for index, name in enumerate(names) if name in names[:index]]:
        raise UsageError(f"--mcp: two servers are named {duplicates[0]}")
    return (*servers, *(server for server in tables if server.name not in names))


def _of_flag(words: str) -> Mcp:
    name, sign, value = words.partition("=")
    if not (sign and value.strip()):
        raise UsageError(f"--mcp {words}: write NAME=COMMAND or NAME=URL")
    kind = "url" if _URL.match(value) else "command"
    return _checked({"name": name, kind: value}, f"--mcp {name}")


def _checked(values: Mapping[str, Any], label: str) -> Mcp:
    try:
        return Mcp(**values)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        message = problem["msg"].removeprefix("Value error, ")
        raise UsageError(f"{label}: {f'{place}: ' if place else ''}{message}") from error
