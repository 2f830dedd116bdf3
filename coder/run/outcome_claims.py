"""Verdicts: what the outcomes of a run say of its change as a whole. Pure functions of the state."""

from coder.run.attempts import best_code, decisive_outcome, tried
from coder.run.state import State


def is_green(state: State) -> bool:
    """Whether what was given to check it by has passed: of what was run last, or of what lands instead."""
    best = best_code(state)
    outcomes = [state.outcome, *(outcome for code, outcome in tried(state) if code is best)]
    return any(
        outcome is not None and outcome.passed and outcome.verified in ("tests", "checks", "examples")
        for outcome in outcomes
    )


def suite_passed(state: State) -> bool:
    """Whether the tests of the test command passed, though they may show nothing of the task."""
    outcome, baseline = decisive_outcome(state), state.baseline
    told = state.task.test_command is not None and (baseline is None or baseline.told)
    return told and outcome is not None and outcome.passed
