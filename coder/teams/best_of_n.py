"""Best of n: so many fresh answers, each run; then the one that most others agree with, by what it does.

Given tests end it at once. Checks and examples only filter: an answer may pass the few that a task shows and
be wrong, and then what other answers do tells more. Once three that pass do the same, no more are drawn.
"""

from dataclasses import dataclass

from coder.participants.chooser import Chooser
from coder.participants.participant import Participant
from coder.participants.tester import Tester
from coder.participants.trier import Trier
from coder.participants.writer import Writer
from coder.run.attempts import agreed, drawn, tried
from coder.run.state import State
from coder.run.termination import Reason, Stop, budget_reached, contradiction, why_unverified
from coder.text.plural import count_of

_SPENT = budget_reached()


@dataclass(frozen=True, slots=True)
class BestOfN:
    """Draws and runs, and chooses once enough agree, all are drawn, or the budget is spent."""

    tested: bool = False
    """A Tester writes tests before; those that an answer passes are votes for it."""

    def next(self, state: State) -> Participant:
        """Whose turn it is."""
        if state.awaits_execution:
            return Trier()
        if self.tested and not state.messages and _SPENT(state) is None:
            return Tester()
        if _is_drawn(state) or _SPENT(state) is not None:
            return Chooser()
        return Writer()

    def has_last_word(self, state: State) -> bool:
        """Whether there is something to choose from, and time to do so, though no call may be made."""
        return bool(tried(state)) and not _is_chosen(state) and state.seconds < state.budget.seconds


def best_of_n_stop() -> Stop:
    """Given tests pass, or the choice was made and run."""
    return Stop(_chosen) | budget_reached()


def _chosen(state: State) -> Reason | None:
    outcome = state.outcome
    if outcome is None or not (_is_chosen(state) or (outcome.passed and outcome.verified == "tests")):
        return None
    if not outcome.passed:
        return contradiction(outcome) or Reason(
            "unsolved", f"none of {count_of(drawn(state), 'answer')} passed"
        )
    if outcome.verified in ("self", "none"):
        return Reason("unverified", why_unverified(state, outcome))
    return Reason("solved", f"{outcome.verified} pass")


def _is_drawn(state: State) -> bool:
    return drawn(state) >= state.budget.samples or bool(agreed(state))


def _is_chosen(state: State) -> bool:
    return bool(state.codes) and state.codes[-1].author == Chooser.name
