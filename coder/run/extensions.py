"""What a user's settings files add to a run: rules of permission, hooks, skills and subagents."""

from collections.abc import Iterable
from operator import not_
from typing import Literal

from pydantic import Field

from coder.base.text.sanitize import one_line
from sandbox.result import Value

AGENT_FOLDERS = (".agents", ".claude")
"""Folders of a repository whose skills, commands, subagents, hooks and plugins are read."""
PROGRAM_FILES = (".mcp.json",)
"""Files of a repository whose MCP servers start once the user has allowed them."""
_HOOK_FILES = (".agents/hooks.json", ".claude/settings.json", ".claude/settings.local.json")
"""Files of a repository that may name hooks, beside those of its plugins."""
_PLUGIN_HOOKS = "/hooks/hooks.json"


class Rules(Value):
    """Rules for what the user allows, is asked about, and denies (`coder.config.permission_rules`)."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict, exclude_if=not_)
    """File of each rule, by `VERDICT RULE`; the path of the user's own file begins with `~/` or `/`."""

    def rulings(self) -> list["Ruling"]:
        """Return all rules with their files, in order of precedence."""
        rows: list[tuple[Literal["deny", "ask", "allow"], str]] = [("deny", row) for row in self.deny]
        rows += [("ask", row) for row in self.ask] + [("allow", row) for row in self.allow]
        return [
            Ruling(verdict=verdict, rule=row, file=self.files.get(f"{verdict} {row}", ""))
            for verdict, row in rows
        ]

    def __add__(self, other: "Rules") -> "Rules":
        """Return the rules of both; a rule that both contain keeps the file of the first."""
        return Rules(
            allow=(*self.allow, *other.allow),
            ask=(*self.ask, *other.ask),
            deny=(*self.deny, *other.deny),
            files={**other.files, **self.files},
        )


class Ruling(Value):
    """Verdict of one rule on a file, host, tool or command."""

    verdict: Literal["deny", "ask", "allow"]
    rule: str
    file: str = Field(default="", exclude_if=not_)
    """The file that contains the rule."""

    def __str__(self) -> str:
        """Return the rule and its file on one line: `deny Edit(src/**) of ~/.claude/settings.json`."""
        text = one_line(f"{self.verdict} {self.rule}", width=200)
        return f"{text} of {one_line(self.file)}" if self.file else text


class Hook(Value):
    """A command that runs at an event (`coder.config.hooks`)."""

    event: str
    matcher: str = ""
    """Names of tools, or kinds of starts and ends; empty: all."""
    conditions: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Permission rules (`if`) that a call must all match."""
    command: str
    timeout: float
    """In seconds."""
    plugin: str = Field(default="", exclude_if=not_)
    """The folder of its plugin: absolute if it is the user's own, else relative to the workspace."""

    @property
    def shown(self) -> str:
        """Command of the hook with its plugin, for display."""
        return f"{self.command} (plugin {self.plugin})" if self.plugin else self.command


class Skill(Value):
    """Instructions for a kind of work, as a SKILL.md describes them (agentskills.io)."""

    name: str
    description: str
    """Purpose, on one line."""
    path: str
    """Path of its SKILL.md: absolute for the user's own skill, else relative to the workspace."""
    listed: bool = True
    """Whether it is listed for models; False: only the user can call it, by `/NAME`."""

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own, and not the repository's."""
        return self.path.startswith("/")


class Subagent(Value):
    """A helper that a model can delegate a task to, as a file `agents/NAME.md` describes it."""

    name: str
    description: str
    """Purpose, on one line."""
    path: str
    """Path of its file: absolute for the user's own subagent, else relative to the workspace."""
    writes: bool = False
    """Whether its changes are taken over; False: it works on a copy that is discarded."""
    prompt: str = ""
    """Its instructions; empty until a task is delegated to it."""

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own, and not the repository's."""
        return self.path.startswith("/")


def hook_wait(event: str, command: str) -> str:
    """Return a line that tells a person which hook is running."""
    return one_line(f"a hook of {event} runs: {command}", width=200)


def hook_failure(event: str, command: str, reason: str) -> str:
    """Return a line that tells a person which hook failed without blocking anything."""
    return one_line(f"a hook of {event} has failed, and blocks nothing: {command}: {reason}", width=400)


def with_manifests(paths: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return these paths of a repository, with the manifests of its plugins if some are in plugins."""
    paths = list(paths)
    if not any("/plugins/" in path for path in paths):
        return paths
    return [*paths, *(path for path in files if path.endswith("plugin.json") and "/plugins/" in path)]


def hook_files(paths: Iterable[str]) -> list[str]:
    """Return the files of a repository that may name hooks, its own before those of its plugins."""
    places = tuple(f"{folder}/plugins/" for folder in AGENT_FOLDERS)
    paths = list(paths)
    own_paths = [path for path in paths if path in _HOOK_FILES]
    in_plugins = [path for path in paths if path.endswith(_PLUGIN_HOOKS) and path.startswith(places)]
    return sorted(own_paths) + sorted(path for path in in_plugins if path.count("/") == 4)
