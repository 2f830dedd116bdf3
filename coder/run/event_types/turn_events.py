"""What the participants say and read, and how programs end that run for them."""

from pydantic import BaseModel, ConfigDict

from coder.run.event_types.body import Body
from coder.run.message import CheckLine, Message


class Spoken(Body):
    """A participant's turn is over."""

    type = "message.spoken"
    durable = False

    message: Message


class Looked(Body):
    """A model has read these lines before its first answer; earlier versions let it."""

    type = "context.looked"
    durable = False

    lines: dict[str, tuple[tuple[int, int], ...]]
    """First and last lines, from 1, by path."""


class BaselineTest(BaseModel):
    """One test as it was before the work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passed: bool


class BaselineTaken(Body):
    """How the test command, and the lint command, ended on the untouched files."""

    type = "baseline.taken"
    durable = False
    later = ("failures",)

    passed: bool
    """The command passed each time that it was run."""
    tests: tuple[BaselineTest, ...] = ()
    """Those that ended the same way each time."""
    flaky: tuple[str, ...] = ()
    """Tests that ended differently on the same files."""
    first: CheckLine | None = None
    """The first one that failed."""
    feedback: str = ""
    """That failure, shortened, as a prompt quotes it."""
    failures: str = ""
    """The names of all that failed, and the first three in full, for models that read more."""
    runs: int = 0
    seconds: float = 0.0
    """Of the first run."""
    lint: tuple[CheckLine, ...] = ()
    """What the lint command found."""
    told: bool = True
    """The test command told of single tests; False: nothing is known but its exit code."""
    missing: tuple[str, ...] = ()
    """Modules that the command says aren't there, and that the folder doesn't hold."""


class ProgramStarted(Body):
    """A program is about to run in the sandbox, on a workspace of exactly these files."""

    type = "program.started"
    durable = False

    what: str
    before: dict[str, str]
    """SHA-256 of each file by path; of a large folder, of those that aren't as the run read them."""


class ProgramFinished(Body):
    """How the program ended."""

    type = "program.finished"
    durable = False

    what: str
    status: str
    exit_code: int | None
    seconds: float
    after: dict[str, str]
