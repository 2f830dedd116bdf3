"""Review: attempt and repair until it passes, then a reviewer reads it before it counts."""

from dataclasses import dataclass

from coder.participants.chooser import Chooser
from coder.participants.coder import Coder
from coder.participants.executor import Executor
from coder.participants.participant import Participant
from coder.participants.reviewer import Reviewer, is_reviewed
from coder.rounds import tried
from coder.state import State
from coder.stops import Reason, Stop, budget_reached, samples_spent, stuck, tests_pass


@dataclass(frozen=True, slots=True)
class Review:
    """Coder and Executor in turn; the Reviewer once, on the first code that passes."""

    def next(self, state: State) -> Participant:
        """Whose turn it is."""
        if state.awaits_execution:
            return Executor()
        if _passes(state) and not is_reviewed(state):
            return Reviewer()
        if self.has_last_word(state):
            return Chooser()
        return Coder()

    def has_last_word(self, state: State) -> bool:
        """Whether the repair that a reviewer wanted has failed, so that what passed before is taken."""
        chosen = bool(state.codes) and state.codes[-1].author == Chooser.name
        objected = is_reviewed(state) and not _passes(state) and state.last is not None
        return (
            objected
            and not chosen
            and state.last is not None
            and (state.last.author != Reviewer.name or state.exhausted is not None)
            and any(outcome.passed for _, outcome in tried(state))
            and state.seconds < state.budget.seconds
        )


def review_stop() -> Stop:
    """It passes and was reviewed, or it passes and no call is left for a review."""
    return Stop(_done) | stuck() | Stop(_spent) | budget_reached()


def _done(state: State) -> Reason | None:
    no_call_left = state.calls >= state.budget.calls or state.exhausted is not None
    return tests_pass()(state) if is_reviewed(state) or no_call_left else None


def _spent(state: State) -> Reason | None:
    """Samples and repairs are spent, and nothing that passed waits for its choice."""
    return None if Review().has_last_word(state) else samples_spent()(state)


def _passes(state: State) -> bool:
    return state.outcome is not None and state.outcome.passed
