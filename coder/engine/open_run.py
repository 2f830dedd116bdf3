"""Open what a run needs, its log, sandboxes and attempts, and work on it until it has stopped."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coder.engine.loop import run_until_stopped
from coder.engine.options import Options, check_known
from coder.engine.teams.strategies import makes_attempts, team_and_stop
from coder.environment.run_policy import policy_for, redactor_for
from coder.environment.workbench import Workbench
from coder.models.model import Model
from coder.run.event_types import QuestionAnswered, RunResumed, Spoken
from coder.run.events import Body
from coder.run.journal import Attempts, Journal
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from coder.run.watch import Permitting, Unwatched, Watch
from coder.store import EventLog, open_log
from coder.verify.preflight import prepare
from coder.workspace.deliver import deliver
from coder.workspace.folder import Snapshot
from coder.workspace.overlay import shown_files
from coder.workspace.read import restore, started

if TYPE_CHECKING:
    from coder.engine.sampling.attempt import Attempt
    from sandbox.policy import AskHost


@asynccontextmanager
async def open_environment(
    task: Task, settings: Settings, files: Mapping[str, StoredFile], options: Options, *, target: Target
) -> AsyncIterator[Workbench]:
    """Open the sandboxes of a run for these files, and check that the run's tests can run in them."""
    policy, opener = policy_for(task, settings, files)
    redactor = redactor_for(files, shown_files(task.workspace, settings.show))
    sandbox, watch = options.get("sandbox"), options.get("watch")
    async with AsyncExitStack() as stack:
        required_tools: Sequence[object] = options.get("tools") or ()
        optional_tools: Sequence[object] = ()
        if not all(map(callable, required_tools)):
            from coder.tools.mcp_client import serving  # imported late: few runs have servers

            required_tools, optional_tools = await stack.enter_async_context(serving(required_tools, watch))
        workbench = Workbench(
            policy,
            sandbox or opener,
            redactor=redactor,
            backend=settings.sandbox if sandbox is None else None,
            on_output=watch.output if watch is not None else None,
            ask_host=_asker(settings, watch),
            waits_for_hosts="network" in settings.approve,
            tools=required_tools,
            optional_tools=optional_tools,
        )
        await stack.enter_async_context(workbench)
        has_team = options.get("team") is not None or settings.team is not None
        await prepare(workbench, task, files, target=target, early=not has_team)
        yield workbench


def _asker(settings: Settings, watch: Watch | None) -> "AskHost | None":
    """Return the function that asks a person about a host, unless the user's rules deny it."""
    ask_host = watch.ask_host if isinstance(watch, Permitting) else None
    if ask_host is None or settings.rules is None:
        return ask_host
    from coder.environment.asked_hosts import governed  # imported late: few users have rules

    return governed(settings.rules, ask_host)


def log_of(stack: AsyncExitStack, options: Options) -> EventLog:
    """Return the log that the caller gave, or the user's default log."""
    check_known(options)
    return options.get("log") or stack.enter_context(open_log())


async def open_journal(
    stack: AsyncExitStack, run: str, log: EventLog, options: Options, attempts: Attempts | None = None
) -> Journal:
    """Open the journal of a run, under a lease. Raises LeaseHeld: another process works on the run."""
    token = await stack.enter_async_context(log.lease(run))
    watch = options.get("watch") or Unwatched()
    return Journal(run, log, token=token, watch=watch, attempts=attempts)


