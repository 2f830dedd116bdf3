"""Fold the log of a run to continue, or raise an error that says why this version can't continue it."""

from collections.abc import Sequence

from coder.base.errors import LogNewer, UsageError, own_command
from coder.run.event_types import is_newer
from coder.run.events import Event
from coder.run.reducer import fold_all
from coder.run.state import State


def fold_log(run: str, events: Sequence[Event]) -> State:
    """Return the state after these events of a run.

    Raises:
        LogNewer: a newer version wrote an event that this version can't interpret.
        ValueError: there are no events, or run.started isn't first.
    """
    if not events:
        raise ValueError(f"the log holds no run {run}")
    if newer := next((event for event in events if is_newer(event)), None):
        raise LogNewer(
            f"A newer version of coder wrote {run} (its {newer.type} has version {newer.version}). "
            "It can be shown here; to continue it, use that version."
        )
    return fold_all(events)


def fold_log_for(aim: str, run: str, events: Sequence[Event]) -> State:
    """Return the state after these events of a run.

    Args:
        aim: verb for the message of an error.

    Raises:
        LogNewer: a newer version wrote an event that this version can't interpret.
        UsageError: the run has no events, or doesn't begin with run.started.
    """
    try:
        return fold_log(run, events)
    except ValueError as error:
        raise UsageError(f"Can't {aim} {run}: {error}. See the runs with: {own_command()} ls") from error
