"""One shot and best of n: fresh answers, each run; then the one that most others agree with, by behaviour.

Given tests end it at once. Checks and examples only filter: an answer may pass the few that a task shows and
be wrong, and then other answers tell more. Once three that pass do the same, no more are drawn.
"""

from coder.models.abilities import goes_on
from coder.participants.coder import Coder, sampling_of
from coder.participants.executor import Executor
from coder.participants.participant import Participant
from coder.prompting.reprompt import target_now
from coder.run.attempts import CHOOSER, Attempt, agreed, drawn, next_round, tried
from coder.run.message import Message, Outcome
from coder.run.state import State
from coder.run.termination import Reason, Stop, budget_reached, contradiction, verdict
from coder.sampling.chooser import Chooser, is_sane_answer
from coder.sampling.compare import behaviours, comparison_of, largest_group
from coder.sampling.completer import Completer, can_go_on
from coder.text.sanitize import count_of
from coder.turn.turn import Turn

_AT_ONCE = 8
"""Answers that are asked for at the same time."""
_ENOUGH = 3
"""Answers that pass and do the same: further ones would hardly change the choice."""


class OneShot:
    """One answer, and what it does."""

    def next(self, state: State) -> Participant:
        """Whose turn it is."""
        return _writer(state)


class BestOfN:
    """Draws and runs, and chooses once enough agree, all are drawn, or the budget is spent."""

    def next(self, state: State) -> Participant:
        """Whose turn it is."""
        if state.awaits_execution:
            return Trier()
        is_drawn = drawn(state) >= state.spend.budget.samples or bool(agreed(state))
        return Chooser() if is_drawn or budget_reached(state) is not None else _writer(state)

    def has_last_word(self, state: State) -> bool:
        """Whether there is something to choose from, and time to do so, though no call may be made."""
        return (
            bool(tried(state)) and not _is_chosen(state) and state.spend.seconds < state.spend.budget.seconds
        )


def _writer(state: State) -> Participant:
    """A small model continues a function that is begun for it; any other is asked for code."""
    return Completer() if goes_on(state.model) and can_go_on(state) else Drawer()


def best_of_n_stop() -> Stop:
    """Given tests pass, or the choice was made and run."""
    return Stop(_chosen) | budget_reached


def _chosen(state: State) -> Reason | None:
    outcome = state.outcome
    if outcome is None or not (_is_chosen(state) or (outcome.passed and outcome.verified == "tests")):
        return None
    if not outcome.passed:
        return contradiction(outcome) or Reason(
            "unsolved", f"none of {count_of(drawn(state), 'answer')} passed"
        )
    return verdict(state, outcome)


def _is_chosen(state: State) -> bool:
    return bool(state.codes) and state.codes[-1].author == CHOOSER


class Drawer(Coder):
    """The Coder of best of n: its answers don't depend on one another, so several are asked for at once.

    These are three, which may agree, and then the others.
    """

    async def speak(self, turn: Turn) -> Message:
        """Answer, by what was asked ahead where that is there."""
        state, first = turn.state, next_round(turn.state)
        if first.fresh and len(state.progress.prefetched) < first.sample < state.spend.budget.samples:
            many = _ENOUGH if first.sample == 1 else _AT_ONCE
            rest = range(first.sample, min(state.spend.budget.samples, first.sample + many - 1) + 1)
            samplings = [sampling_of(state, Attempt(sample=sample, attempt=1)) for sample in rest]
            await turn.ask_ahead(await self.view(turn, target_now(state), first), samplings)
        return await super().speak(turn)


class Trier:
    """The Executor of best of n: it also compares an answer with earlier ones that passed."""

    name = Executor.name

    async def speak(self, turn: Turn) -> Message:
        """Try the latest code, and record which earlier answers it agrees with."""
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
        group = largest_group(await behaviours(turn, comparison))
        samples = tuple(codes[i].sample for i in group) if len(group) >= _ENOUGH else ()
        return message.model_copy(update={"outcome": outcome.model_copy(update={"agreeing": samples})})


def _counts(outcome: Outcome) -> bool:
    """Whether it passed what the task gave."""
    return outcome.passed and outcome.verified in ("checks", "examples")
