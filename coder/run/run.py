"""Run: the result for a caller, computed from the state: status, reason, diff, tests, usage and cost."""

from typing import Literal

from pydantic import BaseModel, JsonValue, field_serializer

from coder.base.text.sanitize import is_binary
from coder.run.attempts import best_code, decisive_outcome, find_answer_of, made_again
from coder.run.conversation import answer_in_words, words_before_code
from coder.run.event_types import AttemptEnded, CommitMade, CommitRefused, Limit, RunStopped, Status
from coder.run.extensions import Ruling
from coder.run.message import Cause, CheckLine, CodeMessage, Verified
from coder.run.questions import Question
from coder.run.settings import Budget
from coder.run.state import State
from coder.run.stored_file import LeftOut
from coder.source.shell import format_command

EXIT_CODES: dict[Status, int] = {
    "solved": 0,
    "finished": 0,
    "answered": 0,
    "unsolved": 1,
    "limit": 3,
    "stuck": 6,
    "refused": 7,
    "unverified": 8,
    "waiting": 9,
    "interrupted": 130,
}
"""Exit codes by status; that of `error` depends on the error. `answered` is 8 if tests or checks decide."""

FAILED: tuple[Status, ...] = ("unsolved", "stuck", "limit")
"""Statuses of a run whose change doesn't pass, or that has none."""


class Tokens(BaseModel, frozen=True):
    """Tokens of all calls of a run."""

    input: int
    output: int
    cached: int = 0
    """Part of the input."""
    reasoning: int = 0
    """Part of the output."""


_MAX_SUMMARY = 2_000
"""Maximum characters of a summary."""


class Other(BaseModel, frozen=True):
    """An attempt, in a separate run, that was not chosen."""

    run_id: str
    status: Status
    verified: Verified
    lines: int
    """Number of lines that the attempt adds and removes."""
    calls: int
    cost: float | None


class Run(BaseModel, frozen=True):
    """The result of `solve` and `resume`, and the document that `--json` prints."""

    run_id: str
    status: Status | Literal["running"]
    """`running`: a process works on the run; only `status_of` checks that."""
    reason: str
    summary: str = ""
    """The model's description of the change; untrusted."""
    verified: Verified
    strength: str
    """`outside`, `inside` or `none`: see Outcome."""
    model: str
    attempts: int
    """Number of attempts in separate runs; 1 if the run itself did the work."""
    tests: tuple[CheckLine, ...]
    test_command: str | None = None
    test_command_from: str | None = None
    """The file that names the test command, if it was found and not given."""
    files: dict[str, str]
    """The best code so far, full texts by relative path; the solution if the status is `solved`."""
    patch: str
    mended: int = 0
    """Tests that a `fix` mended, if all that still fail failed before; 0 if the run is solved."""
    reproduced_by: tuple[str, ...] = ()
    """New tests, or the answer's check, that fail without the change and pass with it."""
    contradicts: tuple[str, ...] = ()
    """Given tests that fail, but pass with the answer's edits of them."""
    ordered: tuple[str, ...] = ()
    """Given tests that the answer edits, because the task changes what they expect."""
    test_support: tuple[str, ...] = ()
    """Changed files that only the tests use: part of the tests, or code under test."""
    left_out: dict[str, LeftOut] = {}
    """Changed files that were not written into the folder, by path, with the reason."""
    ruled: dict[str, Ruling] = {}
    """The user's rule that denies or asks about a file of `left_out`, by path."""
    test_patch: str = ""
    """Patch of the changes that `--allow` would write; `patch` doesn't include them."""
    landed: tuple[str, ...]
    """Paths that were written into the user's folder and not undone since."""
    commit: str | None = None
    """The commit of the change."""
    branch: str | None = None
    uncommitted: str | None = None
    """Why no commit was made, or which files it doesn't hold and why, although a commit was requested."""
    calls: int
    tokens: Tokens
    cost: float | None
    """US dollars; None if the price is unknown."""
    seconds: float
    """Wall time without `test_seconds`; the time limit applies to it."""
    test_seconds: float = 0.0
    """Wall time of a test command that takes 30 s or more."""
    limits: Budget
    limit: Limit | None = None
    """The limit that ended the run, if the status is `limit`."""
    limit_least: float | None = None
    """The lowest limit (tokens or US dollars) with which the run could have continued; None if unknown."""
    cause: Cause | None = None
    """Why the task isn't solved, if known, in cases in which a better model may not help."""
    lacks: tuple[str, ...] = ()
    """Missing modules or hosts, depending on `cause`."""
    broken_by: tuple[str, ...] = ()
    """Paths that changed in the folder during the run, after which a change that had passed fails."""
    question: Question | None = None
    """The question that the run waits for."""
    answer: JsonValue = None
    """The value that fits the task's `answer_schema`, or the output of a flow; null without one."""
    words: str = ""
    """The model's words, whole, if the status is `answered`; untrusted."""
    answer_problem: str | None = None
    """Why there is no answer; empty if there is one; null if the task has no `answer_schema`."""
    flow: str | None = None
    """The function of a flow, as MODULE:FUNCTION; None for any other run."""
    error: str | None
    exit_code: int
    others: tuple[Other, ...] = ()
    """Attempts that were not chosen; their usage is included above."""

    @field_serializer("files", when_used="json")
    def _unless_in_patch(self, files: dict[str, str]) -> dict[str, str]:
        """Omit `files` in JSON if there is a patch, which contains the same change."""
        return {} if self.patch else files

    @field_serializer("limits", when_used="json")
    def _in_numbers(self, limits: Budget) -> dict[str, object]:
        """Write dollars as numbers, as in `cost`; the log keeps them exact, as text."""
        return {**limits.model_dump(mode="json"), "max_cost": float(limits.max_cost)}


