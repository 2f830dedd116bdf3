"""Open a conversation: a new one about a folder, or one that the log holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.agent import loaded
from coder.chat.chat_session import Session
from coder.errors import UsageError
from coder.models.model import Model
from coder.run.journal import Journal
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.watch import Watch
from coder.store import EventLog, new_run_id


@asynccontextmanager
async def open_session(
    log: EventLog, task: Task, *, settings: Settings, model: Model, watch: Watch
) -> AsyncIterator[Session]:
    """A new conversation about a folder; nothing of it is in the log before its first message."""
    assert task.workspace is not None
    run = new_run_id()
    settings = settings.model_copy(update={"chat": True})
    task = task.model_copy(update={"workspace": task.workspace.absolute()})
    async with log.lease(run) as token:
        journal = Journal(run, log, token=token, watch=watch)
        yield Session(journal, log, task, settings, model)


@asynccontextmanager
async def reopen_session(
    log: EventLog, run: str, *, task: Task, settings: Settings, model: Model, watch: Watch
) -> AsyncIterator[Session]:
    """A conversation that goes on; or one that begins with what another run has done in its folder.

    Args:
        task: what further messages have in common.
        settings: those from now on.

    Raises:
        UsageError: the log holds no such run, or it has no folder.
        LeaseHeld: another process works on it.
        LogDamaged, LogNewer: the log can't be used.
    """
    async with log.lease(run) as token:
        journal = Journal(run, log, token=token, watch=watch)
        state = await loaded(journal)
        if state.task.workspace is None:
            raise UsageError(f"{run} has no folder to talk about. Name one: coder chat PATH")
        settings = settings.model_copy(update={"chat": True})
        yield Session(journal, log, task, settings, model, begun=True)
