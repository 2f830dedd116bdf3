"""Stops of a run without tools: the Coder answers, the Executor verifies, and a failure is repaired."""

from coder.run.attempts import code_to_repair
from coder.run.conversation import is_rejection
from coder.run.message import outcomes_in
from coder.run.state import State
from coder.run.termination import Reason, Stop, budget_reached, contradiction, stuck, tests_pass
from coder.run.verdict_words import mended_words


def repair_stop() -> Stop:
    """Return the stop of such a run. Passing comes first, so that a last call that solves the task counts."""
    return tests_pass | contradicts_tests | stuck | repairs_spent | budget_reached


@Stop
def contradicts_tests(state: State) -> Reason | None:
    """Stop if a change only fails given tests that it edits, because then the user must decide."""
    return contradiction(state.outcome)


@Stop
def repairs_spent(state: State) -> Reason | None:
    """Stop if the last answer failed and no repair is left."""
    codes = state.codes
    if not codes or state.awaits_execution or (state.last is not None and is_rejection(state.last)):
        return None
    # An answer that is tried again after the user changed files counts once.
    answers = len({message.text for message in codes if not message.repeats})
    if code_to_repair(state) is not None and answers <= state.spend.budget.repairs:
        return None
    outcome = next(iter(outcomes_in(reversed(state.progress.messages))), None)
    if outcome is not None and outcome.mended:
        return Reason("unsolved", mended_words(outcome))
    text = f"none of {answers} answers passed" if answers > 1 else "the one answer did not pass"
    return Reason("unsolved", text)
