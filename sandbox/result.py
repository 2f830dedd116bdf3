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
    """How a program ended, and what it wrote. Bytes that aren't UTF-8 are U+FFFD in what is text.

    Dumps and JSON leave the raw bytes out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    exit_code: int | None
    """The program's own code; None when a signal ended it."""
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    raw_stdout: bytes = Field(default=b"", exclude=True, repr=False)
    """The bytes that it wrote, bounded as `stdout` is."""
    raw_stderr: bytes = Field(default=b"", exclude=True, repr=False)
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


class StillRunning(BaseModel):
    """A process that a command left behind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    """As commands of the session see it."""
    command: str


class CommandResult(BaseModel):
    """How one command of a session ended, and what it wrote to stdout and stderr, as it came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    status: Status
    exit_code: int | None
    """The command's own code; None when a signal ended it."""
    signal: int | None = None
    output: str = ""
    """A line that was rewritten by carriage returns is shown in its last state."""
    raw_output: bytes = Field(default=b"", exclude=True, repr=False)
    """The bytes that were written, bounded as `output` is; dumps and JSON leave them out."""
    output_bytes: int = 0
    """All that was written, kept or not."""
    truncated: bool = False
    """The middle of the output was dropped: head and tail were kept."""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    killed_by: KilledBy | None = None
    still_running: tuple[StillRunning, ...] = ()
    """What it left running, at most twenty."""
    log: str = ""
    """A file inside that holds the head of the output, and of what comes after the command's end."""
    state_lost: bool = False
    """The session was replaced: processes and /tmp are gone, the workspace is kept."""

    @property
    def ok(self) -> bool:
        """True when the command ended by itself with exit code 0."""
        return self.status == "ok"


class Entry(BaseModel):
    """What stands in a folder under one name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["file", "folder", "link", "other"]
    size: int = Field(ge=0)
    """Bytes."""
    executable: bool = False
    """Of a file: whether its owner may run it."""


class Change(BaseModel):
    """How one file of a session's workspace differs from what it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    before: str | None
    """SHA-256 (hex) of the content; None: it was not there. A link's content is its target."""
    after: str | None
    mode: Literal["100644", "100755", "120000"]
    """As git has it, of the file that is there now; of the one that was there, where it is deleted."""
    kind: Literal["added", "modified", "deleted"]
    content: bytes | None = Field(default=None, repr=False)
    """What `after` is the hash of."""


class LeftOut(BaseModel):
    """Something in a session's workspace that changed and isn't handed out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    reason: Literal["too_large", "too_many", "link", "special", "name", "unreadable"]


class Changes(BaseModel):
    """What is different in a session's workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: tuple[Change, ...] = ()
    """By path."""
    left_out: tuple[LeftOut, ...] = ()


def out_of_time(result: Result) -> bool:
    """Whether a limit of time ended a process."""
    return result.killed_by in ("wall", "cpu")


def ending(result: Result) -> str:
    """Why a process answers no more, in a few words."""
    if out_of_time(result):
        return f"it didn't return within {result.wall_s:.1f} s"
    if result.killed_by not in (None, "cancel"):  # "cancel" is ours: it had closed its channel before
        return f"its process was killed at the limit of {result.killed_by}"
    if result.signal is not None and result.killed_by is None:
        return f"its process was ended by signal {result.signal}"
    return "its process ended" if result.exit_code is None else f"its exit code was {result.exit_code}"
