"""Session: a run that takes message after message. All that it remembers is the run's log.

Each message is a step: the folder is read again, a fresh sandbox is opened, and the same loop works until the
step has ended. Killed at any moment, the session goes on with the step that was cut off.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from coder.baseline import take_baseline
from coder.bodies import BaselineTaken, Body, RunResumed, RunStarted, StepStarted
from coder.costs import Costs, costs_of
from coder.delivery import see_committable
from coder.diff import unified_diff
from coder.doors import loaded, open_bench, work
from coder.errors import UsageError
from coder.journal import Journal
from coder.models.model import Model
from coder.preflight import prepare
from coder.reading import changed_since, content, read_workspace
from coder.restoring import restore
from coder.run import Run
from coder.settings import Budget, Settings
from coder.state import State
from coder.store import LeasedLog, new_run_id
from coder.strategies import settled, taken
from coder.task import MAX_PROMPT, Task
from coder.undoing import commit_left, left_to_undo, take_back
from coder.watch import Watch
from coder.workbench import OpenSandbox, Workbench

CUT_OFF = ("interrupted", "limit", "error")
"""How a step can end that may go on."""


@dataclass(slots=True)
class Session:
    """One conversation. What it is told between messages holds from the next one on."""

    journal: Journal
    log: LeasedLog
    task: Task
    """What all messages have in common: the folder, the test command. Its prompt is not used."""
    settings: Settings
    model: Model
    sandbox: OpenSandbox | None = None
    added: tuple[str, ...] = ()
    """Paths that the user has put before the model."""
    begun: bool = False
    """The log holds the run."""

    @property
    def run(self) -> str:
        """The id of its run."""
        return self.journal.run

    @property
    def state(self) -> State | None:
        """The run's state; None before the first message."""
        return self.journal.state if self.begun else None

    @property
    def is_cut_off(self) -> bool:
        """The latest step was ended by a kill, an interrupt, a limit or an error, so that it can go on."""
        state = self.state
        return state is not None and (state.stopped is None or state.stopped.status in CUT_OFF)

    @property
    def can_undo(self) -> bool:
        """Something that it has written stands."""
        state = self.state
        steps = left_to_undo(state) if state is not None else []
        return state is not None and bool(steps) and not _is_taken_back(state, steps[0])

    async def say(self, text: str) -> Run:
        """Work on one message until that has come to an end.

        Raises:
            UsageError: it can't be worked on as it is; nothing was called.
            SandboxError: no sandbox can be had here.
            MachineError: the log or the folder can't be used.
        """
        prompt = text + _about(self.added)
        if len(prompt) > MAX_PROMPT:
            raise UsageError(
                f"A message may have {MAX_PROMPT:,} characters, and this one has {len(prompt):,}."
            )
        task = self.task.model_copy(update={"prompt": prompt})
        see_committable(task, self.settings)
        read = read_workspace(task, lands=self.settings.lands)
        async with open_bench(task, self.settings, self.sandbox, self.journal.watch, read.files) as bench:
            await prepare(bench, task, read.files)
            settings, name = self._settled(self.settings, task), self.model.name
            if not self.begun:
                started = RunStarted(
                    task=task,
                    settings=settings,
                    model=name,
                    files=read.kept,
                    root=read.root,
                    listing=read.listing,
                    notes=read.notes,
                )
                await self.journal.append(started)
                self.begun = True
            else:
                step = StepStarted(task=task, settings=settings, model=name)
                before = self.journal.state
                changed = changed_since(before.files, read)
                happened: list[Body] = [changed] if changed is not None else []
                if changed is None and before.baseline is not None and _same_tests(before.task, task):
                    happened.append(before.baseline)  # the same command on the same files
                await self.journal.append(step, *happened)
            self.journal.hold(read.files)
            return await self._work(settings, bench)

    async def go_on(self) -> Run:
        """Go on with the step that was cut off. No model call that has an answer is made again.

        Raises:
            UsageError: there is no such step, or its files can't be had any more.
            SandboxError: no sandbox can be had here.
            MachineError: the log or the folder can't be used.
        """
        state = self.state
        if state is None or not self.is_cut_off:
            raise UsageError("Nothing was cut off. Say what is to be done.")
        same = self.settings.model_copy(update={"strategy": state.settings.strategy})
        settings = self._settled(same, state.task)
        restored = restore(state)
        watch = self.journal.watch
        async with open_bench(state.task, settings, self.sandbox, watch, restored.files) as bench:
            await prepare(bench, state.task, restored.files)
            resumed = RunResumed(budget=settings.budget, model=self.model.name, settings=settings)
            await self.journal.append(resumed, *restored.happened)
            self.journal.hold(restored.files)
            return await self._work(settings, bench)

    async def test(self) -> BaselineTaken:
        """Run the test command on the user's files as they are, in a sandbox. No model is called.

        Raises:
            UsageError: there is none, or it can't be run, or has no tests to run.
            SandboxError: no sandbox can be had here.
        """
        task = self.task
        if task.test_command is None:
            raise UsageError("There is no test command yet. Name one: /test CMD")
        read = read_workspace(task, lands=False)
        async with open_bench(task, self.settings, self.sandbox, self.journal.watch, read.files) as bench:
            await prepare(bench, task, read.files)
            state = State(
                run=self.run,
                task=task,
                settings=self.settings,
                budget=self.settings.budget,
                model=self.model.name,
                files=read.files,
                root=read.root,
            )
            return await take_baseline(bench, state)

    async def undo(self) -> str | None:
        """Take back what the latest step that still stands has written; gives what to say of its commit.

        Raises:
            UsageError: nothing is left to take back.
            MachineError: the folder or the log can't be written.
        """
        state = self.state
        if state is None or not self.can_undo:
            raise UsageError("This conversation has written nothing that could be taken back.")
        steps = left_to_undo(state)
        await take_back(self.journal, steps[0])
        return commit_left(state, step=steps[0])

    def add(self, names: list[str]) -> tuple[str, ...]:
        """Put files before the model, from the next message on; gives their paths in the folder.

        A file that the run doesn't read, as git ignores it, is shown and never changed.

        Raises:
            UsageError: there is no such file in the folder.
        """
        root = self.root
        read = read_workspace(self.task, lands=False).files
        found: list[str] = []
        for name in names:
            path = (root / name).resolve()
            if not path.is_relative_to(root) or not path.exists():
                raise UsageError(f"There is no {name} in {root}.")
            inside = path.relative_to(root).as_posix()
            below = [known for known in read if known == inside or known.startswith(f"{inside}/")]
            if path.is_file() and not below:
                self.task = self.task.model_copy(update={"read": (*self.task.read, inside)})
            found += below or [inside]
        self.added = tuple(dict.fromkeys((*self.added, *found)))
        return tuple(found)

    @property
    def root(self) -> Path:
        """The folder that the conversation is about."""
        assert self.task.workspace is not None
        path = self.task.workspace.resolve()
        return path.parent if path.is_file() else path

    def diff(self) -> str:
        """What this conversation has changed in the folder, all steps together, by what stands there now."""
        state = self.state
        if state is None:
            return ""
        steps = [(step.landing, step.taken_back) for step in state.steps]
        steps.append((state.landing, state.taken_back))
        before: dict[str, bytes | None] = {}
        for landing in (landing for landing, taken_back in steps if landing is not None and not taken_back):
            for change in landing.plan.changes:
                old = landing.before.get(change.path)
                before.setdefault(change.path, content(old) if old is not None else None)
        now = read_workspace(self.task, lands=False).files
        return unified_diff(before, {path: content(now[path]) if path in now else None for path in before})

    async def costs(self) -> Costs:
        """What each model call has used so far."""
        return costs_of(await self.log.read(self.run))

    def _settled(self, settings: Settings, task: Task) -> Settings:
        """Settings for one message, with a strategy that is given as many calls as a run has.

        Those of the conversation are all messages', and stay its limit.
        """
        calls = settings.budget.calls
        alone = settings.budget.model_copy(update={"calls": min(calls, Budget().calls)})
        one = settled(settings.model_copy(update={"budget": alone}), task, model=self.model.name)
        return one.model_copy(update={"budget": one.budget.model_copy(update={"calls": calls})})

    async def _work(self, settings: Settings, bench: Workbench) -> Run:
        strategy = taken(settings)
        return await work(self.journal, self.model, bench, strategy.team(), strategy.stop())


@asynccontextmanager
async def open_session(
    log: LeasedLog, task: Task, *, settings: Settings, model: Model, watch: Watch
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
    log: LeasedLog, run: str, *, task: Task, settings: Settings, model: Model, watch: Watch
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


def _same_tests(one: Task, other: Task) -> bool:
    return (one.test_command, one.lint_command) == (other.test_command, other.lint_command)


def _about(paths: tuple[str, ...]) -> str:
    return f"\n\nThis is about: {', '.join(f'`{path}`' for path in paths)}." if paths else ""


def _is_taken_back(state: State, step: int) -> bool:
    return state.steps[step - 1].taken_back if step <= len(state.steps) else state.taken_back
