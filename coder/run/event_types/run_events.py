"""Events about a run's start, continuation, changes of the user's folder, and end."""

from decimal import Decimal
from operator import not_
from typing import Literal

from pydantic import Field

from coder.run.events import Body
from coder.run.extensions import Ruling
from coder.run.found_tests import FoundTests
from coder.run.message import Verified
from coder.run.questions import Decision, Question
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile, listed
from coder.run.target import Target
from coder.run.task import Task
from sandbox.result import Value

Limit = Literal["calls", "tokens", "cost", "call", "time", "shared", "answer"]
"""`shared`: the budget of several runs together; `answer`: tokens of one answer."""
Status = Literal[
    "solved",
    "unsolved",
    "unverified",
    "answered",
    "limit",
    "stuck",
    "refused",
    "waiting",
    "error",
    "interrupted",
    "finished",
]
"""`answered`: the model ended in words without a changed file; `finished`: the function of a flow has
returned; `waiting`: `reason` is the open question."""


class Draw(Value):
    """Beginning of an attempt's answer, for a model that completes a text instead of answering."""

    form: int
    """Index of the form of the task's prompt."""
    begun: str
    """The beginning that the model continues."""
    temperature: float = 0.0


class Parent(Value):
    """The run for which an attempt is made."""

    run: str
    attempt: int = Field(ge=1)
    """Number of the attempt."""
    draw: Draw | None = Field(default=None, exclude_if=not_)
    earlier: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Digests of earlier attempts' answers; an equal answer isn't tried again."""


class RunStarted(Body, type="run.started"):
    """A run began. The event contains everything that a later resume needs."""

    task: Task
    settings: Settings
    model: str
    files: dict[str, StoredFile] = Field(default_factory=dict)
    root: str | None = None
    """The folder that the files' paths are relative to, absolute and without links."""
    target: Target | None = Field(default=None, exclude_if=not_)
    """The file and names that the task is about; None in old logs."""
    listing: str = Field(default="", exclude_if=not_)
    """Modes, hashes and paths of the files, instead of `files` in a large folder (see stored_file.py)."""
    notes: tuple[str, ...] = ()
    """Files that weren't read, one line each."""
    notes_above: dict[str, str] = Field(default_factory=dict, exclude_if=not_)
    """Notes for agents of the repository in folders above the root, by path from the root."""
    sandbox: str = Field(default="", exclude_if=not_)
    """The backend in which programs run, if it was open already."""
    parent: Parent | None = Field(default=None, exclude_if=not_)
    """The run for which this attempt is made; None if the run is no attempt."""
    context: str = Field(default="", exclude_if=not_)
    """Text that the user's hooks add to the task."""


class RunResumed(Body, type="run.resumed"):
    """A stopped run continues with these limits."""

    budget: Budget
    model: str
    settings: Settings | None = None
    """The settings from now on, if another model answers; None: unchanged."""
    sandbox: str = Field(default="", exclude_if=not_)
    """The backend in which programs run from now on, if it was open already."""
    offers: bool = Field(default=False, exclude_if=not_)
    """The user wants an earlier change: it is tried, and then proposed even if it fails."""
    context: str = Field(default="", exclude_if=not_)
    """Text that the user's start hooks add when the run is resumed."""


class RunOrigin(Body, type="run.origin"):
    """The run is a fork of another run, whose events are copied before this event."""

    run: str
    """The forked run."""
    step: int
    """Number of the last answered tool call of the forked run, from 1."""

    @property
    def words(self) -> str:
        """Short description of the origin."""
        return f"fork of {self.run} at step {self.step}"


class StepStarted(Body, type="step.started"):
    """The user gave a further task in the same run."""

    task: Task
    settings: Settings
    model: str
    target: Target | None = Field(default=None, exclude_if=not_)
    """The file and names that the new task is about."""
    context: str = Field(default="", exclude_if=not_)
    """Text that the user's hooks add to the task."""


class TestsDropped(Body, type="tests.dropped"):
    """The test command that was found can't be run; the next one is used, if there is one."""

    __test__ = False  # so that pytest doesn't collect it

    found: FoundTests | None = Field(default=None, exclude_if=not_)
    """The dropped command; None in old logs."""
    reason: str
    target: Target | None = None
    """The target under the next test command."""


class QuestionAsked(Question, Body, type="question.asked"):
    """The run asks a person a question, and may stop until it is answered."""

    id: str


