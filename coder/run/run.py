"""Run: what a caller gets. Status and why, diff, tests, usage, cost; resumable by its id."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_serializer

from coder.run.event_types import Limit, Status
from coder.run.message import Cause, CheckLine, Verified
from coder.run.settings import Budget

LeftOut = Literal["needs_allow", "decides", "too_large", "too_many", "link", "special", "name", "unreadable"]
"""needs_allow: a given test, or other file that decides what passes; `--allow PATH` lands it. decides: such a
file of which the run keeps nothing, or one that was only to be read. The others can't be taken over."""

EXIT_CODES: dict[Status, int] = {
    "solved": 0,
    "unsolved": 1,
    "limit": 3,
    "stuck": 6,
    "refused": 7,
    "unverified": 8,
    "waiting": 9,
    "interrupted": 130,
}
"""`error` has no single code: the error itself carries it."""


class Tokens(BaseModel):
    """Tokens of all calls of a run."""

    model_config = ConfigDict(frozen=True)

    input: int
    output: int
    cached: int = 0
    """Of the input."""
    reasoning: int = 0
    """Of the output."""


class Other(BaseModel):
    """An attempt that was made beside the one that was chosen, in a run of its own."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    status: Status
    verified: Verified
    lines: int
    """That it changes: added and removed."""
    calls: int
    cost: float | None


class Run(BaseModel):
    """The result of `solve` and `resume`, and the document that `--json` prints."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    status: Status
    reason: str
    verified: Verified
    strength: str
    """outside, inside or none: see Outcome."""
    model: str
    samples: int
    attempts: int
    """Answers that were tried, over all samples."""
    tests: tuple[CheckLine, ...]
    lint: tuple[CheckLine, ...] = ()
    """Findings of the lint command that are left: new ones, in changed files."""
    files: dict[str, str]
    """The best code so far, whole text files by relative path; the solution where status is `solved`."""
    patch: str
    reproduced_by: tuple[str, ...] = ()
    """New tests, or the answer's check, that fail without the change and pass with it."""
    contradicts: tuple[str, ...] = ()
    """Given tests that fail, and pass as the answer edits them."""
    left_out: dict[str, LeftOut] = {}
    """Files that the answer changes and that have not landed with it, by path, with the reason."""
    test_patch: str = ""
    """What `--allow` lands of these; `patch` is without it."""
    landed: tuple[str, ...]
    """Paths that were written into the user's folder, and not taken back since."""
    commit: str | None = None
    """The commit that was made of it, and the branch whose tip it is."""
    branch: str | None = None
    uncommitted: str | None = None
    """Why no commit was made, where one was wanted."""
    calls: int
    tokens: Tokens
    cost: float | None
    """US dollars; None where the price is unknown."""
    seconds: float
    limits: Budget
    limit: Limit | None = None
    """Which of them ended the run, where status is `limit`."""
    limit_least: float | None = None
    """The least limit, of tokens or US dollars, under which it could have gone on; None where unknown."""
    cause: Cause | None = None
    """Why it isn't solved, where that is known and a better model may not help."""
    lacks: tuple[str, ...] = ()
    """Modules or hosts that were missing, by `cause`."""
    error: str | None
    exit_code: int
    others: tuple[Other, ...] = ()
    """Attempts that were made beside this one, and not chosen. What they have used isn't counted above."""

    @field_serializer("limits", when_used="json")
    def _in_numbers(self, limits: Budget) -> dict[str, object]:
        """A document's dollars are numbers, as in `cost`; the log keeps them exact, as text."""
        return {**limits.model_dump(mode="json"), "cost_usd": float(limits.cost_usd)}
