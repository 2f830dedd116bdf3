"""Review: attempt and repair until it passes, then a reviewer reads it before it counts."""

from dataclasses import dataclass

from coder.participants.chooser import Chooser
from coder.participants.coder import Coder
from coder.participants.executor import Executor
from coder.participants.participant import Participant
from coder.participants.reviewer import Reviewer, is_reviewed
from coder.run.attempts import tried
from coder.run.state import State
from coder.run.termination import (
    Reason,
    Stop,
    budget_reached,
    contradicts_tests,
    samples_spent,
    stuck,
    tests_pass,
)

_SPENT = budget_reached()


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
        """Whether the repair that a reviewer wanted failed, or can't be made: what passed before is taken."""
        if not is_reviewed(state) or _passes(state) or _is_chosen(state) or state.last is None:
            return False
        is_tried = state.last.author != Reviewer.name or _SPENT(state) is not None
        passed_before = any(outcome.passed for _, outcome in tried(state))
        return is_tried and passed_before and state.seconds < state.budget.seconds


def review_stop() -> Stop:
    """It passes and was reviewed, or it passes and no call is left for a review."""
    return Stop(_done) | contradicts_tests() | stuck() | Stop(_spent) | budget_reached()


def _done(state: State) -> Reason | None:
    no_call_left = state.calls >= state.budget.calls or state.exhausted is not None
    return tests_pass()(state) if is_reviewed(state) or no_call_left else None


def _spent(state: State) -> Reason | None:
    """Samples and repairs are spent, and nothing that passed waits for its choice."""
    return None if Review().has_last_word(state) else samples_spent()(state)


def _is_chosen(state: State) -> bool:
    return bool(state.codes) and state.codes[-1].author == Chooser.name


def _passes(state: State) -> bool:
    return state.outcome is not None and state.outcome.passed
