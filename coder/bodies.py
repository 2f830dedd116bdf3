"""The bodies of the loop's events, one class per type; types that this version does not know give None."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from coder.events import Draft, Event
from coder.landing import Plan
from coder.message import CheckLine, Message, Verified
from coder.models.alternatives import Alternative
from coder.models.model import ChatMessage, Form, Sampling, ToolCall, Usage, Used
from coder.settings import Budget, Settings
from coder.task import Task

Limit = Literal["calls", "tokens", "cost", "call", "time", "shared"]
"""`shared`: of what several runs may spend together."""
Status = Literal["solved", "unsolved", "unverified", "limit", "stuck", "refused", "error", "interrupted"]


class Body(BaseModel):
    """What an event says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1
    durable: ClassVar[bool] = True
    """Must outlive a power cut. False where losing it only means that work in the sandbox is done again, or a
    reservation forgotten: no effect outside rests on it (docs/decisions/0014-one-sync-a-turn.md)."""
    later: ClassVar[tuple[str, ...]] = ()
    """Fields that came after the first release; left out where they are empty."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        document: dict[str, object] = plain(self)
        return {name: value for name, value in document.items() if value or name not in self.later}

    def draft(self) -> Draft:
        """This body as an event that waits for its number."""
        return Draft(
            type=self.type, version=self.version, body=self.model_dump(mode="json"), durable=self.durable
        )


class StoredFile(BaseModel):
    """One file of the user's folder as the run read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str | None = None
    base64: str | None = None
    """Content that isn't UTF-8; exactly one of text and base64 is set."""
    mode: int = 0o644
    sha256: str | None = Field(default=None, exclude=True)
    """Of a content that stays where it is, instead of text and base64; the log has it in a listing."""
    link: str | None = None
    """The path of the file that this one is a link to; the content is that file's."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Without a link where there is none, as logs have always been."""
        return {name: value for name, value in plain(self).items() if name != "link" or value is not None}


class RunStarted(Body):
    """A run began: all that a resume on another day needs."""

    type = "run.started"
    later = ("listing",)

    task: Task
    settings: Settings
    model: str
    files: dict[str, StoredFile] = Field(default_factory=dict)
    root: str | None = None
    """The folder that the files' paths are relative to, absolute and without links."""
    listing: str = ""
    """Instead of `files` in a large folder: their modes, hashes and paths (see listing.py)."""
    notes: tuple[str, ...] = ()
    """What of the user's folder was left out, a line each."""


class RunResumed(Body):
    """A stopped run goes on, under these limits."""

    type = "run.resumed"

    budget: Budget
    model: str
    settings: Settings | None = None
    """Where someone else answers from here on; None: nothing else has changed."""


class StepStarted(Body):
    """The user says more: a further task in the same run, under the same limits."""

    type = "step.started"

    task: Task
    settings: Settings
    model: str


class CallIntended(Body):
    """A model call is about to be made; committed before, so that a crash leaves the reservation spent."""

    type = "model.requested"
    durable = False
    later = ("form",)

    call: int
    participant: str
    key: str
    """SHA-256 of the redacted request."""
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    form: Form | None = None
    reserved_tokens: int
    reserved_usd: Decimal | None


class CallRetried(Body):
    """The endpoint failed in a way that can heal; the call is made again after wait_s."""

    type = "model.retried"
    durable = False
    later = ("lost",)

    call: int
    attempt: int
    wait_s: float
    reason: str
    lost: Used | None = None
    """What the answer had used when it broke off, estimated where nobody counted."""


class CallSwitched(Body):
    """A model did not answer a call, and another one is asked instead."""

    type = "model.switched"
    durable = False
    later = ("lost",)

    call: int
    model: str
    """`provider/model` that did not answer."""
    next: str
    reason: str
    lost: Used | None = None


