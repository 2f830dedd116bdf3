"""How a run begins, continues and ends."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from coder.run.events import Body
from coder.run.message import Verified
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task

Limit = Literal["calls", "tokens", "cost", "call", "time", "shared", "answer"]
"""`shared`: of what several runs may spend together; `answer`: tokens of one answer."""
Status = Literal[
    "solved", "unsolved", "unverified", "limit", "stuck", "refused", "waiting", "error", "interrupted"
]
"""`waiting`: for the user's answer to a question of the model's, which is the reason."""


class RunStarted(Body, type="run.started", later=("listing",)):
    """A run began: all that a resume on another day needs."""

    task: Task
    settings: Settings
    model: str
    files: dict[str, StoredFile] = Field(default_factory=dict)
    root: str | None = None
    """The folder that the files' paths are relative to, absolute and without links."""
    listing: str = ""
    """Instead of `files` in a large folder: their modes, hashes and paths (see manifest.py)."""
    notes: tuple[str, ...] = ()
    """What was left out of the folder, a line each."""


class RunResumed(Body, type="run.resumed"):
    """A stopped run continues, under these limits."""

    budget: Budget
    model: str
    settings: Settings | None = None
    """Where someone else answers from here on; None: nothing else has changed."""


class RunOrigin(Body, type="run.origin", later=("step", "attempt", "of")):
    """The run is a fork of another, whose events are copied before this; or one of several attempts."""

    run: str
    """The other one; of attempts the first, which may be this one."""
    step: int = 0
    """The tool call of that run, from 1, that was answered last; 0 for attempts."""
    attempt: int = 0
    """Which, from 1, of how many."""
    of: int = 0

    @property
    def words(self) -> str:
        """The same in a few words."""
        if self.step:
            return f"fork of {self.run} at step {self.step}"
        return f"attempt {self.attempt} of {self.of} of {self.run}"


class StepStarted(Body, type="step.started"):
    """The user says more: a further task in the same run, under the same limits."""

    task: Task
    settings: Settings
    model: str


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
