"""Endings of a run by tools: the Coder calls `done`, and the Executor decides whether it is."""

from coder.base.text.sanitize import one_line
from coder.run.message import CodeMessage, outcomes_in
from coder.run.state import State
from coder.run.termination import (
    Reason,
    Stop,
    budget_reached,
    contradiction,
    going_round,
    stuck,
    tests_pass,
    why_unverified,
)
from coder.workspace.consent import is_accepted

_MOST_SAID = 300
"""Characters of the model's explanation in a reason."""


def act_stop() -> Stop:
    """Solved at once; what nothing shows is remarked once, and the second `done` ends the run with it."""
    return _passed | _contradicts | going_round | stuck | idle | given_up | budget_reached


@Stop
def idle(state: State) -> Reason | None:
    """The model has only words, though it was told how to act, and nothing has changed."""
    last = state.last
    if not isinstance(last, CodeMessage) or not state.awaits_execution or not state.dialogue.messages:
        return None
    if last.changes.texts or last.check or state.dialogue.messages[-1].tool_calls:
        return None
    text = "the model answers without changing a file or calling a tool"
    return Reason("stuck", text) if state.dialogue.messages[-1].role == "assistant" else None


@Stop
def given_up(state: State) -> Reason | None:
    """The model says that it is done, and has changed nothing since it was told otherwise."""
    last = state.last
    if not isinstance(last, CodeMessage) or not last.repeats:
        return None
    outcome = next(iter(outcomes_in(reversed(state.progress.messages))), None)
    if outcome is not None and outcome.passed:
        return Reason("unverified", why_unverified(state, outcome))
    if outcome is not None and (reason := contradiction(outcome)) is not None:
        return reason
    explanation = f", and says: {one_line(last.text, width=_MOST_SAID)}" if last.text.strip() else ""
    return Reason("unsolved", f"the model submitted the same code twice{explanation}")


@Stop
def _passed(state: State) -> Reason | None:
    reason = tests_pass(state)
    if reason is None or reason.status == "solved":
        return reason
    is_visible = state.settings.accept_unverified or state.settings.chat  # there the user sees it at once
    return reason if is_visible or _is_remarked(state) or budget_reached(state) is not None else None


@Stop
def _contradicts(state: State) -> Reason | None:
    """Only given tests fail that it edits: told once where they show nothing; then the user decides."""
    reason = contradiction(state.outcome) if state.outcome is not None else None
    if reason is None:
        return None
    outcomes = outcomes_in(state.progress.messages)
    contradictions = sum(bool(outcome.contradicts) for outcome in outcomes)
    outcome = state.outcome
    is_reproduced = outcome is not None and set(outcome.contradicts) <= set(outcome.reproduced_by)
    is_enough = is_reproduced or state.settings.chat or is_accepted(state)
    return reason if contradictions > 1 or is_enough or budget_reached(state) is not None else None


def _is_remarked(state: State) -> bool:
    """Whether the model was told already that nothing shows its work."""
    outcomes = outcomes_in(state.progress.messages)
    tried = 2 if state.codes[-1].check else 1  # a check that shows nothing is told, too
    return sum(outcome.passed for outcome in outcomes) > tried
