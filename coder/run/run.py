"""Run: what a caller gets, folded from the state. Status and why, diff, tests, usage, cost."""

from typing import Literal

from pydantic import BaseModel, field_serializer

from coder.base.text.sanitize import is_binary
from coder.run.attempts import best_code, decisive_outcome
from coder.run.event_types import AttemptEnded, CommitMade, CommitRefused, Limit, RunStopped, Status
from coder.run.message import Cause, CheckLine, CodeMessage, LeftOut, Verified
from coder.run.questions import Question
from coder.run.settings import Budget
from coder.run.state import State

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


class Tokens(BaseModel, frozen=True):
    """Tokens of all calls of a run."""

    input: int
    output: int
    cached: int = 0
    """Of the input."""
    reasoning: int = 0
    """Of the output."""


_LONGEST_SUMMARY = 2_000
"""Characters."""


class Other(BaseModel, frozen=True):
    """An attempt that was made for the run and not chosen, in a run of its own."""

    run_id: str
    status: Status
    verified: Verified
    lines: int
    """That it changes: added and removed."""
    calls: int
    cost: float | None


class Run(BaseModel, frozen=True):
    """The result of `solve` and `resume`, and the document that `--json` prints."""

    run_id: str
    status: Status | Literal["running"]
    """`running`: a living process works on it; only `status_of` asks for that."""
    reason: str
    summary: str = ""
    """What the model says of the change, in its own words; untrusted."""
    verified: Verified
    strength: str
    """outside, inside or none: see Outcome."""
    model: str
    attempts: int
    """Fresh starts, each a run of its own; 1 where the run itself has done the work."""
    tests: tuple[CheckLine, ...]
    files: dict[str, str]
    """The best code so far, whole text files by relative path; the solution where status is `solved`."""
    patch: str
    reproduced_by: tuple[str, ...] = ()
    """New tests, or the answer's check, that fail without the change and pass with it."""
    contradicts: tuple[str, ...] = ()
    """Given tests that fail, and pass as the answer edits them."""
    ordered: tuple[str, ...] = ()
    """Given tests that the answer edits: the task changes what these tests expect."""
    test_support: tuple[str, ...] = ()
    """Changed files that only the tests use: they may be a part of the tests, or what these test."""
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
    """Wall time without `test_seconds`; the time limit is for these."""
    test_seconds: float = 0.0
    """Wall time of a test command that takes 30 s or more."""
    limits: Budget
    limit: Limit | None = None
    """Which of them ended the run, where status is `limit`."""
    limit_least: float | None = None
    """The least limit, of tokens or US dollars, under which it could have continued; None if unknown."""
    cause: Cause | None = None
    """Why it isn't solved, where that is known and a better model may not help."""
    lacks: tuple[str, ...] = ()
    """Modules or hosts that were missing, by `cause`."""
    question: Question | None = None
    """What it waits with."""
    error: str | None
    exit_code: int
    others: tuple[Other, ...] = ()
    """Attempts that were not chosen. What they have used is counted above."""

    @field_serializer("files", when_used="json")
    def _unless_in_patch(self, files: dict[str, str]) -> dict[str, str]:
        """Leave `files` out of the JSON if there is a patch, which holds the same change."""
        return {} if self.patch else files

    @field_serializer("limits", when_used="json")
    def _in_numbers(self, limits: Budget) -> dict[str, object]:
        """A document's dollars are numbers, as in `cost`; the log keeps them exact, as text."""
        return {**limits.model_dump(mode="json"), "max_cost": float(limits.max_cost)}


