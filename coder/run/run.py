"""Run: what a caller gets. Status and why, diff, tests, usage, cost; resumable by its id."""

from pydantic import BaseModel, ConfigDict, field_serializer

from coder.run.event_types import Limit, Status
from coder.run.message import Cause, CheckLine, Verified
from coder.run.settings import Budget

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
    """The best code so far, whole files by relative path; the solution where status is `solved`."""
    patch: str
    reproduced_by: tuple[str, ...] = ()
    """New tests, or the answer's check, that fail without the change and pass with it."""
    contradicts: tuple[str, ...] = ()
    """Given tests that fail, and pass as the answer edits them."""
    edited_tests: tuple[str, ...] = ()
    """Paths of given tests that the answer edits; they land with the user's word only."""
    test_patch: str = ""
    """Edits of given tests that have not landed; `patch` is without them."""
    left_out: tuple[str, ...] = ()
    """Paths of other files that the answer changes and no answer may write."""
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

    @field_serializer("limits", when_used="json")
    def _in_numbers(self, limits: Budget) -> dict[str, object]:
        """A document's dollars are numbers, as in `cost`; the log keeps them exact, as text."""
        return {**limits.model_dump(mode="json"), "cost_usd": float(limits.cost_usd)}
