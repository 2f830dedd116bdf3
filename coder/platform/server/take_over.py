"""Continue runs whose server has ended or died; the server that gets a run's lease continues it.

Only runs that a server has begun below this server's folder, and that nobody has stopped, are continued.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

from coder.base.errors import CoderError, LeaseHeld
from coder.platform.served_flows import FlowRuns
from coder.platform.server.run_rows import in_thread
from coder.platform.server.serving import Serving
from coder.run.event_types import RunResumed, RunStopped
from coder.run.reducer import fold_all
from coder.run.state import State
from coder.show.failure import report
from coder.store import EventLog, RunSummary

_POLL_S, _POLLED_RUNS, _MAX_TRIES = 5.0, 200, 3
"""Seconds between two polls, number of runs polled, and tries for a run, as it may kill its server."""


async def take_over(serving: Serving) -> None:
    """Poll for abandoned runs, until cancelled."""
    failure_counts = Counter[tuple[str, int]]()
    while True:
        with suppress(CoderError):  # an error of the log, which may be readable again later
            for summary in await in_thread(serving.log.runs(limit=_POLLED_RUNS)):
                await _try_to_continue(serving, summary, failure_counts)
        await asyncio.sleep(_POLL_S)


async def _try_to_continue(
    serving: Serving, summary: RunSummary, failure_counts: Counter[tuple[str, int]]
) -> None:
    """Continue a run if possible; a failing run blocks no other, and is given up after some tries."""
    run_and_seq = summary.run, summary.last.seq
    if failure_counts[run_and_seq] == _MAX_TRIES or summary.run in serving.live or serving.workers.are_busy():
        return
    try:
        folder = summary.first.body.get("settings", {}).get("served")
        if folder is None or not Path(folder).is_relative_to(serving.root):
            return
        state = await in_thread(_abandoned(serving.log, summary))
        if state is not None and not serving.is_closing:  # a closing server leaves runs to the next one
            runs = FlowRuns(Path(folder), serving.workers, flows=serving.flows, traces=serving.traces)
            if not runs.can_run(state):
                return
            await serving.start(summary.run, lambda live: runs.go_on(state, live)).begin()
    except LeaseHeld:  # another process works on the run
        return
    except Exception as error:  # noqa: BLE001 - a failing run must not stop the others
        failure_counts[run_and_seq] += 1
        if failure_counts[run_and_seq] == 1:
            report(error)


async def _abandoned(log: EventLog, summary: RunSummary) -> State | None:
    """Return the state of a served run that hasn't ended; None for other runs. A process may work on it."""
    if summary.last.type == RunStopped.type and summary.last.body.get("status") != "interrupted":
        return None
    state = fold_all(events := await log.read(summary.run))
    if state.settings.served is None or state.progress.parent is not None:
        return None  # continued on the command line, or an attempt, which its parent run continues
    stopped, tries = state.progress.stopped, 0
    for event in events:
        tries = 0 if event.type == RunStopped.type else tries + (event.type == RunResumed.type)
    is_answered = stopped is not None and stopped.status == "waiting" and state.questions.open is None
    is_cut_off = (
        stopped is not None and stopped.status == "interrupted" and state.progress.stop_requested is None
    )
    return state if (stopped is None and tries < _MAX_TRIES) or is_answered or is_cut_off else None