def summarize(state: State) -> Run:
    """What is known of a run; one that has not stopped is said to be interrupted."""
    stopped = state.progress.stopped or RunStopped(
        status="interrupted", reason="it has not ended yet", exit_code=130
    )
    best, commit = best_code(state), state.landing.committed
    last = best or next(reversed(state.codes), None)
    proposal = state.landing.planned or state.landing.proposed
    least = state.spend.exhausted.least if state.spend.exhausted is not None else None
    outcome = decisive_outcome(state)
    caused = outcome if outcome is not None and stopped.status != "solved" else None
    return Run(
        run_id=state.run,
        status=stopped.status,
        reason=stopped.reason,
        summary=_summary(last) if last is not None else "",
        verified=stopped.verified,
        strength=outcome.strength if outcome is not None and outcome.passed else "none",
        model=state.model,
        attempts=max(1, len(state.progress.attempts)),
        tests=outcome.checks if outcome is not None else (),
        files=_texts(best) if best is not None else {},
        patch=proposal.patch if proposal is not None else "",
        reproduced_by=outcome.reproduced_by if outcome is not None else (),
        contradicts=outcome.contradicts if outcome is not None else (),
        ordered=outcome.ordered if outcome is not None else (),
        test_support=outcome.test_support if outcome is not None else (),
        test_patch=proposal.tests if proposal is not None else "",
        left_out=_left_out(state, last),
        landed=standing(state),
        commit=commit.commit if isinstance(commit, CommitMade) else None,
        branch=commit.branch if isinstance(commit, CommitMade) else None,
        uncommitted=commit.reason if isinstance(commit, CommitRefused) else None,
        calls=state.spend.calls,
        tokens=Tokens(
            input=state.spend.usage.input_tokens,
            output=state.spend.usage.output_tokens,
            cached=state.spend.usage.cached_tokens,
            reasoning=state.spend.usage.reasoning_tokens,
        ),
        cost=float(state.spend.cost_usd) if state.spend.cost_known else None,
        seconds=round(state.spend.seconds, 3),
        test_seconds=round(state.spend.test_seconds, 3),
        limits=state.spend.budget,
        limit=_limit(state) if stopped.status == "limit" else None,
        limit_least=float(least) if stopped.status == "limit" and least is not None else None,
        cause=caused.cause if caused is not None else None,
        lacks=caused.lacks if caused is not None else (),
        question=_question(state) if stopped.status == "waiting" else None,
        error=stopped.error,
        exit_code=stopped.exit_code,
        others=_others(state),
    )


def _others(state: State) -> tuple[Other, ...]:
    choice = state.progress.choice
    return tuple(
        Other(
            run_id=one.run,
            status=one.status,
            verified=one.verified,
            lines=one.lines,
            calls=one.calls,
            cost=float(one.cost_usd) if one.cost_known else None,
        )
        for one in state.progress.attempts
        if isinstance(one, AttemptEnded) and choice is not None and one.attempt != choice.attempt
    )


def _question(state: State) -> Question | None:
    question = state.questions.open
    return Question(**question.model_dump(exclude={"id"})) if question is not None else None


def standing(state: State) -> tuple[str, ...]:
    """Paths that the run has written and `coder undo` hasn't taken back."""
    return (
        ()
        if state.landing.taken_back
        else tuple(path for path in state.landing.written if path not in state.landing.undone)
    )


def _texts(code: CodeMessage) -> dict[str, str]:
    files = {path: text for path, text in code.changes.files.items() if text is not None}
    return {path: text for path, text in files.items() if not is_binary(text)}


def _summary(code: CodeMessage) -> str:
    """The words of an answer in front of its first block, without the path above that."""
    words, block, _ = code.text.partition("```")
    lines = words.strip().splitlines()
    if block and lines and len(lines[-1].split()) == 1:
        del lines[-1]
    return "\n".join(lines).strip()[:_LONGEST_SUMMARY]


def _left_out(state: State, last: CodeMessage | None) -> dict[str, LeftOut]:
    reasons: dict[str, LeftOut] = {**state.dialogue.session.left_out}
    for path in last.changes.test_edits if last is not None else ():
        reasons[path] = "needs_allow"
    for path in last.changes.left_out if last is not None else ():
        reasons[path] = "decides"
    proposal = state.landing.planned or state.landing.proposed
    for path in proposal.held if proposal is not None else ():
        reasons[path] = "held"
    landed = standing(state)
    return {path: why for path, why in sorted(reasons.items()) if path not in landed}


def _limit(state: State) -> Limit:
    if state.spend.exhausted is not None:
        return state.spend.exhausted.limit
    return "time" if state.spend.seconds >= state.spend.budget.timeout else "calls"
