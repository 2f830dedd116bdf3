"""Stops of a run by tools: the Coder calls `done`, and the Executor verifies."""

from coder.base.text.sanitize import one_line
from coder.run.message import CodeMessage, outcomes_in
from coder.run.state import State
from coder.run.termination import Reason, Stop, budget_reached, contradiction, going_round, stuck, tests_pass
from coder.run.verdict_words import mended_words, why_unverified
from coder.workspace.consent import is_accepted

_EXPLANATION_CHARACTERS = 300
"""Longest explanation of the model in a reason, in characters."""


def act_stop() -> Stop:
    """Return the stop of a run by tools.

    A verified success ends the run at once. If nothing shows the success, the model is told so once, and the
    second `done` ends the run.
    """
    return _passed | _contradicts | going_round | stuck | idle | given_up | budget_reached


@Stop
def idle(state: State) -> Reason | None:
    """End if the model only answers with words, although it was told how to work, and nothing has changed."""
    latest = state.last
    if not isinstance(latest, CodeMessage) or not state.awaits_execution or not state.dialogue.messages:
        return None
    if latest.changes.texts or latest.check or state.dialogue.messages[-1].tool_calls:
        return None
    text = "the model answers without changing a file or calling a tool"
    return Reason("stuck", text) if state.dialogue.messages[-1].role == "assistant" else None


@Stop
def given_up(state: State) -> Reason | None:
    """End if the model says that it is done, and has changed nothing since its last `done` was rejected."""
    latest = state.last
    if not isinstance(latest, CodeMessage) or not latest.repeats:
        return None
    outcome = next(iter(outcomes_in(reversed(state.progress.messages))), None)
    if outcome is not None and outcome.passed:
        return Reason("unverified", why_unverified(state, outcome))
    if (reason := contradiction(outcome)) is not None:
        return reason
    words = one_line(latest.text, width=_EXPLANATION_CHARACTERS)
    if outcome is not None and outcome.mended:
        return Reason("unsolved", mended_words(outcome) + (f"; the model says: {words}" if words else ""))
    explanation = f", and says: {words}" if words else ""
    return Reason("unsolved", f"the model submitted the same code twice{explanation}")


@Stop
def _passed(state: State) -> Reason | None:
    reason = tests_pass(state)
    if reason is None or reason.status == "solved":
        return reason
    is_visible = (
        state.settings.accept_unverified or state.settings.chat
    )  # a chat shows the result to the user at once
    return reason if is_visible or _is_remarked(state) or budget_reached(state) is not None else None


@Stop
def _contradicts(state: State) -> Reason | None:
    """End if only given tests fail that the change edits; the model is told once, then the user decides."""
    reason = contradiction(state.outcome)
    if reason is None:
        return None
    outcomes = outcomes_in(state.progress.messages)
    contradictions = sum(bool(outcome.contradicts) for outcome in outcomes)
    outcome = state.outcome
    is_reproduced = outcome is not None and set(outcome.contradicts) <= set(outcome.reproduced_by)
    is_enough = is_reproduced or state.settings.chat or is_accepted(state)
    return reason if contradictions > 1 or is_enough or budget_reached(state) is not None else None


def _is_remarked(state: State) -> bool:
    """Return whether the model was told already that no test shows what its change does."""
    outcomes = outcomes_in(state.progress.messages)
    check_count = 2 if state.codes[-1].check else 1  # an inconclusive check of the model is reported, too
    return sum(outcome.passed for outcome in outcomes) > check_count
