"""HookRuns: hooks around calls and edits, at the end of a model's turn, and a repository's for a message."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from coder.config.hook_conditions import matches_call
from coder.config.hooks import covers, hooks_of_repository
from coder.engine.participants.hook_commands import (
    MAX_OUTPUT,
    HookAnswer,
    hook_document,
    run_in_sandbox,
    run_on_host,
)
from coder.engine.participants.hook_files import as_read, files_run_by
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
from sandbox import SandboxBroken, Session

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
    redact: Callable[[str], str] = str
    """Removes secrets from what is logged."""

    @classmethod
    def of(cls, journal: Journal, redact: Callable[[str], str] = str) -> "HookRuns":
        """Return the hooks of the user's settings and of the files that the run read."""
        state = journal.state
        texts = {
            path: state.files[path].text for path in with_manifests(hook_files(state.files), state.files)
        }
        of_repository = () if state.settings.no_hooks else hooks_of_repository(texts)
        return cls(journal, state.settings.hooks, of_repository, redact)

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
        return HookRuns(self.journal, self.own, (), self.redact)

    @property
    def of_files(self) -> "HookRuns":
        """The repository's hooks alone, which run in the sandbox."""
        return HookRuns(self.journal, (), self.of_repository, self.redact)

    async def before(self, subject: Subject, session: Session | None, *, leaves: bool = False) -> HookVerdict:
        """Run the hooks before a call or an edit, the repository's first.

        Each gets the input as changed by earlier hooks, so that the user's own hooks see the final call.
        A repository's hook can't allow anything.

        Args:
            session: where a repository's hooks run; None: they don't.
            leaves: whether the call reaches beyond the sandbox; a repository's hook can't change its input.
        """
        asks, allows, remarks = "", False, []
        runs = _Batch(self, "PreToolUse", session)
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

    async def remarks(self, subject: Subject, result: ToolResult, session: Session | None) -> list[str]:
        """Run the hooks after a call or an edit; return their remarks for the model."""
        remarks = []
        runs = _Batch(self, "PostToolUse", session)
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

    async def objection_to_stop(self, session: Session | None, *, is_repeated: bool) -> str | None:
        """Run the hooks at the end of the model's work; return the text for the model if it must continue.

        Args:
            session: where a repository's hooks run; None: they don't.
            is_repeated: whether the model continues because such a hook blocked its previous end.
        """
        runs = _Batch(self, "Stop", session)
        for hook, is_own in runs.hooks():
            answer = await runs.answer(hook, is_own, {"stop_hook_active": is_repeated})
            if answer.objection is not None:
                return f"[A hook of the end says that the work isn't done: {answer.objection}]"
        return None

    async def context_of_repository(self, session: Session, *, is_first: bool) -> str:
        """Run the repository's hooks for a message; return what they add to it.

        They can't block a message: the user has sent it.

        Args:
            is_first: whether it is the first message of a run, at which a session starts.
        """
        answers: list[HookAnswer] = []
        prompt = {"prompt": self.state.task.prompt[:MAX_OUTPUT]}
        for event, fields in (("SessionStart", {"source": "startup"}), ("UserPromptSubmit", prompt)):
            runs = _Batch(self.of_files, event, session)
            if event == "SessionStart" and not is_first:
                continue
            for hook, is_own in runs.hooks(kind="startup"):
                answers.append(await runs.answer(hook, is_own, fields))
        return "\n".join(answer.context for answer in answers if answer.context)


class _Batch:
    """The hooks of one event, with the time that those of the repository have left."""

    def __init__(self, runs: HookRuns, event: str, session: Session | None) -> None:
        self._runs, self._event, self._session = runs, event, session
        self._left_s = REPOSITORY_S
        self._folder = runs.state.root

    def hooks(self, subject: Subject | None = None, kind: str = "") -> Iterator[tuple[Hook, bool]]:
        """Yield the hooks that cover a call, or a kind of start, each with whether it is the user's own."""
        subjects: Sequence[str] = subject.names if subject is not None else (kind,)
        of_repository = self._runs.of_repository if self._session is not None else ()
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
        return self._session.root if self._session is not None and not is_own else self._folder or os.getcwd()

    async def answer(self, hook: Hook, is_own: bool, fields: dict[str, Any]) -> HookAnswer:
        """Run a hook; log it if it couldn't run, and show its message to the user."""
        journal, redact = self._runs.journal, self._runs.redact
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
        if is_own or self._session is None:
            return await run_on_host(hook, document, self._folder)
        if self._left_s <= 0:
            return HookAnswer(problem=f"not run: the repository's hooks have used their {REPOSITORY_S:g} s")
        began = monotonic()
        files = files_run_by(hook, self._runs.state.files)
        async with as_read(self._session, files):
            answer = await run_in_sandbox(hook, document, self._session, most_s=self._left_s)
        self._left_s -= monotonic() - began
        return answer


async def with_context(turn: Turn, message: ChatMessage, *, is_first: bool) -> ChatMessage:
    """Return the user's message with what the repository's hooks add to it."""
    hooks = HookRuns.of(turn.journal, turn.bench.redactor.redact)
    if not hooks.of_files.has("SessionStart", "UserPromptSubmit"):
        return message
    session_tree = await turn.bench.session(turn.state)
    try:
        context = await hooks.context_of_repository(session_tree.session, is_first=is_first)
    except SandboxBroken:  # the next call opens another session
        return message
    notes = hook_notes(turn.bench.redactor.redact(context), of_repository=True)
    return message.model_copy(update={"content": "\n\n".join([message.content, *notes])})
