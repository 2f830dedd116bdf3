"""What a program did. A failing program is a result; only a broken sandbox is an error."""

import base64
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_serializer

Status = Literal["ok", "error", "timeout", "oom", "killed", "output_limit"]
KilledBy = Literal["wall", "cpu", "memory", "output", "disk", "cancel"]


class Value(BaseModel):
    """Immutable data; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Artifact(Value):
    """A file that a program wrote; its path is relative, its content unchecked."""

    path: str
    size: int
    """Bytes."""
    content: bytes = Field(repr=False)

    @field_serializer("content", when_used="json")
    def _in_base64(self, content: bytes) -> str:
        return base64.b64encode(content).decode()


class Result(Value):
    """How a program ended, and its output. Invalid UTF-8 is replaced in text; dumps omit the raw bytes."""

    status: Status
    exit_code: int | None
    """The program's own code; None when a signal ended it."""
    signal: int | None = None
    stdout: str = ""
    stderr: str = ""
    raw_stdout: bytes = Field(default=b"", exclude=True, repr=False)
    """The bytes of `stdout`."""
    raw_stderr: bytes = Field(default=b"", exclude=True, repr=False)
    truncated: bool = False
    """Whether the middle of stdout or stderr was dropped; head and tail were kept."""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    """Peak memory; 0.0 if it wasn't measured, or an earlier run used more."""
    killed_by: KilledBy | None = None
    artifacts: tuple[Artifact, ...] = ()
    """Files that a program in a fresh workspace wrote, sorted by path."""
    artifacts_left_out: int = 0
    """Number of files left out: too many, too large, too deep, unreadable, or links and pipes."""

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself with exit code 0."""
        return self.status == "ok"


class StillRunning(Value):
    """A background process that a command left running."""

    pid: int
    """Its pid inside the session."""
    command: str


class CommandResult(Value):
    """How a command of a session ended, and its stdout and stderr as one text."""

    number: int
    status: Status
    exit_code: int | None
    """The command's own code; None when a signal ended it."""
    signal: int | None = None
    output: str = ""
    """The output as text; a line rewritten by carriage returns appears in its final state."""
    raw_output: bytes = Field(default=b"", exclude=True, repr=False)
    """The bytes of `output`; omitted in dumps."""
    output_bytes: int = 0
    """Number of bytes written, kept or not."""
    truncated: bool = False
    """Whether the middle of the output was dropped; head and tail were kept."""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    killed_by: KilledBy | None = None
    still_running: tuple[StillRunning, ...] = ()
    """Its remaining processes, at most twenty."""
    log: str = ""
    """Path, in the sandbox, of a file with the head of the output; background processes add to it."""
    state_lost: bool = False
    """Whether the session was restarted: processes and /tmp are lost, the workspace is kept."""

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself with exit code 0."""
        return self.status == "ok"


class Entry(Value):
    """A file or folder in the listing of a folder."""

    name: str
    kind: Literal["file", "folder", "link", "other"]
    size: int = Field(ge=0)
    """Bytes."""
    executable: bool = False
    """Whether its owner may run the file."""


class Change(Value):
    """A changed file of a session's workspace."""

    path: str
    before: str | None
    """SHA-256 (hex) of the earlier content, or of a link's target; None for a new file."""
    after: str | None
    mode: Literal["100644", "100755", "120000"]
    """Git's mode of the file, or of the deleted one."""
    kind: Literal["added", "modified", "deleted"]
    content: bytes | None = Field(default=None, repr=False)
    """The new content, whose hash is `after`."""


class LeftOut(Value):
    """A change of a session's workspace that isn't returned."""

    path: str
    reason: Literal["too_large", "too_many", "link", "special", "name", "unreadable"]


class Changes(Value):
    """Changes of a session's workspace."""

    changes: tuple[Change, ...] = ()
    """By path."""
    left_out: tuple[LeftOut, ...] = ()


def out_of_time(result: Result) -> bool:
    """Whether a time limit ended a process."""
    return result.killed_by in ("wall", "cpu")


def describe_end(result: Result) -> str:
    """Describe briefly why a process stopped answering."""
    if out_of_time(result):
        return f"it didn't return within {result.wall_s:.1f} s"
    if result.killed_by not in (None, "cancel"):  # "cancel" is ours: it had closed its channel before
        return f"its process was killed at the limit of {result.killed_by}"
    if result.signal is not None and result.killed_by is None:
        return f"its process was ended by signal {result.signal}"
    return "its process ended" if result.exit_code is None else f"its exit code was {result.exit_code}"
