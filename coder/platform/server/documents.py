"""Documents of requests and responses: a run, an answer to a question, a program."""

from pydantic import BaseModel, Field

from coder.run.run import Run


class ServedRun(Run, frozen=True):
    """A run in the format of `coder solve --json`, with fields to follow it."""

    is_live: bool
    """Whether the run has not stopped: a process works on it, or has died."""
    question_id: str | None
    last: int
    """Number of the run's last event."""


class QuestionAnswer(BaseModel, frozen=True, extra="forbid"):
    """The answer to a question: yes, no or an option, or words; with a no, what should be different."""

    question: str | None = None
    """The `question_id` of the question; None: the open question."""
    decision: str = ""
    words: str = ""
    files: dict[str, str | None] | None = None
    """The client's version of the change, which is tried instead, whatever the decision is."""


class NewProgram(BaseModel, frozen=True, extra="forbid"):
    """Python source, or a command, and the files that it sees."""

    code: str | None = None
    command: str | None = None
    files: dict[str, str] = {}
    timeout_s: float | None = Field(default=None, gt=0, le=600)