class CallAnswered(Body):
    """A model call's answer; it replaces the reservation by what was used."""

    type = "model.answered"
    later = ("reasoning", "tool_calls", "alternatives")

    call: int
    key: str
    model: str
    text: str
    reasoning: str = ""
    """What the model thought before, where it was told; no later prompt quotes it."""
    tool_calls: tuple[ToolCall, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    finish: str
    usage: Usage
    cost_usd: Decimal | None
    seconds: float


class CallFailed(Body):
    """A model call failed for good."""

    type = "model.failed"
    later = ("lost",)

    call: int
    error: str
    message: str
    lost: Used | None = None


class Spoken(Body):
    """A participant's turn is over."""

    type = "message.spoken"
    durable = False

    message: Message


class BaselineTest(BaseModel):
    """One test as it was before the work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passed: bool


class BaselineTaken(Body):
    """How the test command, and the lint command, ended on the untouched files."""

    type = "baseline.taken"
    durable = False

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
    runs: int = 0
    seconds: float = 0.0
    """Of the first run."""
    lint: tuple[CheckLine, ...] = ()
    """What the lint command found."""
    told: bool = True
    """The test command told of single tests; False: nothing is known but its exit code."""
    missing: tuple[str, ...] = ()
    """Modules that the command says aren't there, and that the folder doesn't hold."""


class Looked(Body):
    """A model has looked around in a repository; what it read is shown from here on."""

    type = "context.looked"
    durable = False

    lines: dict[str, tuple[tuple[int, int], ...]]
    """First and last lines, from 1, by path."""


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


class BudgetReached(Body):
    """A limit of the user's stopped the next step."""

    type = "budget.reached"
    durable = False

    limit: Limit
    text: str
    least: Decimal | None = None
    """The least limit, of tokens or US dollars, under which the call could have been made."""


class FilesChanged(Body):
    """The user's folder has changed since the run read it; answers from here on are about these files."""

    type = "files.changed"
    later = ("files", "listing", "gone")

    files: dict[str, StoredFile] = Field(default_factory=dict)
    listing: str = ""
    """Further ones, as in `run.started`."""
    gone: tuple[str, ...] = ()


class PatchProposed(Body):
    """What solves the task, where the user did not want it written into the folder."""

    type = "patch.proposed"

    patch: str


class LandingPlanned(Body):
    """Files are about to land in the user's folder."""

    type = "landing.planned"
    later = ("before",)

    plan: Plan
    patch: str
    before: dict[str, StoredFile] = Field(default_factory=dict)
    """What stands in the files that will be replaced or removed: undo needs it."""


class FileLanded(Body):
    """One file has landed."""

    type = "file.landed"

    path: str


class LandingRefused(Body):
    """Nothing (more) landed, and why."""

    type = "landing.refused"

    reason: str
    by_human: bool = False


class CommitMade(Body):
    """What has passed is a commit now."""

    type = "commit.made"

    commit: str
    """Its id, in hex."""
    branch: str | None
    """The branch that it is the tip of; None where HEAD is detached."""


class CommitRefused(Body):
    """No commit was made, and why; what has landed stays."""

    type = "commit.refused"

    reason: str


class FileUndone(Body):
    """One file was put back by `undo`; or left, with the reason."""

    type = "file.undone"

    path: str
    left: str | None = None


class LandingUndone(Body):
    """All files of one step's landing were put back by `undo`."""

    type = "landing.undone"

    step: int
    """Which, from 1."""


class RunStopped(Body):
    """A run ended, and why."""

    type = "run.stopped"

    status: Status
    reason: str
    verified: Verified = "none"
    exit_code: int
    error: str | None = None


_ALL: tuple[type[Body], ...] = (
    RunStarted, RunResumed, StepStarted, CallIntended, CallRetried, CallSwitched, CallAnswered, CallFailed,
    Spoken, BaselineTaken, Looked,
    ProgramStarted, ProgramFinished, BudgetReached, FilesChanged, PatchProposed, LandingPlanned, FileLanded,
    LandingRefused, CommitMade, CommitRefused, FileUndone, LandingUndone, RunStopped,
)  # fmt: skip
TYPES: Mapping[str, type[Body]] = {body.type: body for body in _ALL}


def is_newer(event: Event) -> bool:
    """Whether a newer version of the product wrote this event of a type that we know: it may mean more."""
    known = TYPES.get(event.type)
    return known is not None and event.version > known.version


def parse(event: Event) -> Body | None:
    """The typed body of an event; None where this version doesn't know the type, or its version is newer.

    Raises:
        ValidationError: a known type of a known version with a body that doesn't fit.
    """
    known = TYPES.get(event.type)
    if known is None or is_newer(event):
        return None
    return known.model_validate(event.body)
