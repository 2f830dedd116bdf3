"""Session: a run that takes message after message. All that it remembers is the run's log.

Each message is a step: the folder is read again, a fresh sandbox is opened, and the same loop works until the
step has ended. Killed at any moment, the session continues with the interrupted step.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

from coder.base.errors import UsageError
from coder.config.mcp_servers import Mcp
from coder.engine.open_run import work
from coder.engine.options import Options
from coder.engine.participants.submission import untried_work
from coder.engine.teams.strategies import apply_strategy
from coder.environment.run_policy import OpenSandbox
from coder.environment.workbench import Workbench
from coder.models.abilities import abilities_of
from coder.models.model import Model
from coder.people.chat.kept_environment import KeptEnvironment
from coder.people.chat.subject import about, happened_before, mentioned, places_named, root_of
from coder.people.chat.transcript import written
from coder.run.attempts import unwritten
from coder.run.costs import Costs, costs_of
from coder.run.event_types import (
    FilesChanged,
    RunResumed,
    Spoken,
    StepStarted,
)
from coder.run.find_target import find_target
from coder.run.journal import Journal
from coder.run.message import CodeMessage
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import MAX_PROMPT, Task
from coder.store import EventLog
from coder.workspace.deliver import require_committable
from coder.workspace.folder import Snapshot
from coder.workspace.read import read_workspace, restore, started
from coder.workspace.take_back import left_to_undo, take_back, take_back_commit

CUT_OFF = ("interrupted", "limit", "error")
"""Endings of a step that can continue."""


@dataclass(slots=True)
class ChatSession:
    """One conversation. Changes between messages apply from the next one on."""

    journal: Journal
    log: EventLog
    task: Task
    """What all messages have in common: the folder, the test command. Its prompt is not used."""
    settings: Settings
    model: Model
    sandbox: OpenSandbox | None = None
    tools: Sequence[Mcp] = ()
    """Servers that the model may call."""
    added: tuple[str, ...] = ()
    """Paths that the user has put before the model."""
    begun: bool = False
    """The log holds the run."""
    kept: KeptEnvironment = field(default_factory=KeptEnvironment)
    """Its sandboxes: close them with it."""
    notes: list[str] = field(default_factory=list)
    """Notes that the next message adds to the user's words."""
    folder_paths: list[str] = field(default_factory=list)
    """The folder's paths at the first Tab, until a message reads them again."""

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
        """A kill, an interrupt, a limit or an error ended the latest step, so it can continue."""
        if self.state is None:
            return False
        stopped = self.state.progress.stopped
        return stopped is None or stopped.status in CUT_OFF

    @property
    def can_undo(self) -> bool:
        """Something that it has written stands."""
        state = self.state
        return state is not None and bool(left_to_undo(state))

    async def say(self, text: str, *, plans: bool = False) -> Run:
        """Work on one message until it ends; UsageError: it is too long.

        Args:
            plans: plan this message first, also outside of plan mode.
        """
        await self.kept.ready()
        names, pictures = mentioned(text, self.root, model=self.model)
        paths = self.add(names, stay=False) if names else ()
        prompt = "\n\n".join([*self.notes, text + about((*self.added, *paths))])
        if len(prompt) > MAX_PROMPT:
            raise UsageError(
                f"A message may have {MAX_PROMPT:,} characters, and this one has {len(prompt):,}."
            )
        task = self.task.model_copy(update={"prompt": prompt, "pictures": pictures})
        require_committable(task, self.settings)
        read = read_workspace(task, lands=self.settings.lands)
        target = find_target(task, read.files)
        async with self.environment(task, self.settings, read.files, target=target) as bench:
            wanted = self.settings.model_copy(update={"plan": True}) if plans else self.settings
            settings = self._step_settings(wanted, task, sessions=await bench.has_sessions())
            await self._begin(task, settings, read, target)
            self.notes.clear()
            self.journal.hold(read.files)
            return await self._worked(bench)

    @property
    def can_apply(self) -> bool:
        """A change of the latest message, or of the session, was made and not written."""
        return self.state is not None and _offered(self.state) is not None

    async def go_on(self) -> Run:
        """Go on with the interrupted step; no answered call is repeated. UsageError: there is none."""
        state = self.state
        if state is None or not self.is_cut_off:
            raise UsageError("Nothing was cut off. Say what is to be done.")
        return await self._resumed(state)

    async def apply(self) -> Run:
        """Try the latest change that wasn't written again, and ask about it; UsageError: there is none."""
        state = self.state
        if state is None or (code := _offered(state)) is None:
            raise UsageError("There is no change to apply: what was made is written, or nothing was made.")
        return await self._resumed(state, code)

    async def _resumed(self, state: State, code: CodeMessage | None = None) -> Run:
        """Continue the latest step, with this change as the latest one."""
        kept = {name: getattr(state.settings, name) for name in ("strategy", "plan")}
        same = self.settings.model_copy(update=kept)
        settings = self._step_settings(same, state.task, sessions=True)
        restored = restore(state)
        happened = restored.happened
        if code is not None:
            changed = [body for body in happened if isinstance(body, FilesChanged)]
            happened = (*changed, Spoken(message=code.model_copy(update={"repeats": False})))
        environment = self.environment(state.task, settings, restored.files, target=restored.target)
        async with environment as bench:
            resumed = RunResumed(
                budget=settings.budget, model=self.model.name, settings=settings, offers=code is not None
            )
            await self.journal.append(resumed, *happened)
            self.journal.hold(restored.files)
            return await self._worked(bench)

    async def _worked(self, bench: Workbench) -> Run:
        run = await work(self.journal, self.model, bench)
        if run.status == "error":  # a sandbox may have failed: the next message has others
            await self.kept.close()
        return run

    async def undo(self) -> str | None:
        """Take back the latest step that stands, and say what of its commit is left; UsageError: none."""
        state = self.state
        if state is None or not self.can_undo:
            raise UsageError("This conversation has written nothing that could be taken back.")
        steps = left_to_undo(state)
        rows = await take_back(self.journal, steps[0])
        return await take_back_commit(state, rows, step=steps[0])

    def add(self, names: list[str], *, stay: bool = True) -> tuple[str, ...]:
        """Show files to the model from the next message on; return their paths in the folder.

        A file that the run doesn't read, as git ignores it, is shown and never changed.

        Args:
            stay: for all messages, not only the next.
        """
        read = read_workspace(self.task, lands=False).files
        paths = [place for name in names for place in places_named(name, self.root, read)]
        unread = tuple(escape(path) for path in paths if path not in read and (self.root / path).is_file())
        if unread:
            self.task = self.task.model_copy(update={"read": (*self.task.read, *unread)})
        if stay:
            self.added = tuple(dict.fromkeys((*self.added, *paths)))
        return tuple(paths)

    @property
    def root(self) -> Path:
        """The folder that the conversation is about."""
        return root_of(self.task)

    def paths(self) -> list[str]:
        """The paths that can be named: those that the latest message has read, or those of the folder."""
        if self.state is not None:
            return list(self.state.files)
        try:
            self.folder_paths = self.folder_paths or list(read_workspace(self.task, lands=False).files)
        except UsageError:  # the first message will say so
            return []
        return self.folder_paths

    def diff(self) -> str:
        """What this conversation has changed in the folder, all steps together, by what stands there now."""
        state = self.state
        return written(state, read_workspace(self.task, lands=False).files) if state is not None else ""

    async def costs(self) -> Costs:
        """What each model call has used so far."""
        return costs_of(await self.log.read(self.run))

    async def _begin(self, task: Task, settings: Settings, read: Snapshot, target: Target) -> None:
        """Put a message into the log: the first one begins the run, a later one is a step of it."""
        if not self.begun:
            await self.journal.append(started(read, task, settings, model=self.model.name, target=target))
            self.begun = True
            return
        step = StepStarted(task=task, settings=settings, model=self.model.name, target=target)
        await self.journal.append(step, *happened_before(self.journal.state, read, task, target))

    def _step_settings(self, settings: Settings, task: Task, *, sessions: bool) -> Settings:
        """Settings for one message: a strategy gets as many calls as a run, within the conversation's."""
        calls = settings.budget.max_calls
        alone = settings.budget.model_copy(update={"max_calls": min(calls, Budget().max_calls)})
        given, able = settings.model_copy(update={"budget": alone}), abilities_of(self.model)
        one = apply_strategy(given, task, model=self.model.name, able=able, sessions=sessions)
        return one.model_copy(update={"budget": one.budget.model_copy(update={"max_calls": calls})})

    def environment(
        self, task: Task, settings: Settings, files: Mapping[str, StoredFile], *, target: Target
    ) -> AbstractAsyncContextManager[Workbench]:
        """The sandboxes for work on these files."""
        around = Options(sandbox=self.sandbox, tools=self.tools, watch=self.journal.watch)
        return self.kept.use(task, settings, files, around, target=target)


def _offered(state: State) -> CodeMessage | None:
    """Return the change that `/apply` asks about, if there is one."""
    change = untried_work(state) if state.open_work else None
    return change or unwritten(state)
