"""Words for a verdict: what shows that a task is done, or why nothing does."""

from collections.abc import Sequence

from coder.base.text.failure_lines import telling_line
from coder.base.text.sanitize import one_line
from coder.run.message import Outcome
from coder.run.state import State
from coder.source.shell import format_command

_MESSAGE_CHARACTERS = 100
"""Longest quote of a failing test's message, in characters."""


def why_unverified(state: State, outcome: Outcome) -> str:
    """Return the reason why a passed outcome is unverified."""
    if outcome.verified == "reproduced":
        return f"{by_what(outcome)}; `--require tests` accepts given tests alone"
    if outcome.unshown:
        return outcome.unshown
    if outcome.verified == "self" and state.task.test_command is not None:
        return "its tests pass, but they were written with the code, and no given test failed before"
    if outcome.verified == "self":
        return "the code ran and passed its own checks, but the task gives no test or check"
    if state.task.test_command is None and state.task.dropped:
        command = format_command(state.task.dropped[0].argv)
        return f"the code ran, but the tests that were found can't be run here: {command}"
    if state.task.test_command is None:
        return "the code ran, but the task gives no test or check"
    return f"{_before_and_after(state)}: nothing shows that the task is done"


def _before_and_after(state: State) -> str:
    baseline = state.progress.baseline
    if baseline is None:
        return "the tests pass, but there was no test before the change"
    if state.task.found and not (baseline.is_cut or all(baseline.before.values())):
        return "the tests fail as they did before the change"
    if not baseline.told:
        return "the test command succeeds, as it did before the change, and it reports no test"
    if baseline.is_cut:
        return "the tests were stopped by --test-timeout before the change, and those that ran then pass"
    if not baseline.passed:
        return f"the tests pass, and what failed before is flaky ({join_names(baseline.flaky)})"
    return "the tests passed before and after"


def by_what(outcome: Outcome) -> str:
    """Return in words what shows that the task is done."""
    if not outcome.reproduced_by:
        return f"{outcome.verified} pass"
    by = f"reproduced: {join_names(outcome.reproduced_by)} failed without the change and passed with it"
    return f"{by}; the task changes what these tests expect" if outcome.ordered else by


def mended_words(outcome: Outcome) -> str:
    """Return what a change has mended, and what still fails as before the work, with messages."""
    failing = [check for check in outcome.checks if not check.passed]
    names = []
    for check in failing:
        message = one_line(telling_line(check.message), width=_MESSAGE_CHARACTERS)
        names.append(f"{check.name} ({message})" if message else check.name)
    count = outcome.mended
    by = by_what(outcome) if outcome.reproduced_by else f"{count:,} of {count + len(failing):,} mended"
    return f"{by}; still red as before: {join_names(names)}"


def join_names(names: Sequence[str], *, most: int = 3) -> str:
    """Return the first `most` names, and the number of further names."""
    remaining = len(names) - most
    return ", ".join(names[:most]) + (f" and {remaining} more" if remaining > 0 else "")
