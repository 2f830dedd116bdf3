"""Open what a run needs: its log, its sandboxes and its journal."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from coder.base.text.guards import guards_for
from coder.engine.options import Options, check_known
from coder.environment.run_policy import policy_for, redactor_for
from coder.environment.unread_folders import open_readable
from coder.environment.workbench import Workbench
from coder.run.journal import Journal
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from coder.run.watch import Permitting, Unwatched, note_of
from coder.store import EventLog, open_log
from coder.verify.preflight import prepare
from coder.workspace.overlay import shown_files


@asynccontextmanager
async def open_environment(
    task: Task, settings: Settings, files: Mapping[str, StoredFile], options: Options, *, target: Target
) -> AsyncIterator[Workbench]:
    """Open the sandboxes of a run for these files, and check that the run's tests can run in them.

    Raises:
        UsageError: a guard can't be loaded, documents don't exist, or the embedder can't be used.
        ModelAuthError: the embedder's key isn't set.
    """
    sandbox, watch = options.get("sandbox"), options.get("watch")
    policy, opener = policy_for(task, settings, files, note=note_of(watch))
    async with AsyncExitStack() as stack:
        secrets: tuple[str, ...] = ()
        requested_policy = policy
        if settings.secret:
            from coder.environment.masked_secrets import masking  # imported late: few runs have secrets

            policy, secrets = stack.enter_context(masking(policy, settings.secret))
        redactor = redactor_for(files, shown_files(task.workspace, settings.show), secrets)
        tools: Sequence[object] = options.get("tools") or ()
        optional: Sequence[object] = ()
        if not all(map(callable, tools)):
            from coder.tools.mcp_serving import serving  # imported late: few runs have servers

            serving_tools = serving(tools, watch, task.workspace, lambda adapt: bench.open_copy(files, adapt))
            tools, optional = await stack.enter_async_context(serving_tools)
        guards, documents = guards_for(options.get("guards")), None
        if settings.docs:
            documents = await open_readable(task, settings, redactor, guards)
            stack.push_async_callback(documents.close)
        ask_host = watch.ask_host if isinstance(watch, Permitting) else None
        if ask_host is not None and settings.rules is not None:
            from coder.environment.asked_hosts import governed  # imported late: few users have rules

            ask_host = governed(settings.rules, ask_host)
        bench = Workbench(
            policy,
            sandbox or opener,
            redactor=redactor,
            guards=guards,
            documents=documents,
            backend=settings.sandbox if sandbox is None else None,
            on_output=watch.output if watch is not None else None,
            ask_host=ask_host,
            waits_for_hosts="network" in settings.approve,
            tools=tools,
            optional_tools=optional,
        )
        bench.requested_policy, bench.secrets = requested_policy, secrets
        await stack.enter_async_context(bench)
        has_team = options.get("team") is not None or settings.team is not None
        await prepare(bench, task, files, target=target, early=not has_team)
        yield bench


def log_of(stack: AsyncExitStack, options: Options) -> EventLog:
    """Return the log that the caller gave, or the user's default log."""
    check_known(options)
    return options.get("log") or stack.enter_context(open_log())


async def open_journal(stack: AsyncExitStack, run: str, log: EventLog, options: Options) -> Journal:
    """Open the journal of a run, under a lease. Raises LeaseHeld if another process works on it."""
    token = await stack.enter_async_context(log.lease(run))
    return Journal(run, log, token=token, watch=options.get("watch") or Unwatched())