def _uncommitted(commit: CommitMade | CommitRefused | None) -> str | None:
    if isinstance(commit, CommitRefused):
        return commit.reason
    return " ".join(commit.left_out.values()) or None if commit is not None else None


def summarize(state: State) -> Run:
    """Return the result of a run; a run that hasn't stopped counts as interrupted."""
    stopped = state.progress.stopped or RunStopped(
        status="interrupted", reason="it has not ended yet", exit_code=130
    )
    best, commit = best_code(state), state.landing.committed
    last_code = best or next(reversed(state.codes), None)
    proposal = state.landing.planned or state.landing.proposed
    least_limit = state.spend.exhausted.least if state.spend.exhausted is not None else None
    outcome = decisive_outcome(state)
    failed_outcome = outcome if outcome is not None and stopped.status != "solved" else None
    answer, answer_problem = find_answer_of(state)
    if state.flow is not None:
        answer = state.flow.output
    return Run(
        run_id=state.run,
        status=stopped.status,
        reason=stopped.reason,
        summary=words_before_code(last_code)[:_MAX_SUMMARY] if last_code is not None else "",
        verified=stopped.verified,
        strength=outcome.strength if outcome is not None and outcome.passed else "none",
        model=state.model,
        attempts=max(1, len(state.progress.attempts)),
        tests=outcome.checks if outcome is not None else (),
        test_command=format_command(state.task.test_command) if state.task.test_command else None,
        test_command_from=state.task.found[0].place if state.task.found else None,
        files=_texts(best) if best is not None else {},
        patch=proposal.patch if proposal is not None else "",
        mended=outcome.mended if outcome is not None and not outcome.passed else 0,
        reproduced_by=outcome.reproduced_by if outcome is not None else (),
        contradicts=outcome.contradicts if outcome is not None else (),
        ordered=outcome.ordered if outcome is not None else (),
        test_support=outcome.test_support if outcome is not None else (),
        test_patch=proposal.tests if proposal is not None else "",
        left_out=_left_out(state, last_code),
        ruled=proposal.ruled if proposal is not None else {},
        landed=state.landing.standing,
        commit=commit.commit if isinstance(commit, CommitMade) else None,
        branch=commit.branch if isinstance(commit, CommitMade) else None,
        uncommitted=_uncommitted(commit),
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
        limit_least=float(least_limit) if stopped.status == "limit" and least_limit is not None else None,
        cause=failed_outcome.cause if failed_outcome is not None else None,
        lacks=failed_outcome.lacks if failed_outcome is not None else (),
        broken_by=state.landing.broken_by if stopped.status in FAILED else (),
        question=_question(state) if stopped.status == "waiting" else None,
        answer=answer,
        words=answer_in_words(state) or "",
        answer_problem=answer_problem,
        flow=state.flow.flow if state.flow is not None else None,
        error=stopped.error,
        exit_code=stopped.exit_code,
        others=_others(state),
    )


def _others(state: State) -> tuple[Other, ...]:
    choice = state.progress.choice
    return tuple(
        Other(
            run_id=attempt.run,
            status=attempt.status,
            verified=attempt.verified,
            lines=attempt.lines,
            calls=attempt.calls,
            cost=float(attempt.cost_usd) if attempt.cost_known else None,
        )
        for attempt in state.progress.attempts
        if isinstance(attempt, AttemptEnded) and choice is not None and attempt.attempt != choice.attempt
    )


def _question(state: State) -> Question | None:
    question = state.questions.open
    return Question(**question.model_dump(exclude={"id"})) if question is not None else None


def _texts(code: CodeMessage) -> dict[str, str]:
    files = {path: text for path, text in code.changes.files.items() if text is not None}
    return {path: text for path, text in files.items() if not is_binary(text)}


def _left_out(state: State, last_code: CodeMessage | None) -> dict[str, LeftOut]:
    reasons: dict[str, LeftOut] = {**state.dialogue.session.left_out}
    for path in last_code.changes.test_edits if last_code is not None else ():
        reasons[path] = "needs_allow"
    for path in last_code.changes.left_out if last_code is not None else ():
        reasons[path] = "decides"
    reasons |= dict.fromkeys(made_again(state), "made_again")
    proposal = state.landing.planned or state.landing.proposed
    for path in proposal.held if proposal is not None else ():
        ruling = proposal.ruled.get(path) if proposal is not None else None
        reasons[path] = "held" if ruling is None else "denied" if ruling.verdict == "deny" else "asked"
    landed = state.landing.standing
    return {path: reason for path, reason in sorted(reasons.items()) if path not in landed}


def _limit(state: State) -> Limit:
    if state.spend.exhausted is not None:
        return state.spend.exhausted.limit
    return "time" if state.spend.seconds >= state.spend.budget.timeout else "calls"
