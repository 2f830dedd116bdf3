"""Open a conversation, and adapt the settings of a run that becomes one."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from coder.base.errors import UsageError, own_command
from coder.engine.chat.chat_session import ChatSession
from coder.engine.options import Options
from coder.models.model import Model
from coder.run.journal import Journal
from coder.run.option_table import OF_A_CONVERSATION
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task
from coder.run.watch import Watch
from coder.store import EventLog, new_run_id
from coder.workspace.read import with_unread


@asynccontextmanager
async def open_session(
    log: EventLog, task: Task, *, settings: Settings, model: Model, watch: Watch, run: str | None = None
) -> AsyncIterator[ChatSession]:
    """Open a conversation about a folder, or one that continues a run.

    A new conversation is logged with its first message.

    Raises:
        UsageError: the log holds no such run, or the run has no folder.
        LeaseHeld: another process works on the run.
    """
    is_resumed, run = run is not None, run or new_run_id()
    async with log.lease(run) as token:
        journal = Journal(run, log, token=token, watch=watch)
        if is_resumed and (await journal.load()).task.workspace is None:
            raise UsageError(f"{run} has no folder to talk about. Name one: {own_command()} chat PATH")
        if not is_resumed and task.workspace is not None:
            task = task.model_copy(update={"workspace": task.workspace.absolute()})
        task, settings = with_unread(task, settings), settings.model_copy(update={"chat": True})
        session = ChatSession(journal, log, task, settings, model, has_begun=is_resumed)
        async with AsyncExitStack() as stack:
            options = Options(watch=watch)
            if settings.hooks:
                from coder.engine.session_hooks import open_hooks  # imported late: few users have hooks

                session.hooks = open_hooks(stack, settings.hooks, run, options, is_resumed=is_resumed)
            stack.push_async_callback(session.kept_environment.close)
            yield session


def as_conversation(settings: Settings, state: State, *, user_limits: Collection[str] = ()) -> Settings:
    """Return a run's settings for a conversation about its result; those of a conversation are unchanged.

    Args:
        user_limits: limits set in the configuration, which apply even if they equal a default.
    """
    if settings.chat:
        return settings
    budget = state.spend.budget  # the log doesn't say which limits were set
    differing = {name for name in OF_A_CONVERSATION if getattr(budget, name) != getattr(Budget(), name)}
    return with_conversation_limits(settings, user_limits=differing | set(user_limits))


def with_conversation_limits(settings: Settings, *, user_limits: Collection[str]) -> Settings:
    """Return settings with the limits of a conversation, except for limits in `user_limits`, which the
    user set."""
    limits = {name: limit for name, limit in OF_A_CONVERSATION.items() if name not in user_limits}
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=limits)})
