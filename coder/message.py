"""Message: what a participant says in its turn. Outcome: what the Executor saw."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Verified = Literal["tests", "checks", "examples", "self", "none"]
"""What decided, strongest first: given tests, given checks, the task's examples, the code's own, nothing."""


class CheckLine(BaseModel):
    """One check and how it went."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passed: bool
    message: str = ""
    expected: str | None = None
    actual: str | None = None


class Outcome(BaseModel):
    """What running the code showed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: bool
    verified: Verified
    strength: Literal["outside", "inside", "none"] = "none"
    """outside: decided where the code can't reach; inside: tests and code shared a process."""
    checks: tuple[CheckLine, ...] = ()
    feedback: str = ""
    """The first failure, shortened, as the next prompt quotes it."""
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0


class Message(BaseModel):
    """One turn's result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: str
    kind: Literal["plan", "code", "outcome"]
    sample: int = Field(ge=1)
    attempt: int = Field(ge=1)
    """1 is the sample's first attempt, 2 its first repair."""
    text: str = ""
    files: dict[str, str | None] = Field(default_factory=dict)
    """Whole files by relative path, for kind `code`: all that differ from the user's; None deletes one."""
    repeats: bool = False
    """The same code as an earlier answer of this run."""
    outcome: Outcome | None = None
