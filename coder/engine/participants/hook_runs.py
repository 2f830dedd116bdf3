"""HookRuns: hooks around calls and edits, at the end of a model's turn, and a repository's for a message.

A repository's hooks run in sandboxes that the model never works in (`coder/environment/hook_room.py`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from coder.config.hook_conditions import matches_call
from coder.config.hooks import covers, hooks_of_repository
from coder.engine.participants.hook_commands import (
    DECIDING,
    MAX_OUTPUT,
    HookAnswer,
    hook_document,
    run_in_sandbox,
    run_on_host,
)
from coder.engine.participants.hook_files import kept_by
from coder.engine.participants.hook_inputs import Subject
from coder.engine.prompting.task_parts import hook_notes
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage
from coder.run.event_types import HookFailed
from coder.run.extensions import Hook, hook_files, hook_wait, with_manifests
from coder.run.journal import Journal
from coder.run.state import State
from coder.run.watch import note_of, shown_wait
from coder.tools.tool import ToolResult
from sandbox import SandboxBroken

if TYPE_CHECKING:
    from coder.environment.hook_room import HookRoom, Keeps
    from coder.environment.session_tree import SessionTree
    from coder.environment.workbench import Workbench

REPOSITORY_S = 120.0
"""Time limit of all hooks of a repository at one event, in seconds; after it, no further hook runs."""


@dataclass(frozen=True, slots=True)
class HookVerdict:
    """Combined verdict of the hooks before a call: the strictest decision counts."""

    subject: Subject
    """The call as changed by hooks."""
    refusal: str | None = None
    """Why the call isn't made, for the model; None: it may be."""
    asks: str | None = None
    """Reason to ask a person; None: no hook requests it."""
    allows: bool = False
    """Whether one of the user's own hooks allows the call."""
    remarks: tuple[str, ...] = ()
    """Remarks of hooks for the model."""


