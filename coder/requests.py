"""Look at, answer or stop a run from another process: through its log alone."""

import asyncio
from contextlib import AsyncExitStack

from coder.errors import LeaseHeld, LogNewer, MachineError, UsageError
from coder.run.event_types import RunResumed, RunStopped, StopRequested
from coder.run.journal import Journal, answered
from coder.run.questions import Decision
from coder.run.reducer import fold_all
from coder.run.run import EXIT_CODES, Run, summarize
from coder.run.state import State
from coder.run.watch import Unwatched
from coder.store import open_log
from coder.store.lease import EventLog

_LOOK_S = 0.1
"""Between two looks whether a run has stopped."""


async def answer(run: str, said: Decision, *, asked: str | None = None, log: EventLog | None = None) -> None:
    """Answer the question that a run waits with; `resume` goes on with it. The first answer holds.

    Args:
        asked: the id of the question that is answered; None: whichever is open.

    Raises:
        UsageError: no such run, nothing was asked, or it was answered already.
        LeaseHeld: another process works on it.
        LogDamaged, LogNewer, MachineError: the log can't be used.
    """
    async with AsyncExitStack() as stack:
        journal = await _held(stack, run, log or stack.enter_context(open_log()))
        await journal.append(answered(await journal.load("answer"), said, asked=asked))


async def stop(run: str, who: str, *, log: EventLog | None = None, patience_s: float = 30.0) -> Run:
    """End a run, also one that another process works on; `resume` goes on with it.

    Raises:
        UsageError: no such run, or it has ended.
        LogDamaged, LogNewer, MachineError: the log can't be used, or the run's process doesn't hear.
    """
    async with AsyncExitStack() as stack:
        log = log or stack.enter_context(open_log())
        for _ in range(round(patience_s / _LOOK_S)):
            try:
                return await _stopped(run, who, log)
            except LeaseHeld:
                await log.request_stop(run, who)
            await asyncio.sleep(_LOOK_S)
        raise MachineError(f"The process that works on {run} has not ended it within {patience_s:g} s.")


async def state_of(log: EventLog, run: str) -> State:
    """The state at the end of a run; LogNewer: a newer version wrote it."""
    try:
        return fold_all(await log.read(run))
    except ValueError as error:
        raise LogNewer(f"{run} was written by a newer version of coder: {error}. Update coder.") from error


async def _stopped(run: str, who: str, log: EventLog) -> Run:
    """End a run that no process works on, or see that it has been. Raises LeaseHeld: one does."""
    if (events := await log.read(run)) and (state := fold_all(events)).stopped is not None:
        if state.stop_requested is not None:
            return summarize(state)
        if state.stopped.status != "waiting":
            how = state.stopped.status
            raise UsageError(f"{run} has ended already: {how}. See it with: coder show {run}")
    async with AsyncExitStack() as stack:
        journal = await _held(stack, run, log)
        state = await journal.load("stop")
        code = EXIT_CODES["interrupted"]
        ended = RunStopped(status="interrupted", reason=f"stopped by {who}", exit_code=code)
        since = RunResumed(budget=state.budget, model=state.model)  # nobody has worked on it since
        return summarize(await journal.append(since, StopRequested(who=who), ended))


async def _held(stack: AsyncExitStack, run: str, log: EventLog) -> Journal:
    token = await stack.enter_async_context(log.lease(run))
    return Journal(run, log, token=token, watch=Unwatched())
