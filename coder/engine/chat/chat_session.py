"""Session: a run that takes one message after another. The run's log is its only memory.

Each message is a step: the folder is read again, a fresh sandbox is opened, and the loop of a run works until
the step has ended. After a kill, the session continues with the interrupted step.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import UsageError
from coder.base.text.guards import guards_for
from coder.config.mcp_servers import Mcp
from coder.config.project_tests.find import with_found_tests
from coder.engine.chat.kept_environment import KeptEnvironment
from coder.engine.chat.subject import (
    events_before,
    find_dropped,
    find_mentions,
    find_paths,
    paths_in_editor,
    root_of,
    subject_sentence,
)
from coder.engine.loop import run_until_stopped
from coder.engine.options import Options
from coder.engine.participants.submission import untried_work
from coder.engine.teams.strategies import apply_strategy
from coder.environment.run_policy import OpenSandbox
from coder.environment.workbench import Workbench
from coder.models.abilities import abilities_of
from coder.models.answer_parts import Image
from coder.models.model import Model
from coder.run.conversation import unwritten
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
from coder.run.prompt import require_prompt
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from coder.run.use_tests import without_slow
from coder.store import EventLog
from coder.workspace.conversation_patch import patch_of_conversation
from coder.workspace.deliver import require_committable
from coder.workspace.folder import Snapshot
from coder.workspace.read import read_workspace, restore, started
from coder.workspace.take_back import left_to_undo, take_back, take_back_commit, what_is_undone
from coder.workspace.unsaved import overlaid, unsaved_files

if TYPE_CHECKING:
    from coder.engine.session_hooks import SessionHooks

CUT_OFF = ("interrupted", "limit", "error")
"""Statuses of a step that can continue."""


@dataclass(slots=True)
class ChatSession:
    """One conversation. Changes between messages apply from the next message on."""

    journal: Journal
    log: EventLog
    task: Task
    """The folder and the test command that all messages share. Its prompt is not used."""
    settings: Settings
    model: Model
    sandbox: OpenSandbox | None = None
    tools: Sequence[Mcp] = ()
    """MCP servers that the model may call."""
    added_paths: tuple[str, ...] = ()
    """Paths that the user has added for the model."""
    added_pictures: tuple[Image, ...] = ()
    """Pictures that the user has added for the next message."""
    is_confined: bool = False
    """Whether messages can only mention files of the folder, since their author may read no other files."""
    has_begun: bool = False
    """Whether the log holds the run."""
    kept_environment: KeptEnvironment = field(default_factory=KeptEnvironment)
    """The session's sandboxes, to be closed with the session."""
    notes: list[str] = field(default_factory=list)
    """Notes that are prepended to the next message."""
    hooks: "SessionHooks | None" = None
    """The user's hooks; None if there are none."""
    folder_paths: list[str] = field(default_factory=list)
    """The folder's paths, as read at the first Tab; used until a message reads the folder."""

    @property
    def run(self) -> str:
        """The id of the session's run."""
        return self.journal.run

    @property
    def state(self) -> State | None:
        """The run's state; None before the first message."""
        return self.journal.state if self.has_begun else None

    @property
    def is_cut_off(self) -> bool:
        """Whether a kill, an interrupt, a limit or an error ended the latest step, so that it can
        continue.
        """
        if self.state is None:
            return False
        stopped = self.state.progress.stopped
        return stopped is None or stopped.status in CUT_OFF

    @property
    def can_undo(self) -> bool:
        """Whether the conversation has written a change that was not undone."""
        state = self.state
        return state is not None and bool(left_to_undo(state))

    async def say(
        self, text: str, *, plans: bool = False, typed: str | None = None, attached: tuple[Image, ...] = ()
    ) -> Run:
        """Work on one message until the step ends.

        Raises:
            UsageError: the message is empty, too long, or can't be encoded.
            Refused: a guard or a hook of the user refuses it.

        Args:
            plans: whether to plan this message first, even outside of plan mode.
            typed: the line from which a command made this message; only files named in that line are added.
            attached: pictures beside those that the message names.
        """
        await self.kept_environment.ready()
        text = guards_for().check(text, "prompt")
        names, pictures = find_mentions(
            typed or text, self.root, model=self.model, is_confined=self.is_confined
        )
        paths = self.add(names, is_permanent=False) if names else ()
        dropped, _ = self.find_dropped(typed or text)
        pictures = (*self.added_pictures, *attached, *pictures, *dropped)
        text = require_prompt(text, pictures) + subject_sentence((*self.added_paths, *paths))
        prompt = "\n\n".join([*self.notes, text])
        context = await self.hooks.submit(prompt, str(self.root)) if self.hooks is not None else ""
        task = self.task.with_prompt(prompt, pictures)
        require_committable(task, self.settings)
        snapshot = read_workspace(task, lands=self.settings.lands)
        unsaved = await self._unsaved(snapshot.files, paths)
        files = overlaid(snapshot.files, unsaved)
        task = with_found_tests(task, self.settings, files)
        task = without_slow(task, self.state.task.dropped if self.state is not None else ())
        target = find_target(task, files)
        async with self.environment(task, self.settings, files, target=target) as bench:
            message_settings = self.settings.model_copy(update={"plan": True}) if plans else self.settings
            settings = self._step_settings(message_settings, task, sessions=await bench.has_sessions())
            context = bench.redactor.redact(context)
            await self._begin(task, settings, snapshot, unsaved, target, context)
            self.notes.clear()
            self.added_pictures = ()
            self.journal.hold(files)
            return await self._work_step(bench)

    @property
    def can_apply(self) -> bool:
        """Whether a change of the latest message, or of the session, has not been written."""
        return self.state is not None and _offered_change(self.state) is not None

    async def go_on(self) -> Run:
        """Continue the interrupted step without repeating answered calls.

        Raises UsageError if there is no interrupted step.
        """
        state = self.state
        if state is None or not self.is_cut_off:
            raise UsageError("Nothing was cut off. Say what is to be done.")
        return await self._resume_step(state)

    async def apply(self) -> Run:
        """Verify the latest unwritten change again, and ask about it. Raises UsageError if there is none."""
        state = self.state
        if state is None or (code := _offered_change(state)) is None:
            raise UsageError("There is no change to apply: what was made is written, or nothing was made.")
        return await self._resume_step(state, code)

    async def _resume_step(self, state: State, code: CodeMessage | None = None) -> Run:
        """Continue the latest step; `code`, if given, becomes its latest change."""
        kept_settings = {name: getattr(state.settings, name) for name in ("strategy", "plan")}
        merged_settings = self.settings.model_copy(update=kept_settings)
        settings = self._step_settings(merged_settings, state.task, sessions=True)
        restored = restore(state, await self._unsaved(state.files))
        events = restored.happened
        if code is not None:
            file_changes = [body for body in events if isinstance(body, FilesChanged)]
            events = (*file_changes, Spoken(message=code.model_copy(update={"repeats": False})))
        context = await self.hooks.start(str(self.root)) if self.hooks is not None else ""
        environment = self.environment(state.task, settings, restored.files, target=restored.target)
        async with environment as bench:
            resume_event = RunResumed(
                budget=settings.budget,
                model=self.model.name,
                settings=settings,
                offers=code is not None,
                context=bench.redactor.redact(context),
            )
            await self.journal.append(resume_event, *events)
            self.journal.hold(restored.files)
            return await self._work_step(bench)

    async def _unsaved(
        self, files: Mapping[str, StoredFile], named: Collection[str] = ()
    ) -> dict[str, StoredFile]:
        paths = paths_in_editor(files, self.state, (*self.added_paths, *named))
        return await unsaved_files(self.journal.watch, self.root, paths)

    async def _work_step(self, bench: Workbench) -> Run:
        run = await run_until_stopped(
            self.journal, self.model, bench, Options(log=self.log, sandbox=self.sandbox)
        )
        if run.status == "error":  # a sandbox may have failed: the next message opens new ones
            await self.kept_environment.close()
        return run

    async def undo(self) -> str:
        """Undo the latest written step; return a text on what was undone, and what wasn't.

        Raises UsageError if there is no written step.
        """
        state = self.state
        if state is None or not self.can_undo:
            raise UsageError("This conversation has written nothing that could be taken back.")
        steps = left_to_undo(state)
        rows = await take_back(self.journal, steps[0])
        commit_note = await take_back_commit(state, rows, step=steps[0])
        parts = [what_is_undone(state, rows, steps), commit_note or ""]
        parts += ["what calls of your tools have done elsewhere stays"] if self.tools else []
        return "; ".join(filter(None, parts))

    def add(self, names: list[str], *, is_permanent: bool = True) -> tuple[str, ...]:
        """Show files to the model from the next message on; return their paths in the folder.

        A file that the run doesn't read, as git ignores it, is shown and never changed.

        Args:
            is_permanent: whether to show the files with all later messages, not only the next.
        """
        files = read_workspace(self.task, lands=False).files
        paths = [path_in_folder for name in names for path_in_folder in find_paths(name, self.root, files)]
        unread_paths = tuple(
            escape(path) for path in paths if path not in files and (self.root / path).is_file()
        )
        if unread_paths:
            self.task = self.task.model_copy(update={"read": (*self.task.read, *unread_paths)})
        if is_permanent:
            self.added_paths = tuple(dict.fromkeys((*self.added_paths, *paths)))
        return tuple(paths)

    def find_dropped(self, text: str) -> tuple[tuple[Image, ...], list[str]]:
        """Return the pictures whose paths a terminal has typed, and why others aren't attached."""
        return find_dropped(text, self.root, model=self.model, is_confined=self.is_confined)

    @property
    def root(self) -> Path:
        """The folder that the conversation is about."""
        return root_of(self.task)

    def paths(self) -> list[str]:
        """Return the paths that the user can name: those read by the latest message, or those of the
        folder.
        """
        if self.state is not None:
            return list(self.state.files)
        try:
            self.folder_paths = self.folder_paths or list(read_workspace(self.task, lands=False).files)
        except UsageError:  # the first message will report the error
            return []
        return self.folder_paths

    def diff(self) -> str:
        """Return the patch of all steps of this conversation, against the current files."""
        state = self.state
        return (
            patch_of_conversation(state, read_workspace(self.task, lands=False).files)
            if state is not None
            else ""
        )

    async def costs(self) -> Costs:
        """Return the usage of each model call so far."""
        return costs_of(await self.log.read(self.run))

    async def _begin(
        self,
        task: Task,
        settings: Settings,
        read: Snapshot,
        unsaved: Mapping[str, StoredFile],
        target: Target,
        context: str,
    ) -> None:
        """Log a message: the first one begins the run, a later one begins a step of it."""
        if not self.has_begun:
            first_event = started(read, task, settings, model=self.model.name, target=target, context=context)
            # Of a large folder the log has a listing: the contents of these are nowhere else.
            edits = [FilesChanged(files=dict(unsaved), target=target)] if unsaved else []
            await self.journal.append(first_event, *edits)
            self.has_begun = True
            return
        step = StepStarted(
            task=task, settings=settings, model=self.model.name, target=target, context=context
        )
        present = replace(read, files=overlaid(read.files, unsaved))
        await self.journal.append(step, *events_before(self.journal.state, present, task, target))

    def _step_settings(self, settings: Settings, task: Task, *, sessions: bool) -> Settings:
        """Return the settings of one message: a strategy gets as many calls as in a run, within the
        budget.
        """
        calls = settings.budget.max_calls
        step_budget = settings.budget.model_copy(update={"max_calls": min(calls, Budget().max_calls)})
        step_settings, abilities = (
            settings.model_copy(update={"budget": step_budget}),
            abilities_of(self.model),
        )
        strategy_settings = apply_strategy(
            step_settings, task, model=self.model.name, abilities=abilities, sessions=sessions
        )
        return strategy_settings.model_copy(
            update={"budget": strategy_settings.budget.model_copy(update={"max_calls": calls})}
        )

    def environment(
        self, task: Task, settings: Settings, files: Mapping[str, StoredFile], *, target: Target
    ) -> AbstractAsyncContextManager[Workbench]:
        """Return a context manager with the sandboxes for work on these files."""
        options = Options(sandbox=self.sandbox, tools=self.tools, watch=self.journal.watch)
        return self.kept_environment.use(task, settings, files, options, target=target)


def _offered_change(state: State) -> CodeMessage | None:
    """Return the change that `/apply` asks about, if there is one."""
    change = untried_work(state) if state.open_work else None
    return change or unwritten(state)
