"""Documents of requests and answers: a run, an answer to what it asks, a program."""

from pydantic import BaseModel, Field

from coder.run.run import Run


class ServedRun(Run, frozen=True):
    """A run as `coder solve --json` prints it, and what a client needs to follow it."""

    is_live: bool
    """It has not stopped: a process works on it, or has died."""
    question_id: str | None
    last: int
    """The number of its last event."""


class QuestionAnswer(BaseModel, frozen=True, extra="forbid"):
    """The answer to a question: yes, no or an option, or words; with a no, what should be different."""

    question: str | None = None
    """The `question_id` that was read; None: whichever is open."""
    decision: str = ""
    words: str = ""
    files: dict[str, str | None] | None = None
    """A whole version of one's own of the change, which is tried in its place, whatever the decision."""


class NewProgram(BaseModel, frozen=True, extra="forbid"):
    """Python source, or a command, and the files that it sees."""

    code: str | None = None
    command: str | None = None
    files: dict[str, str] = {}
    timeout_s: float | None = Field(default=None, gt=0, le=600)
