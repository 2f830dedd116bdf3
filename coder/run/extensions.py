"""What a user's settings files add to a run: rules of permission, hooks, skills and subagents."""

from collections.abc import Iterable
from operator import not_

from pydantic import BaseModel, Field

from coder.base.text.sanitize import one_line

AGENT_FOLDERS = (".agents", ".claude")
"""Folders of a repository whose skills, commands, subagents, hooks and plugins are read."""
PROGRAM_FILES = (".mcp.json",)
"""Files of a repository that start programs on this machine once the user has allowed them."""
_HOOK_FILES = (".agents/hooks.json", ".claude/settings.json", ".claude/settings.local.json")
"""Files of a repository that may name hooks, beside those of its plugins."""
_PLUGIN_HOOKS = "/hooks/hooks.json"


class Rules(BaseModel, frozen=True, extra="forbid"):
    """What the user allows, is asked about, and denies (`coder.config.permission_rules`)."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class Hook(BaseModel, frozen=True, extra="forbid"):
    """A command that runs at an event (`coder.config.hooks`)."""

    event: str
    matcher: str = ""
    """Names of tools, or kinds of starts and ends; empty: all."""
    command: str
    timeout: float
    """In seconds."""
    plugin: str = Field(default="", exclude_if=not_)
    """The folder of its plugin: absolute if it is the user's own, else relative to the workspace."""


class Skill(BaseModel, frozen=True, extra="forbid"):
    """Instructions for a kind of work, as a SKILL.md describes them (agentskills.io)."""

    name: str
    description: str
    """What it is for, on one line."""
    path: str
    """Its SKILL.md: absolute if it is the user's own, else relative to the workspace."""
    listed: bool = True
    """Whether a model is told of it; False: only the user calls it, by `/NAME`."""

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own, and not the repository's."""
        return self.path.startswith("/")


class Subagent(BaseModel, frozen=True, extra="forbid"):
    """A helper that a model can delegate a task to, as a file `agents/NAME.md` describes it."""

    name: str
    description: str
    """What it is for, on one line."""
    path: str
    """Its file: absolute if it is the user's own, else relative to the workspace."""
    writes: bool = False
    """Whether its changes are taken over; False: it works on a copy that is discarded."""
    prompt: str = ""
    """Its instructions; empty until a task is delegated to it."""

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own, and not the repository's."""
        return self.path.startswith("/")


def hook_failure(event: str, command: str, reason: str) -> str:
    """Return a line for a person on a hook that couldn't decide anything."""
    return one_line(f"a hook of {event} has failed, and nothing waits for it: {command}: {reason}", width=400)


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
