"""Time limits for an answer's tests and check on the code before its change."""

import math

from coder.run.state import State

EXTRA_TEST_S = 10
"""Seconds for one test, added to twice the time of the passing run."""
EXTRA_S = 30.0
"""Seconds for all tests, added to twice the time of the whole test command."""
MAX_FOUND_S = 120.0
"""Longest run of a test command that was found, in seconds."""
_STEP_S = 5.0


def found_s(state: State) -> float | None:
    """Return the time limit of a test command that was found; None for one that was given."""
    is_given = not state.task.found or state.task.found[0].is_given
    return None if is_given else min(state.settings.test_timeout, MAX_FOUND_S)


def command_s(state: State) -> float:
    """Return the time limit of the test command: the one that stopped it before the work, if one did."""
    baseline, limit_s = state.progress.baseline, found_s(state)
    was_stopped = limit_s is not None and baseline is not None and baseline.seconds >= limit_s
    return limit_s if limit_s is not None and was_stopped else state.settings.test_timeout


def trial_s(state: State, extra_s: float = EXTRA_S) -> float:
    """Return the time limit for the new tests or the check, as one may never end without the change."""
    baseline_s = state.progress.baseline.seconds if state.progress.baseline is not None else 0.0
    return min(state.settings.test_timeout, extra_s + 2 * baseline_s)


def max_test_s(state: State) -> float:
    """Return the time limit of one test on the code before the change; whole seconds unless below 1."""
    half = trial_s(state) / 2
    return float(int(half)) or half


def one_test_s(state: State, passing_s: float, extra_s: float = EXTRA_TEST_S) -> float:
    """Return the time limit of one test on the code before; `passing_s`: seconds of the passing run.

    It is rounded up to five seconds, so that the machine's noise seldom changes it.
    """
    return min(math.ceil((extra_s + 2 * passing_s) / _STEP_S) * _STEP_S, max_test_s(state))
