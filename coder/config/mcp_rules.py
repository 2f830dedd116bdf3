"""Rules of permission on tools of MCP servers: `mcp__SERVER` and `mcp__SERVER__TOOL`, compared as pairs.

Files name servers as they like, and names with `__` can be split in several ways. A rule that restricts holds
for each server and tool that it may mean, one that allows only for those that it means exactly.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from coder.base.text.wildcards import Wild, matches

PREFIX = "mcp__"
_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")
_BETWEEN = "__"


@dataclass(frozen=True, slots=True)
class ServerName:
    """The names by which rules may know a server."""

    name: str
    """Its name in this run."""
    given: str = ""
    """Its name in the file that names it, if that differs: it has other characters, or was taken."""
    is_second: bool = False
    """Whether another server of this run has the given name."""


@dataclass(frozen=True, slots=True)
class McpPattern:
    """The server and the tool of a rule; either may have `*`."""

    text: str
    """What follows `mcp__`."""

    def restricts(self, server: ServerName, tool: str) -> bool:
        """Whether a rule that denies or asks covers a tool, however its names are split or written."""
        names = {_plain(name) for name in (server.name, server.given) if name}
        return any(
            _fits(_plain(pattern), name) and (not tool_pattern or _fits(_plain(tool_pattern), _plain(tool)))
            for pattern, tool_pattern in _splits(self.text)
            for name in names
        )

    def allows(self, server: ServerName, tool: str) -> bool:
        """Whether a rule that allows covers a tool: `SERVER` ends at the first `__`, and has no `*`."""
        pattern, _, tool_pattern = self.text.partition(_BETWEEN)
        names = {server.name}
        if server.given and not server.is_second:
            names |= {server.given, _UNUSUAL.sub("_", server.given)}
        tools = (tool, _UNUSUAL.sub("_", tool))
        return pattern in names and (not tool_pattern or any(_fits(tool_pattern, each) for each in tools))

    def may_mean(self, name: str) -> bool:
        """Whether the rule may mean a tool by its name `mcp__SERVER__TOOL`, however both are split."""
        if not name.startswith(PREFIX):
            return False
        pairs = _splits(name.removeprefix(PREFIX))
        return any(self.restricts(ServerName(server), tool) for server, tool in pairs)


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Yield each server with the tool that a text may name; first the text as a server."""
    yield text, ""
    for match in re.finditer(f"(?={_BETWEEN})", text):
        server, tool = text[: match.start()], text[match.start() + len(_BETWEEN) :]
        if server and tool:
            yield server, tool


def parse_mcp_pattern(tool: str) -> McpPattern:
    """Return the pattern of a rule's tool. Raises ValueError if it names no server."""
    text = tool.removeprefix(PREFIX)
    if not text.strip("_"):
        raise ValueError("it names no server: write mcp__SERVER or mcp__SERVER__TOOL")
    return McpPattern(text)


def allow_problem(pattern: McpPattern) -> str:
    """Return why a rule that allows has no effect; empty if it may have one."""
    server = pattern.text.partition(_BETWEEN)[0]
    return "a server that is allowed is named exactly, without `*`" if "*" in server else ""


def _plain(name: str) -> str:
    """Return a name in lower case, with `_` for characters that names of tools can't have."""
    return re.sub(r"[^a-z0-9*]", "_", name.lower())


def _fits(pattern: str, name: str) -> bool:
    parts: list[Wild | str] = [part for text in pattern.split("*") for part in (Wild.ANY, text)]
    return matches(parts[1:], name)