async def work(journal: Journal, model: Model, bench: Workbench, options: Options | None = None) -> Run:
    """Advance a run by its team until its stop condition holds and its change has landed (see `loop.py`)."""
    choices = options or Options()
    team, stop = team_and_stop(journal.state.settings, choices.get("team"), choices.get("stop"))
    state, log = journal.state, choices.get("log")
    has_begun = bool(state.progress.attempts)
    works_alone = bool(state.codes) and not has_begun  # the run has code of its own, not of attempts
    makes_attempts_now = has_begun or (makes_attempts(state.settings) and not works_alone)
    if log is not None and choices.get("team") is None and makes_attempts_now:
        from coder.engine.sampling.attempts import (
            AttemptsTeam,
            Drawing,
            attempts_stop,
        )  # imported late: most runs make no attempts

        runs = _RunsOfAttempts(journal, log, model, bench, choices)
        team, stop = AttemptsTeam(Drawing(runs)), attempts_stop()
    run = await run_until_stopped(journal, model, bench, team=team, stop=stop, land=deliver)
    if journal.state.settings.hooks and journal.state.progress.parent is None:
        from coder.engine.participants.hook_runs import HookRuns  # imported late: few runs have hooks

        await HookRuns.of(journal.state).stop()
    return run


@dataclass(frozen=True, slots=True)
class _RunsOfAttempts:
    """Runs each attempt as a run of its own, with the model of the parent run."""

    journal: Journal
    """Journal of the parent run."""
    log: EventLog
    model: Model
    bench: Workbench
    options: Options

    async def read(self, run: str) -> State | None:
        """Return the state of an attempt by the log; None if its log is empty."""
        events = await self.log.read(run)
        return fold_all(events) if events else None

    async def make(self, attempt: "Attempt") -> State:
        """Begin or continue an attempt, and return its last state."""
        parent = self.journal.state
        async with AsyncExitStack() as stack:
            journal = await open_journal(stack, attempt.run, self.log, self.options, attempt.shared)
            files = dict(parent.files)
            # An attempt changes its session, so it gets one of its own; sandboxes for verdicts are shared.
            bench = self.bench
            if attempt.settings.may_act:
                environment = open_environment(
                    parent.task, attempt.settings, files, self.options, target=parent.target
                )
                bench = await stack.enter_async_context(environment)
            has_events = not attempt.is_new and bool(await self.log.read(attempt.run, limit=1))
            bodies = (
                await self._continued(journal, attempt, bench) if has_events else self._begun(attempt, bench)
            )
            await journal.append(*bodies)
            journal.hold(files)
            attempt.shared.running[attempt.parent.attempt] = journal
            await work(journal, self.model, bench, self.options)
            return journal.state

    def _begun(self, attempt: "Attempt", bench: Workbench) -> list[Body]:
        """Return the first events of an attempt: its start, the parent's baseline and the parent's plan."""
        parent = self.journal.state
        snapshot = Snapshot(Path(parent.root) if parent.root is not None else None, parent.files)
        run_started = started(
            snapshot,
            parent.task,
            attempt.settings,
            model=parent.model,
            target=parent.target,
            sandbox=bench.opened,
        )
        baseline = parent.progress.baseline
        start: list[Body] = [run_started.model_copy(update={"parent": attempt.parent})]
        plan = [Spoken(message=message) for message in parent.progress.messages if message.kind == "plan"]
        return [*start, *([baseline] if baseline is not None else []), *plan]

    async def _continued(self, journal: Journal, attempt: "Attempt", bench: Workbench) -> list[Body]:
        """Return the events that continue an attempt: answers, or a request for another change."""
        state = await journal.load()
        seconds_spent = state.spend.seconds
        budget = attempt.settings.budget
        budget = budget.model_copy(update={"timeout": budget.timeout + seconds_spent})
        question = state.questions.open
        bodies: list[Body] = []
        if question is not None and (answer := attempt.answers.get(question.id)) is not None:
            bodies.append(QuestionAnswered(id=question.id, **answer.model_dump(exclude={"id"})))
        settings = attempt.settings.model_copy(update={"budget": budget})
        resumed = RunResumed(budget=budget, model=self.model.name, settings=settings, sandbox=bench.opened)
        bodies += [resumed, *restore(state).happened]
        return bodies if attempt.wish is None else [*bodies, Spoken(message=attempt.wish)]
