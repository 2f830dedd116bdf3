"""How a run begins, continues, changes the user's folder and ends."""

from decimal import Decimal
from operator import not_
from typing import Literal

from pydantic import BaseModel, Field

from coder.run.events import Body
from coder.run.message import Verified
from coder.run.questions import Decision, Question
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task

Limit = Literal["calls", "tokens", "cost", "call", "time", "shared", "answer"]
"""`shared`: of what several runs may spend together; `answer`: tokens of one answer."""
Status = Literal[
    "solved", "unsolved", "unverified", "limit", "stuck", "refused", "waiting", "error", "interrupted"
]
"""`waiting`: for the user's answer to the model's question, which is the reason."""


class Draw(BaseModel, frozen=True, extra="forbid"):
    """How the answer of one attempt is begun, where a model completes a text instead of answering."""

    form: int
    """Index of the form in which the task is put."""
    begun: str
    """The beginning that the model continues."""
    temperature: float = 0.0


class Parent(BaseModel, frozen=True, extra="forbid"):
    """The run that an attempt is made for."""

    run: str
    attempt: int = Field(ge=1)
    """Which of its attempts."""
    draw: Draw | None = Field(default=None, exclude_if=not_)
    earlier: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Digests of what earlier attempts have answered: the same answer again is not tried."""


class RunStarted(Body, type="run.started"):
    """A run began: all that a resume on another day needs."""

    task: Task
    settings: Settings
    model: str
    files: dict[str, StoredFile] = Field(default_factory=dict)
    root: str | None = None
    """The folder that the files' paths are relative to, absolute and without links."""
    target: Target | None = Field(default=None, exclude_if=not_)
    """What the task names in the files, as it was found when they were read; None in an earlier log."""
    listing: str = Field(default="", exclude_if=not_)
    """Instead of `files` in a large folder: their modes, hashes and paths (see manifest.py)."""
    notes: tuple[str, ...] = ()
    """What was left out of the folder, a line each."""
    sandbox: str = Field(default="", exclude_if=not_)
    """The backend in which programs run, where it was open by then."""
    parent: Parent | None = Field(default=None, exclude_if=not_)
    """Of an attempt, the run that it is made for."""


class RunResumed(Body, type="run.resumed"):
    """A stopped run continues, under these limits."""

    budget: Budget
    model: str
    settings: Settings | None = None
    """Where someone else answers from here on; None: nothing else has changed."""
    sandbox: str = Field(default="", exclude_if=not_)
    """The backend in which programs run from here on, where it was open by then."""
    offers: bool = Field(default=False, exclude_if=not_)
    """The user asks for an earlier change: it is tried, and asked about whether it passes or not."""


class RunOrigin(Body, type="run.origin"):
    """The run is a fork of another, whose events are copied before this."""

    run: str
    """The other one."""
    step: int
    """The tool call of that run, from 1, that was answered last."""

    @property
    def words(self) -> str:
        """The same in a few words."""
        return f"fork of {self.run} at step {self.step}"


class StepStarted(Body, type="step.started"):
    """The user says more: a further task in the same run, under the same limits."""

    task: Task
    settings: Settings
    model: str
    target: Target | None = Field(default=None, exclude_if=not_)
    """What this task names in the files as they are now."""


class QuestionAsked(Question, Body, type="question.asked"):
    """The run asks a person; it may stop until there is an answer."""

    id: str


class QuestionAnswered(Decision, Body, type="question.answered"):
    """A person has answered the question of this id."""

    id: str


class StopRequested(Body, type="stop.requested"):
    """Somebody wants the run to end; what it has done stays."""

    who: str


class BudgetReached(Body, type="budget.reached", durable=False):
    """A limit stopped the next step."""

    limit: Limit
    text: str
    least: Decimal | None = None
    """The least limit, of tokens or US dollars, under which the call could have been made."""


class RunStopped(Body, type="run.stopped"):
    """A run ended, and why."""

    status: Status
    reason: str
    verified: Verified = "none"
    exit_code: int
    error: str | None = None


class FileChange(BaseModel, frozen=True, extra="forbid"):
    """One file of a plan: SHA-256 before and after, None where there is no file."""

    path: str
    before: str | None
    after: str | None
    mode: int | None = None
    """Permission bits of the file that was read or moved; a new one gets what the user's umask leaves."""
    executable: bool = False
    """It can be run by its name; a new file that begins with `#!` could be so where it was tried."""
    chmod: int | None = None
    """Permission bits that the file gets, where they are to change; its content may stay."""


class LandingPlan(BaseModel, frozen=True, extra="forbid"):
    """Changes of files below one folder, logged before the first is written."""

    root: str
    changes: tuple[FileChange, ...]
    made: tuple[str, ...] = ()
    """Folders that aren't there yet, outermost first; "." is the root."""


class FilesChanged(Body, type="files.changed"):
    """The user's folder has changed since the run read it; answers from here on are about these files."""

    files: dict[str, StoredFile] = Field(default_factory=dict, exclude_if=not_)
    listing: str = Field(default="", exclude_if=not_)
    """Further ones, as in `run.started`."""
    gone: tuple[str, ...] = Field(default=(), exclude_if=not_)
    target: Target | None = Field(default=None, exclude_if=not_)
    """What the task names in the files as they are now."""


class PatchProposed(Body, type="patch.proposed"):
    """What solves the task, where the user did not want it written into the folder."""

    patch: str
    tests: str = Field(default="", exclude_if=not_)
    """Edits of given tests, and held files, beside it, as a patch of their own."""
    held: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Files of the change that may run by themselves later, left out until the user allows them."""


class LandingPlanned(Body, type="landing.planned"):
    """Files are about to land in the user's folder."""

    plan: LandingPlan
    patch: str
    tests: str = Field(default="", exclude_if=not_)
    """Edits of given tests and held files, which don't land, as a patch of their own."""
    held: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Files of the change that may run by themselves later, left out until the user allows them."""
    before: dict[str, StoredFile] = Field(default_factory=dict, exclude_if=not_)
    """What stands in the files that will be replaced or removed: undo needs it."""


class FileLanded(Body, type="file.landed"):
    """One file has landed."""

    path: str


class LandingRefused(Body, type="landing.refused"):
    """Nothing (more) landed, and why."""

    reason: str
    by_human: bool = False


class CommitMade(Body, type="commit.made"):
    """The verified change was committed."""

    commit: str
    """Its id, in hex."""
    branch: str | None
    """The branch that it is the tip of; None where HEAD is detached."""


class CommitRefused(Body, type="commit.refused"):
    """No commit was made, and why; what has landed stays."""

    reason: str


class FileUndone(Body, type="file.undone"):
    """One file was put back by `undo`; or left, with the reason."""

    path: str
    left: str | None = None


class LandingUndone(Body, type="landing.undone"):
    """All files of one step's landing were put back by `undo`."""

    step: int
    """Which, from 1."""
