"""What a user's settings files add to a run: rules of permission, hooks, skills and subagents."""

from pydantic import BaseModel


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