class QuestionAnswered(Decision, Body, type="question.answered"):
    """A person has answered the question with this id."""

    id: str


class StopRequested(Body, type="stop.requested"):
    """A person or program requested the end of the run; its work is kept."""

    who: str


class BudgetReached(Body, type="budget.reached", durable=False):
    """A limit prevented the next step."""

    limit: Limit
    text: str
    least: Decimal | None = None
    """The lowest limit (tokens or US dollars) with which the call could have been made."""


class RunStopped(Body, type="run.stopped"):
    """The run ended with this status and reason."""

    status: Status
    reason: str
    verified: Verified = "none"
    exit_code: int
    error: str | None = None
    needs_packages: bool = Field(default=False, exclude_if=not_)
    """Whether the tests need packages that `--install` would install."""


class FileChange(Value):
    """One file of a plan, with SHA-256 before and after; None means that the file doesn't exist."""

    path: str
    before: str | None
    after: str | None
    mode: int | None = None
    """Permission bits of the file that was read or moved; None for a new file, where the umask applies."""
    executable: bool = False
    """Whether the file is executable, as a new file that begins with `#!` was in the sandbox."""
    chmod: int | None = None
    """New permission bits; None: unchanged."""
    link: bool = Field(default=False, exclude_if=not_)
    """Whether it is a new symbolic link, whose content is its target."""


class LandingPlan(Value):
    """Changes of files below one folder, logged before the first file is written."""

    root: str
    changes: tuple[FileChange, ...]
    made: tuple[str, ...] = ()
    """Folders to create, outermost first; "." is the root."""


class FilesChanged(Body, type="files.changed"):
    """The user's folder has changed since the run read it; later answers are about the new files."""

    files: dict[str, StoredFile] = Field(default_factory=dict, exclude_if=not_)
    listing: str = Field(default="", exclude_if=not_)
    """Further changed files, as in `run.started`."""
    gone: tuple[str, ...] = Field(default=(), exclude_if=not_)
    target: Target | None = Field(default=None, exclude_if=not_)
    """The file and names that the task is about, in the new files."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all changed files, sorted."""
        return tuple(sorted({*self.files, *listed(self.listing), *self.gone}))


class PatchProposed(Body, type="patch.proposed"):
    """The solution was kept as a patch: writing was off, refused or unmergeable, or nobody could be asked."""

    patch: str
    tests: str = Field(default="", exclude_if=not_)
    """A separate patch with edits of given tests and with held files."""
    held: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Files left out until the user allows them: they may later run by themselves, or a rule holds them."""
    ruled: dict[str, Ruling] = Field(default_factory=dict, exclude_if=not_)
    """The user's rules that deny or ask about held files, by the file's path."""


class LandingPlanned(Body, type="landing.planned"):
    """Files will be written into the user's folder."""

    plan: LandingPlan
    patch: str
    tests: str = Field(default="", exclude_if=not_)
    """A separate patch with edits of given tests and with held files, which aren't written."""
    held: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Files left out until the user allows them: they may later run by themselves, or a rule holds them."""
    ruled: dict[str, Ruling] = Field(default_factory=dict, exclude_if=not_)
    """The user's rules that deny or ask about held files, by the file's path."""
    before: dict[str, StoredFile] = Field(default_factory=dict, exclude_if=not_)
    """Contents of the files that will be replaced or removed, for undo."""


class FileLanded(Body, type="file.landed"):
    """One file was written into the user's folder."""

    path: str


class LandingRefused(Body, type="landing.refused"):
    """No further file was written, for this reason."""

    reason: str
    by_human: bool = False


class CommitMade(Body, type="commit.made"):
    """The verified change was committed."""

    commit: str
    """The commit's id, in hex."""
    branch: str | None
    """The branch with the commit at its tip; None if HEAD is detached."""
    left_out: dict[str, str] = Field(default_factory=dict, exclude_if=not_)
    """Files that were written but not committed, by path with the reason."""


class CommitRefused(Body, type="commit.refused"):
    """No commit was made, for this reason; written files stay."""

    reason: str


class FileUndone(Body, type="file.undone"):
    """One file was restored by `undo`, or not, for the reason in `left`."""

    path: str
    left: str | None = None


class LandingUndone(Body, type="landing.undone"):
    """All files that one step had written were restored by `undo`."""

    step: int
    """Number of the step, from 1."""
