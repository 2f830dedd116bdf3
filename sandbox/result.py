"""What one program did. A failing program is a Result; only a broken sandbox is an error."""

import base64
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_serializer

Status = Literal["ok", "error", "timeout", "oom", "killed", "output_limit"]
KilledBy = Literal["wall", "cpu", "memory", "output", "disk", "cancel"]


class Artifact(BaseModel):
    """A file that a program wrote. Its path is relative, with `/`; nobody has looked at its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int
    """Bytes."""
    content: bytes = Field(repr=False)

    @field_serializer("content", when_used="json")
    def _in_base64(self, content: bytes) -> str:
        return base64.b64encode(content).decode()


class Result(BaseModel):
    """How a program ended, and what it wrote. Bytes that aren't UTF-8 are shown as U+FFFD."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    exit_code: int | None
    """The program's own code; None when a signal ended it."""
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    """The middle of stdout or stderr was dropped: head and tail were kept."""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    """Most memory at a time; 0.0 where nothing counted it, or an earlier run had more."""
    killed_by: KilledBy | None = None
    artifacts: tuple[Artifact, ...] = ()
    """Of a fresh run: the files that its program wrote, by path."""
    artifacts_left_out: int = 0
    """What else it left in its workspace: too many, too large or too deep, links, pipes, unreadable."""
    state_lost: bool = False
    """Of a kernel's cell: the kernel was restarted, and what cells had defined is gone."""

    @property
    def ok(self) -> bool:
        """True when the program ended by itself with exit code 0."""
        return self.status == "ok"