@dataclass(frozen=True, slots=True)
class HookRuns:
    """The hooks of one run."""

    journal: Journal
    own: tuple[Hook, ...]
    of_repository: tuple[Hook, ...]
    bench: "Workbench"

    @classmethod
    def of(cls, journal: Journal, bench: "Workbench") -> "HookRuns":
        """Return the hooks of the user's settings and of the files that the run read."""
        state = journal.state
        texts = {
            path: state.files[path].text for path in with_manifests(hook_files(state.files), state.files)
        }
        of_repository = () if state.settings.no_hooks else hooks_of_repository(texts)
        return cls(journal, state.settings.hooks, of_repository, bench)

    @property
    def state(self) -> State:
        """The run's current state."""
        return self.journal.state

    def has(self, *events: str) -> bool:
        """Whether there are hooks of one of these events."""
        return any(hook.event in events for hook in (*self.own, *self.of_repository))

    @property
    def of_user(self) -> "HookRuns":
        """The user's own hooks alone, which run on this machine."""
        return HookRuns(self.journal, self.own, (), self.bench)

    @property
    def of_files(self) -> "HookRuns":
        """The repository's hooks alone, which run in sandboxes."""
        return HookRuns(self.journal, (), self.of_repository, self.bench)

    async def room(self, *, decides: bool) -> "HookRoom":
        """Return the sandbox of the repository's hooks. Raises SandboxError if it can't be opened."""
        return await self.bench.hook_room(self.state, self._kept(decides), decides=decides)

    def open_rooms_early(self) -> None:
        """Start to open the sandboxes of the hooks around calls, during the model's first call."""
        for event in ("PreToolUse", "PostToolUse"):
            if self.of_files.has(event):
                decides = event in DECIDING
                self.bench.open_hook_room_early(self.state, self._kept(decides), decides=decides)

    def _kept(self, decides: bool) -> "Callable[[], Keeps]":
        hooks = [hook for hook in self.of_repository if (hook.event in DECIDING) == decides]
        return partial(kept_by, hooks, self.state.files, decides=decides)

    async def before(
        self, subject: Subject, tree: "SessionTree | None", *, leaves: bool = False
    ) -> HookVerdict:
        """Run the hooks before a call or an edit, the repository's first.

        Each gets the input as changed by earlier hooks, so that the user's own hooks see the final call.
        A repository's hook can't allow anything.

        Args:
            tree: the model's session, whose files a repository's hooks see; None: those don't run.
            leaves: whether the call reaches beyond the sandbox; a repository's hook can't change its input.
        """
        asks, allows, remarks = "", False, []
        runs = await _Batch.begun(self, "PreToolUse", tree)
        for hook, is_own in runs.hooks(subject):
            name, root = runs.name(hook, subject), runs.root(is_own)
            fields = {
                "tool_name": name,
                "tool_input": subject.input(name, root),
                "tool_use_id": subject.call.id,
            }
            answer = await runs.answer(hook, is_own, fields)
            if answer.objection is not None:
                return HookVerdict(subject, f"[A hook blocked this call: {answer.objection}]")
            if answer.context:
                remarks.append(f"[A hook says: {answer.context}]")
            if answer.updated_input is not None and (is_own or not leaves):
                try:
                    subject = subject.with_input(name, root, answer.updated_input)
                except ValueError as error:
                    return HookVerdict(subject, f"[Not made: {error}]")
                remarks.append("[A hook has changed the input of this call before it was made.]")
            asks = asks or (answer.reason if answer.decision == "ask" else "")
            allows = allows or (is_own and answer.decision == "allow")
        return HookVerdict(subject, None, asks or None, allows and not asks, tuple(remarks))

    async def remarks(self, subject: Subject, result: ToolResult, tree: "SessionTree | None") -> list[str]:
        """Run the hooks after a call or an edit; return their remarks for the model."""
        remarks = []
        runs = await _Batch.begun(self, "PostToolUse", tree)
        for hook, is_own in runs.hooks(subject):
            name, root = runs.name(hook, subject), runs.root(is_own)
            fields = {
                "tool_name": name,
                "tool_input": subject.input(name, root),
                "tool_response": subject.response(result, root),
                "tool_use_id": subject.call.id,
            }
            answer = await runs.answer(hook, is_own, fields)
            remarks += [f"[A hook says: {text}]" for text in (answer.objection or answer.context,) if text]
        return remarks

    async def objection_to_stop(self, tree: "SessionTree | None", *, is_repeated: bool) -> str | None:
        """Run the hooks at the end of the model's work; return the text for the model if it must continue.

        Args:
            tree: the model's session, whose files a repository's hooks see; None: those don't run.
            is_repeated: whether the model continues because such a hook blocked its previous end.
        """
        runs = await _Batch.begun(self, "Stop", tree)
        for hook, is_own in runs.hooks():
            answer = await runs.answer(hook, is_own, {"stop_hook_active": is_repeated})
            if answer.objection is not None:
                return f"[A hook of the end says that the work isn't done: {answer.objection}]"
        return None

    async def context_of_repository(self, tree: "SessionTree", *, is_first: bool) -> str:
        """Run the repository's hooks for a message; return what they add to it.

        They can't block a message: the user has sent it.

        Args:
            is_first: whether it is the first message of a run, at which a session starts.
        """
        answers: list[HookAnswer] = []
        prompt = {"prompt": self.state.task.prompt[:MAX_OUTPUT]}
        for event, fields in (("SessionStart", {"source": "startup"}), ("UserPromptSubmit", prompt)):
            if event == "SessionStart" and not is_first:
                continue
            runs = await _Batch.begun(self.of_files, event, tree)
            for hook, is_own in runs.hooks(kind="startup"):
                answers.append(await runs.answer(hook, is_own, fields))
        return "\n".join(answer.context for answer in answers if answer.context)


