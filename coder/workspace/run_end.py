"""End a run: decide whether its result is written first, and make the final event."""

from coder.base.errors import Refused, UsageError
from coder.run.attempts import best_code, decisive_outcome, tried
from coder.run.conversation import before_talk, is_rejection
from coder.run.event_types import CommitRefused, RunStopped, Status
from coder.run.examples import find_examples
from coder.run.message import ReplyMessage, Verified
from coder.run.run import EXIT_CODES, FAILED
from coder.run.state import State
from coder.run.termination import Reason, nothing_to_mend
from coder.run.verdict_words import join_names
from coder.workspace.consent import is_accepted, is_contradicted
from coder.workspace.proposal import held_in


def should_land(state: State, reason: Reason) -> bool:
    """Whether something must be written, proposed or committed before the run ends for this reason."""
    if state.task.workspace is None or state.landing.refused is not None or best_code(state) is None:
        return False
    is_solved = reason.status == "solved" or _is_accepted(state, reason)
    is_wanted = is_solved or (
        state.settings.keep and not is_contradicted(state)
    )  # without its test edits, the change would break tests
    is_offered = reason.status == "unverified" or _is_offered_failing(state, reason)
    is_offered = is_offered and not (is_wanted or state.settings.chat)
    if not (_waits_for_word(state) if state.settings.chat else is_wanted or is_offered):
        return False
    landing, planned = state.landing, state.landing.planned
    if state.settings.lands and (planned is not None or not is_offered):
        is_delivered = planned is not None and len(landing.written) == len(planned.plan.changes)
        is_delivered = is_delivered and not may_extend(state)
    else:
        is_delivered = landing.proposed is not None
    return not is_delivered or (is_solved and state.settings.commits and landing.committed is None)


def _is_offered_failing(state: State, reason: Reason) -> bool:
    """Whether a person at the terminal decides on a change that was tried and doesn't pass."""
    settings = state.settings
    return reason.status in FAILED and settings.is_attended and settings.lands and bool(tried(state))


def _waits_for_word(state: State) -> bool:
    """Whether a change was tried and now waits for the user's decision."""
    state = before_talk(state)
    is_talk = state.last is None or isinstance(state.last, ReplyMessage) or is_rejection(state.last)
    return not is_talk and not state.awaits_execution and bool(tried(state))


def may_extend(state: State) -> bool:
    """Whether the user has allowed files that the landing left out, and some aren't held any longer."""
    planned = state.landing.planned
    allowed = {*planned.held}.intersection(state.settings.allow) if planned is not None else set()
    return bool(allowed) and not allowed <= held_in(state).keys()


def ended(state: State, reason: Reason) -> RunStopped:
    """Return the event that ends a run for this reason."""
    outcome = decisive_outcome(state)
    verified: Verified = outcome.verified if outcome is not None and outcome.passed else "none"
    if nothing_to_mend(state) == reason and reason.status == "solved":
        verified = "tests"
    if state.landing.refused is not None and reason.status in ("solved", "unverified"):
        status: Status = "refused" if state.landing.refused.by_human else "error"
        code = Refused.exit_code if state.landing.refused.by_human else UsageError.exit_code
        return RunStopped(
            status=status, reason=state.landing.refused.reason, verified=verified, exit_code=code,
            error=state.landing.refused.reason,
        )  # fmt: skip
    is_done = reason.status == "solved" or _is_accepted(state, reason)
    if is_done and (failure := _undelivered(state)) is not None:
        return RunStopped(
            status="error", reason=failure, verified=verified, exit_code=UsageError.exit_code, error=failure
        )
    landing = state.landing.planned or state.landing.proposed
    if is_done and landing is not None and landing.held:
        denied_paths = [path for path, ruling in landing.ruled.items() if ruling.verdict == "deny"]
        held_paths = [path for path in landing.held if path not in denied_paths]
        text = f"{reason.text}, tried with more than is written"
        text += f"; left out until you allow it: {join_names(held_paths)}" if held_paths else ""
        text += f"; left out, as your rules deny it: {join_names(denied_paths)}" if denied_paths else ""
        return RunStopped(
            status="unverified", reason=text, verified=verified, exit_code=EXIT_CODES["unverified"]
        )
    text = reason.text
    if reason.status in FAILED and (paths := state.landing.broken_by):
        cause = f"the change passed until {join_names(paths)} changed in your folder, and fails since"
        text = f"{text}; {cause}" if reason.status == "limit" else cause
    if reason.status == "answered":
        text += _red_note(state)
    is_owed = reason.status == "answered" and _awaits_change(state)
    status = "unverified" if is_owed else reason.status
    code = 0 if _is_accepted(state, reason) else EXIT_CODES[status]
    return RunStopped(status=reason.status, reason=text, verified=verified, exit_code=code)


def _red_note(state: State) -> str:
    """Return which found tests fail, as an answer in words succeeds without them; empty if none is known."""
    baseline = state.progress.baseline
    if baseline is None or not state.task.is_found or state.settings.chat:
        return ""
    failing = [name for name, passed in baseline.before.items() if not passed]
    return f"; red as before: {join_names(failing)}" if failing else ""


def _awaits_change(state: State) -> bool:
    """Whether tests, checks or the prompt's examples were to decide, so that words are less than the task."""
    if state.settings.chat:
        return False
    is_tested = state.task.is_tested or state.settings.require is not None
    return is_tested or (state.task.workspace is None and bool(find_examples(state.task.prompt)))


def _is_accepted(state: State, reason: Reason) -> bool:
    """Whether the result is unverified, and the user accepts that."""
    return reason.status == "unverified" and is_accepted(state)


def _undelivered(state: State) -> str | None:
    """Return the reason why a result on a branch is lost, as the commit failed, or None."""
    commit, proposal = state.landing.committed, state.landing.proposed
    if state.settings.branch is None or proposal is None or not proposal.patch:
        return None
    return commit.reason if isinstance(commit, CommitRefused) else None
