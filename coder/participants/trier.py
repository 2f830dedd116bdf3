"""Trier: runs a fresh answer as the Executor does, and compares it with earlier ones that passed."""

from coder.participants.chooser import is_sane_answer
from coder.participants.executor import Executor
from coder.run.attempts import CHOOSER, tried
from coder.run.message import Message, Outcome
from coder.sampling.compare import agreeing, comparison_of
from coder.turn import Turn

ENOUGH = 3
"""Answers that pass and do the same: further ones would hardly change the choice."""


class Trier:
    """The Executor of best of n."""

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
        comparison = comparison_of(turn.state, codes) if len(codes) >= ENOUGH else None
        if comparison is None:
            return message
        samples = tuple(codes[i].sample for i in await agreeing(turn, comparison, least=ENOUGH))
        return message.model_copy(update={"outcome": outcome.model_copy(update={"agreeing": samples})})


def _counts(outcome: Outcome) -> bool:
    """Whether it passed what the task gave."""
    return outcome.passed and outcome.verified in ("checks", "examples")