class _Batch:
    """The hooks of one event, with the time that those of the repository have left."""

    def __init__(
        self, runs: HookRuns, event: str, tree: "SessionTree | None", room: "HookRoom | None"
    ) -> None:
        self._runs, self._event, self._tree, self._room = runs, event, tree, room
        self._left_s = REPOSITORY_S
        self._folder = runs.state.root

    @classmethod
    async def begun(cls, runs: HookRuns, event: str, tree: "SessionTree | None") -> "_Batch":
        """Return the hooks of one event, with the sandbox of the repository's open if it has any."""
        has_room = tree is not None and any(hook.event == event for hook in runs.of_repository)
        room = await runs.room(decides=event in DECIDING) if has_room else None
        return cls(runs, event, tree, room)

    def hooks(self, subject: Subject | None = None, kind: str = "") -> Iterator[tuple[Hook, bool]]:
        """Yield the hooks that cover a call, or a kind of start, each with whether it is the user's own."""
        subjects: Sequence[str] = subject.names if subject is not None else (kind,)
        of_repository = self._runs.of_repository if self._room is not None else ()
        for hook, is_own in (
            *((hook, False) for hook in of_repository),
            *((hook, True) for hook in self._runs.own),
        ):
            if hook.event != self._event or not any(covers(hook, name) for name in subjects):
                continue
            if subject is None or self._meets_conditions(hook, is_own, subject):
                yield hook, is_own

    def _meets_conditions(self, hook: Hook, is_own: bool, subject: Subject) -> bool:
        root = self.root(is_own)
        fields = subject.input(self.name(hook, subject), root) if hook.conditions else {}
        return all(matches_call(rule, subject.names, fields, root) for rule in hook.conditions)

    def name(self, hook: Hook, subject: Subject) -> str:
        """Return the name of the tool for a hook: the first that its matcher covers."""
        return next((name for name in subject.names if covers(hook, name)), subject.names[0])

    def root(self, is_own: bool) -> str:
        """Return the folder in which a hook runs."""
        if self._room is not None and not is_own:
            return self._room.session.root
        return self._folder or os.getcwd()

    async def answer(self, hook: Hook, is_own: bool, fields: dict[str, Any]) -> HookAnswer:
        """Run a hook; log it if it couldn't run, and show its message to the user."""
        journal, redact = self._runs.journal, self._runs.bench.redactor.redact
        async with shown_wait(journal.watch, redact(hook_wait(self._event, hook.shown))):
            answer = await self._run(hook, is_own, fields)
        if answer.problem:
            await journal.append(
                HookFailed(
                    event=self._event,
                    command=redact(hook.shown),
                    reason=redact(answer.problem),
                    of_repository=not is_own,
                    needs=answer.needs,
                )
            )
        if answer.message:
            note_of(journal.watch)(redact(answer.message))
        return answer

    async def _run(self, hook: Hook, is_own: bool, fields: dict[str, Any]) -> HookAnswer:
        document = hook_document(self._runs.state.run, self._event, self.root(is_own), **fields)
        if is_own or self._room is None:
            return await run_on_host(hook, document, self._folder)
        if self._left_s <= 0:
            return HookAnswer(problem=f"not run: the repository's hooks have used their {REPOSITORY_S:g} s")
        began = monotonic()
        try:
            answer = await self._run_apart(hook, document)
        except SandboxBroken:
            decides = self._event in DECIDING
            await self._runs.bench.close_hook_room(decides=decides)
            self._room = await self._runs.room(decides=decides)
            answer = await self._run_apart(hook, document)
        self._left_s -= monotonic() - began
        return answer

    async def _run_apart(self, hook: Hook, document: bytes) -> HookAnswer:
        """Run a hook of the repository in its sandbox. Raises SandboxBroken."""
        assert self._room is not None
        assert self._tree is not None
        async with self._room.at_work(self._tree, writes=self._event == "PostToolUse") as session:
            return await run_in_sandbox(hook, document, session, most_s=self._left_s)


async def with_context(turn: Turn, message: ChatMessage, *, is_first: bool) -> ChatMessage:
    """Return the user's message with what the repository's hooks add to it."""
    hooks = HookRuns.of(turn.journal, turn.bench)
    if not hooks.of_files.has("SessionStart", "UserPromptSubmit"):
        return message
    session_tree = await turn.bench.session(turn.state)
    try:
        context = await hooks.context_of_repository(session_tree, is_first=is_first)
    except SandboxBroken:  # the next call opens another session
        return message
    notes = hook_notes(turn.bench.redactor.redact(context), of_repository=True)
    return message.model_copy(update={"content": "\n\n".join([message.content, *notes])})
