"""Conclusion: the result of all attempts of a run, and the reason with which it ends."""

from collections.abc import Mapping, Sequence

from coder.engine.sampling.candidate import RankedCandidate, candidates_of
from coder.engine.sampling.picker import pick
from coder.engine.turn.turn import Turn
from coder.run.attempts import most_repeated
from coder.run.event_types import AttemptChosen, AttemptEnded, QuestionAsked, RunStopped, Spoken
from coder.run.journal import Journal, open_question
from coder.run.message import OutcomeMessage
from coder.run.questions import Waits
from coder.run.state import State
from coder.run.termination import EMPTY_ANSWERS, STUCK_AFTER, Reason, contradiction, verdict


async def conclude(
    turn: Turn,
    states: Mapping[int, State],
    decisive: tuple[RankedCandidate, str] | None,
    *,
    stuck: Reason | None,
) -> OutcomeMessage | None:
    """Choose among the attempts, log that, and take over the change with its outcome.

    Args:
        states: of the attempts that are over, by number.
        decisive: the one that decides, if one does, and why.
        stuck: the reason where the attempts together give nothing new.

    Raises:
        Waits: an attempt asks what nobody has answered.
    """
    journal, candidates = turn.journal, candidates_of(states)
    if decisive is None:
        if (failure := _failure(states)) is not None:
            await journal.append(failure)
            return None
        await _pass_question_on(journal, states)
    chosen, text = decisive if decisive is not None else (None, "no attempt has made a change")
    if chosen is None and candidates:
        async with turn.bench.trying:
            chosen, text = await pick(turn, candidates)
    reason = _reason(journal.state, chosen, stuck)
    if chosen is None:
        await journal.append(AttemptChosen(attempt=0, text=text, status=reason.status, reason=reason.text))
        return None
    choice = AttemptChosen(
        attempt=chosen.attempt,
        text=text,
        status=reason.status,
        reason=reason.text,
        left_out=dict(states[chosen.attempt].dialogue.session.left_out),
    )
    await journal.append(choice, Spoken(message=chosen.code))
    return OutcomeMessage(author="executor", outcome=chosen.outcome)


def find_stuck(states: Sequence[State]) -> Reason | None:
    """The reason to end where attempts in this order give empty answers, or the same one."""
    empty = 0
    for state in states:
        is_empty = state.progress.empty_answers == state.spend.calls
        empty = state.progress.empty_answers + (empty if is_empty else 0)
    if empty >= EMPTY_ANSWERS:
        return Reason("stuck", f"the model's last {empty} answers were empty")
    if most_repeated(*states) >= STUCK_AFTER:
        return Reason("stuck", f"the model gave the same answer {STUCK_AFTER} times")
    return None


def _failure(states: Mapping[int, State]) -> RunStopped | None:
    """The end of the first attempt that ended by an error."""
    ends = (state.progress.stopped for state in states.values())
    return next((stopped for stopped in ends if stopped is not None and stopped.status == "error"), None)


async def _pass_question_on(journal: Journal, states: Mapping[int, State]) -> None:
    """Ask the first question that an attempt waits with. Raises Waits: there is one."""
    for state in states.values():
        if state.progress.stopped is not None and state.progress.stopped.status == "waiting":
            identity, question = open_question(state)
            event = QuestionAsked(id=identity, **question.model_dump(exclude={"id"}))
            if journal.state.questions.open != event:
                await journal.append(event)
            raise Waits(question.text)


def _reason(state: State, chosen: RankedCandidate | None, stuck: Reason | None) -> Reason:
    """How the run ends with this choice."""
    if chosen is not None:
        if chosen.outcome.passed:
            return verdict(state, chosen.outcome)
        if (reason := contradiction(chosen.outcome)) is not None:
            return reason
    if (limit := state.spend.exhausted) is not None:
        return Reason("limit", limit.text)
    if stuck is not None:
        return stuck
    ended = [one for one in state.progress.attempts if isinstance(one, AttemptEnded)]
    if len(ended) == 1 or all(one.status == "stuck" for one in ended):
        return Reason(ended[-1].status, ended[-1].reason)
    return Reason("unsolved", f"none of {len(ended)} attempts passed")
