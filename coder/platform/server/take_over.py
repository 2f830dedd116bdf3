"""Go on with runs whose server has ended or died before them; the server that gets a run's lease does.

Only with those that a server has begun, below this one's folder, and that nobody has stopped.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

from coder.base.errors import CoderError, LeaseHeld
from coder.platform.server.run_rows import apart
from coder.platform.server.serving import Serving
from coder.run.event_types import RunResumed, RunStopped
from coder.run.reducer import fold_all
from coder.run.state import State
from coder.show.client_runs import Runs
from coder.show.failure import report
from coder.store import EventLog, RunSummary

_LOOK_S, _NEWEST, _MOST = 5.0, 200, 3
"""Between two looks at so many runs; how often a run that may kill its server is continued without an end."""


async def take_over(serving: Serving) -> None:
    """Look for abandoned runs, until cancelled."""
    failed = Counter[tuple[str, int]]()
    while True:
        with suppress(CoderError):  # of the log: it may be there again
            for summary in await apart(serving.log.runs(limit=_NEWEST)):
                await _try(serving, summary, failed)
        await asyncio.sleep(_LOOK_S)


async def _try(serving: Serving, summary: RunSummary, failed: Counter[tuple[str, int]]) -> None:
    """Continue a run if possible; a failing run blocks no other, and is given up after some tries."""
    end = summary.run, summary.last.seq
    if failed[end] == _MOST or summary.run in serving.live or serving.workers.locked():
        return
    try:
        folder = summary.first.body.get("settings", {}).get("served")
        if folder is None or not Path(folder).is_relative_to(serving.root):
            return
        state = await apart(_abandoned(serving.log, summary))
        if state is not None and not serving.is_closing:  # which interrupts runs for the next server
            runs = Runs(Path(folder), serving.workers, traces=serving.traces)
            await serving.start(summary.run, lambda live: runs.go_on(state, live)).begin()
    except LeaseHeld:  # a process works on it
        return
    except Exception as error:  # noqa: BLE001 - whatever a run does, it costs itself alone
        failed[end] += 1
        if failed[end] == 1:
            report(error)


async def _abandoned(log: EventLog, summary: RunSummary) -> State | None:
    """Load the state of a run to continue, whether or not a process works on it; None otherwise."""
    if summary.last.type == RunStopped.type and summary.last.body.get("status") != "interrupted":
        return None
    state = fold_all(events := await log.read(summary.run))
    if state.settings.served is None or state.progress.parent is not None:
        return None  # continued on the command line; or an attempt, which the run goes on with that it is for
    stopped, tries = state.progress.stopped, 0
    for event in events:
        tries = 0 if event.type == RunStopped.type else tries + (event.type == RunResumed.type)
    is_answered = stopped is not None and stopped.status == "waiting" and state.questions.open is None
    is_cut_off = (
        stopped is not None and stopped.status == "interrupted" and state.progress.stop_requested is None
    )
    return state if (stopped is None and tries < _MOST) or is_answered or is_cut_off else None
