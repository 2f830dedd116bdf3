"""Conclusion: choose the result of a run's attempts, and the reason with which the run ends."""

from collections.abc import Mapping, Sequence

from coder.engine.sampling.candidate import RankedCandidate, candidates_of
from coder.engine.sampling.picker import pick
from coder.engine.turn.turn import Turn
from coder.run.attempts import most_repeated
from coder.run.conversation import before_talk, is_asked_about_change
from coder.run.event_types import AttemptChosen, AttemptEnded, QuestionAsked, RunStopped, Spoken
from coder.run.journal import Journal
from coder.run.message import Message, OutcomeMessage, ReplyMessage
from coder.run.questions import Waits
from coder.run.state import State
from coder.run.termination import EMPTY_ANSWERS, STUCK_AFTER, Reason, contradiction, verdict
from coder.run.verdict_words import mended_words


async def conclude(
    turn: Turn,
    states: Mapping[int, State],
    decisive: tuple[RankedCandidate, str] | None,
    *,
    stuck_reason: Reason | None,
) -> Message | None:
    """Choose among the attempts, log the choice, and take over the change with its outcome.

    Args:
        states: states of the finished attempts, by attempt number.
        decisive: the attempt that makes more of them unnecessary, and why, if there is one.
        stuck_reason: the reason to end if the attempts together yield nothing new.

    Raises:
        Waits: an attempt waits for an answer.
    """
    journal, candidates = turn.journal, candidates_of(states)
    if decisive is None:
        if (failure := _failure(states)) is not None:
            await journal.append(failure)
            return None
        await _pass_question_on(journal, states)
    candidate, text = decisive if decisive is not None else (None, "no attempt has made a change")
    if candidate is None and candidates:
        async with turn.bench.verify_lock:
            candidate, text = await pick(turn, candidates)
    reason = _reason(journal.state, candidate, stuck_reason)
    if candidate is None:
        await journal.append(AttemptChosen(attempt=0, text=text, status=reason.status, reason=reason.text))
        replies = (state.last for state in states.values() if isinstance(state.last, ReplyMessage))
        return next(replies, None) if reason.status == "answered" else None
    choice = AttemptChosen(
        attempt=candidate.attempt,
        text=text,
        status=reason.status,
        reason=reason.text,
        left_out=dict(states[candidate.attempt].dialogue.session.left_out),
    )
    chosen_state = states[candidate.attempt]
    if is_asked_about_change(journal.state) and before_talk(chosen_state) is not chosen_state:
        await journal.append(choice)
        return chosen_state.last  # the attempt answered the user's words, and its change stays
    await journal.append(choice, Spoken(message=candidate.code))
    return OutcomeMessage(author="executor", outcome=candidate.outcome)


def find_stuck(states: Sequence[State]) -> Reason | None:
    """Return the reason to end if attempts in this order gave empty or repeated answers."""
    empty_count = 0
    for state in states:
        is_empty = state.progress.empty_answers == state.spend.calls
        empty_count = state.progress.empty_answers + (empty_count if is_empty else 0)
    if empty_count >= EMPTY_ANSWERS:
        return Reason("stuck", f"the model's last {empty_count} answers were empty")
    if most_repeated(*states) >= STUCK_AFTER:
        return Reason("stuck", f"the model gave the same answer {STUCK_AFTER} times")
    return None


def _failure(states: Mapping[int, State]) -> RunStopped | None:
    """Return the end of the first attempt that ended with an error."""
    stops = (state.progress.stopped for state in states.values())
    return next((stopped for stopped in stops if stopped is not None and stopped.status == "error"), None)


async def _pass_question_on(journal: Journal, states: Mapping[int, State]) -> None:
    """Ask the first question that an attempt waits with. Raises Waits if there is one."""
    for state in states.values():
        if state.progress.stopped is not None and state.progress.stopped.status == "waiting":
            from coder.run.open_question import open_question  # imported late: most attempts ask nothing

            identity, question = open_question(state)
            event = QuestionAsked(id=identity, **question.model_dump(exclude={"id"}))
            if journal.state.questions.open != event:
                await journal.append(event)
            raise Waits(question.text)


def _reason(state: State, candidate: RankedCandidate | None, stuck_reason: Reason | None) -> Reason:
    """Return the reason with which the run ends after this choice."""
    if candidate is not None:
        if candidate.outcome.passed:
            return verdict(state, candidate.outcome)
        if (reason := contradiction(candidate.outcome)) is not None:
            return reason
    if (limit := state.spend.exhausted) is not None:
        return Reason("limit", limit.text)
    if candidate is not None and candidate.outcome.mended:
        return Reason("unsolved", mended_words(candidate.outcome))
    if stuck_reason is not None:
        return stuck_reason
    ended_attempts = [attempt for attempt in state.progress.attempts if isinstance(attempt, AttemptEnded)]
    statuses = {attempt.status for attempt in ended_attempts}
    if len(ended_attempts) == 1 or statuses in ({"stuck"}, {"answered"}):
        return Reason(ended_attempts[-1].status, ended_attempts[-1].reason)
    return Reason("unsolved", f"none of {len(ended_attempts)} attempts passed")
