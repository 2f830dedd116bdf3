"""Best of n: so many fresh answers, each run; then the one that most others agree with, by what it does.

Given tests end it at once. Checks and examples only filter: an answer may pass the few that a task shows and
be wrong, and then what other answers do tells more. Once three that pass do the same, no more are drawn.
"""

from dataclasses import dataclass

from coder.participants.chooser import Chooser, is_sane_answer
from coder.participants.executor import Executor
from coder.participants.participant import Participant
from coder.participants.tester import Tester
from coder.participants.writer import Writer
from coder.run.attempts import CHOOSER, agreed, drawn, tried
from coder.run.message import Message, Outcome
from coder.run.state import State
from coder.run.termination import Reason, Stop, budget_reached, contradiction, verdict
from coder.sampling.compare import agreeing, comparison_of
from coder.text.sanitize import count_of
from coder.turn import Turn

_SPENT = budget_reached()
_ENOUGH = 3
"""Answers that pass and do the same: further ones would hardly change the choice."""


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
    return verdict(state, outcome)


def _is_drawn(state: State) -> bool:
    return drawn(state) >= state.budget.samples or bool(agreed(state))


def _is_chosen(state: State) -> bool:
    return bool(state.codes) and state.codes[-1].author == Chooser.name


class Trier:
    """The Executor of best of n: it also compares an answer with earlier ones that passed."""

    name = Executor.name

    async def speak(self, turn: Turn) -> Message:
        """Try the latest code, and say with which earlier answers it agrees."""
        code = turn.state.codes[-1]
        message = await Executor().speak(turn)
        outcome = message.outcome
        if outcome is None or not _counts(outcome) or code.author == CHOOSER:
            return message
        passed = [answer for answer, seen in tried(turn.state) if _counts(seen)]
        codes = [answer for answer in (*passed, code) if is_sane_answer(turn.state, answer)]
        comparison = comparison_of(turn.state, codes) if len(codes) >= _ENOUGH else None
        if comparison is None:
            return message
        samples = tuple(codes[i].sample for i in await agreeing(turn, comparison, least=_ENOUGH))
        return message.model_copy(update={"outcome": outcome.model_copy(update={"agreeing": samples})})


def _counts(outcome: Outcome) -> bool:
    """Whether it passed what the task gave."""
    return outcome.passed and outcome.verified in ("checks", "examples")
