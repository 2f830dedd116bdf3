"""Decide when the model of the role `expert` continues a dialogue, so that a failure doesn't end the run."""

from coder.engine.participants.role import CODER
from coder.run.attempts import tried
from coder.run.message import EXPERT
from coder.run.state import State
from coder.run.termination import Reason


def has_failed(state: State, times: int) -> bool:
    """Return whether `times` outcomes failed or were repeated, or a model with tools changed nothing."""
    failed_count = sum(not outcome.passed for _, outcome in tried(state))
    repeated_count = sum(code.repeats for code in state.codes)
    is_idle = any(not code.is_change and not code.repeats for code in state.codes)
    return failed_count + repeated_count >= times or (is_idle and bool(state.dialogue.messages_of(CODER)))


def unless_expert_follows(reason: Reason | None, state: State, times: int) -> Reason | None:
    """Return the reason to end, or None for a failure after which the expert continues."""
    if reason is None or reason.status not in ("unsolved", "stuck"):
        return reason
    is_before_expert = all(code.author != EXPERT for code in state.codes)
    return None if is_before_expert and has_failed(state, times) else reason
