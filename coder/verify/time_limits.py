"""Time limits of the tests and the check that an answer brings, on the code before its change."""

from coder.run.state import State

MORE_S = 10
"""Seconds for one test, beside twice the time of the run that passed."""
_LEAST_S = 30.0
"""Seconds for all, beside twice the time of the whole test command."""


def trial_s(state: State) -> float:
    """Seconds for the new tests or the check, as without the change one may never end."""
    known = state.progress.baseline.seconds if state.progress.baseline is not None else 0.0
    return min(state.settings.test_timeout, _LEAST_S + 2 * known)


def most_test_s(state: State) -> float:
    """Most seconds for one test on the code before; whole ones, where there is one."""
    half = trial_s(state) / 2
    return float(int(half)) or half
