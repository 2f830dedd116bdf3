"""AttemptRuns: the attempts and subagents of a run, each in a run of its own."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from coder.engine.open_run import open_environment
from coder.engine.options import Options
from coder.engine.turn.child_runs import Attempt
from coder.environment.workbench import Workbench
from coder.models.model import Model
from coder.run.event_types import QuestionAnswered, RunResumed, Spoken, ToolAnswered, parse
from coder.run.events import Body
from coder.run.journal import Journal
from coder.run.reducer import fold_all
from coder.run.shared_limits import ChildJournal
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.watch import Unwatched
from coder.store import EventLog
from coder.workspace.folder import Snapshot
from coder.workspace.read import restore, started


@dataclass(frozen=True, slots=True)
class AttemptRuns:
    """Runs each attempt, or subagent, as a run of its own, with the model of the parent run."""

    journal: Journal
    """Journal of the parent run."""
    log: EventLog
    model: Model
    bench: Workbench
    options: Options
    work: Callable[[Journal, Model, Workbench, Options], Awaitable[object]]
    """Function that works on an open run until it has stopped: `loop.run_until_stopped`."""

    async def read(self, run: str) -> State | None:
        """Return the state of an attempt from the log; None if its log is empty."""
        events = await self.log.read(run)
        return fold_all(events) if events else None

    async def first_changes(self, run: str) -> Mapping[str, StoredFile | None]:
        """Return the changed files with which a subagent's session has begun."""
        first = [parse(event) for event in await self.log.read(run, limit=2)][-1]
        return first.changes if isinstance(first, ToolAnswered) else {}

    async def make(self, attempt: Attempt) -> State:
        """Begin or continue an attempt, and return its last state."""
        parent = self.journal.state
        async with AsyncExitStack() as stack:
            token = await stack.enter_async_context(self.log.lease(attempt.run))
            watch = self.options.get("watch") or Unwatched()
            journal = ChildJournal(attempt.run, self.log, token=token, watch=watch, shared=attempt.shared)
            files = dict(parent.files)
            # An attempt changes its session, so it gets one of its own; sandboxes for verdicts are shared.
            bench = self.bench
            if attempt.settings.may_act:
                environment = open_environment(
                    attempt.task, attempt.settings, files, self.options, target=attempt.target
                )
                bench = await stack.enter_async_context(environment)
            has_events = not attempt.is_new and bool(await self.log.read(attempt.run, limit=1))
            bodies = (
                await self._continued(journal, attempt, bench) if has_events else self._begun(attempt, bench)
            )
            await journal.append(*bodies)
            journal.hold(files)
            attempt.shared.running[attempt.parent.attempt] = journal
            await self.work(journal, self.model, bench, self.options)
            return journal.state

    def _begun(self, attempt: Attempt, bench: Workbench) -> list[Body]:
        """Return the first events of an attempt: its start, the parent's baseline and the parent's plan."""
        parent = self.journal.state
        snapshot = Snapshot(Path(parent.root) if parent.root is not None else None, parent.files)
        run_started = started(
            snapshot,
            attempt.task,
            attempt.settings,
            model=parent.model,
            target=attempt.target,
            sandbox=bench.opened,
            context="" if attempt.settings.subagent is not None else parent.inputs.context,
        )
        baseline = parent.progress.baseline
        if attempt.settings.subagent is not None:
            edits = ToolAnswered(call=0, id="", name="edits", text="", changes=dict(attempt.tree))
            return [run_started.model_copy(update={"parent": attempt.parent}), edits]
        start: list[Body] = [run_started.model_copy(update={"parent": attempt.parent})]
        plan = [Spoken(message=message) for message in parent.progress.messages if message.kind == "plan"]
        return [*start, *([baseline] if baseline is not None else []), *plan]

    async def _continued(self, journal: Journal, attempt: Attempt, bench: Workbench) -> list[Body]:
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
