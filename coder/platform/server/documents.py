"""Documents of requests and responses: a run, an answer to a question, a program."""

from pydantic import Field

from coder.run.prompt import MAX_PROMPT
from coder.run.run import Run
from sandbox.result import Value


class RequestBody(Value, defer_build=False):
    """Body of a request, built when it is defined: FastAPI makes its validator when a route is added."""


class ServedRun(Run, frozen=True):
    """A run in the format of `coder solve --json`, with fields to follow it."""

    is_live: bool
    """Whether the run has not stopped: a process works on it, or has died."""
    question_id: str | None
    last: int
    """Number of the run's last event."""


class QuestionAnswer(RequestBody):
    """The answer to a question: yes, no or an option, or words; with a no, what should be different."""

    question: str | None = None
    """The `question_id` of the question; None: the open question."""
    decision: str = ""
    words: str = ""
    files: dict[str, str | None] | None = None
    """The client's version of the change, which is tried instead, whatever the decision is."""


class RunMessage(RequestBody):
    """A message to a run: its model reads it while it works, or works on it next."""

    text: str = Field(min_length=1, max_length=MAX_PROMPT)


class NewProgram(RequestBody):
    """Python source, or a command, and the files that it sees."""

    code: str | None = None
    command: str | None = None
    files: dict[str, str] = Field(default_factory=dict)
    timeout_s: float | None = Field(default=None, gt=0, le=600)
