"""HookGate: the one gate for a model's calls and edits, also those in the text of an answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from coder.engine.turn.turn import Turn
from coder.models.model import ToolCall
from coder.run.questions import Question

if TYPE_CHECKING:
    from coder.engine.participants.hook_inputs import HookedEdit, Subject
    from coder.engine.participants.hook_runs import HookRuns
    from coder.environment.session_tree import SessionTree
    from coder.tools.tool import Tool, ToolResult
    from sandbox import Session

MAX_SHOWN = 100_000
"""A call with more characters of arguments can't be allowed, because nobody reads them."""
Texts = Mapping[str, str | None]


def mcp_name_of(tool: "Tool | None") -> str:
    """Return the name `mcp__SERVER__TOOL` of a tool; empty if no MCP server has it."""
    return str(getattr(tool, "mcp_name", ""))


@dataclass(frozen=True, slots=True)
class Passage:
    """A call at the gate."""

    call: ToolCall
    """The call with its final arguments."""
    refusal: str | None = None
    """Why the call isn't made, for the model; None: it may be made."""
    subjects: tuple["Subject", ...] = ()
    """Subjects of the hooks after the call."""
    settled_by: Literal["", "hook", "person"] = ""
    """Who has allowed the call: one of the user's own hooks, or the user at the request of a hook."""
    remarks: tuple[str, ...] = ()
    """Remarks of hooks for the model."""


@dataclass(slots=True)
class EditedTexts:
    """Edits in the text of an answer, as the hooks before a tool left or refused them."""

    texts: dict[str, str | None] = field(default_factory=dict)
    """New texts by path; None: removed."""
    refusals: list[str] = field(default_factory=list)
    """Why edits aren't made, for the model."""
    remarks: list[str] = field(default_factory=list)
    """Remarks of hooks for the model."""
    edits: list["HookedEdit"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class HookGate:
    """The hooks around the calls and edits of one turn."""

    turn: Turn
    hooks: "HookRuns"

    @property
    def of_user(self) -> "HookGate":
        """The gate of the user's own hooks alone."""
        return HookGate(self.turn, self.hooks.of_user)

    async def enter(
        self,
        call: ToolCall,
        session: "Session",
        tree: "SessionTree | None" = None,
        *,
        mcp_name: str = "",
        leaves: bool = False,
    ) -> Passage:
        """Run the hooks before a call, and ask the user if a hook requests it.

        Args:
            session: where the call is made.
            tree: the session's files, which a repository's hooks see; None: those don't run.
            mcp_name: `mcp__SERVER__TOOL` for a tool of an MCP server, by which a matcher may name it.
            leaves: whether the call reaches beyond the sandbox.

        Raises:
            Waits: nobody can answer now.
        """
        subjects = await _subjects_of(call, session, mcp_name)
        passed: list[Subject] = []
        remarks: list[str] = []
        reason, is_allowed = None, bool(subjects)
        for subject in subjects:
            verdict = await self.hooks.before(subject, tree, leaves=leaves)
            if verdict.refusal is not None:
                return Passage(call, verdict.refusal)
            reason, is_allowed = reason or verdict.asks, is_allowed and verdict.allows
            passed.append(verdict.subject)
            remarks += verdict.remarks
        try:
            call = _updated(call, subjects, passed)
        except ValueError as error:
            return Passage(call, f"[Not made: {error}]")
        if reason is not None and (refusal := await self._ask(call, reason)) is not None:
            return Passage(call, refusal)
        settled_by: Literal["", "hook", "person"] = "hook" if is_allowed else ""
        settled_by = "person" if reason is not None else settled_by
        return Passage(call, None, tuple(passed), settled_by, tuple(dict.fromkeys(remarks)))

    async def leave(self, passage: Passage, result: "ToolResult", tree: "SessionTree | None") -> list[str]:
        """Run the hooks after a call that was made; return their remarks for the model."""
        remarks = list(passage.remarks)
        if result.failed and passage.call.name == "edit":  # no file was changed
            return remarks
        for subject in passage.subjects:
            remarks += await self.hooks.remarks(subject, result, tree)
        return remarks

    async def enter_texts(self, texts: Texts, before: Texts, tree: "SessionTree | None") -> EditedTexts:
        """Run the hooks before each edit of an answer's text; an edit that a hook blocks is left out.

        Args:
            before: the files as they are.
        """
        from coder.engine.participants.hook_inputs import HookedEdit  # imported late: few runs have hooks

        passed = EditedTexts()
        for path, text in texts.items():
            if path in before and before[path] == text:
                continue
            edit = HookedEdit(ToolCall(id="", name="edit", arguments="{}"), path, before.get(path), text)
            verdict = await self.hooks.before(edit, tree)
            refusal, changed = verdict.refusal, verdict.subject
            assert isinstance(changed, HookedEdit)
            if changed.path != path:  # which files an answer may change was decided before
                refusal = refusal or f"Not made: a hook changed the path to {changed.path}."
            if refusal is None and verdict.asks is not None:
                refusal = await self._ask(_shown_call(changed), verdict.asks)
            if refusal is not None:
                passed.refusals.append(f"[The change of {path} was not made.] {refusal}")
                continue
            passed.texts[changed.path] = changed.after
            passed.remarks += verdict.remarks
            passed.edits.append(changed)
        return passed

    async def leave_texts(self, passed: EditedTexts, tree: "SessionTree | None") -> None:
        """Run the hooks after the edits of an answer's text, and add their remarks."""
        from coder.tools.tool import ToolResult

        for edit in passed.edits:
            passed.remarks += await self.hooks.remarks(edit, ToolResult(""), tree)

    async def _ask(self, call: ToolCall, reason: str) -> str | None:
        """Ask the user about a call at the request of a hook; return the refusal, or None."""
        from coder.engine.participants.call_permission import call_key, call_words

        state = self.turn.state
        if state.progress.parent is not None:
            return f"[A hook wants the user to decide on this call, and nobody is asked here: {reason}]"
        text = self.turn.bench.redactor.redact(call_words(call))
        if len(text) > MAX_SHOWN:
            return f"[Not made: a person is shown {MAX_SHOWN:,} characters of a call, and it is longer.]"
        question = Question(
            kind="approve",
            about="tools",
            text=f"A hook asks: {reason}\nCall {text}",
            options=("yes", "no"),
            by=self.turn.participant,
        )
        answer = await self.turn.question(question, key=f"hook {call_key(state, call)}")
        if answer.agrees:
            return None
        return f"[The user did not allow this call.{f' They say: {answer.words}' if answer.words else ''}]"


def hooks_of(turn: Turn) -> "HookRuns | None":
    """Return the hooks of a run; None if there are none."""
    if not turn.has_hooks:
        return None
    from coder.engine.participants.hook_runs import HookRuns  # imported late: few runs have hooks

    hooks = HookRuns.of(turn.journal, turn.bench)
    return hooks if hooks.own or hooks.of_repository else None


def gate_of(turn: Turn) -> HookGate | None:
    """Return the gate of a turn; None if no hook runs around calls."""
    hooks = hooks_of(turn)
    return HookGate(turn, hooks) if hooks is not None and hooks.has("PreToolUse", "PostToolUse") else None


async def _subjects_of(call: ToolCall, session: "Session", mcp_name: str) -> "list[Subject]":
    """Return the subjects of hooks in a call: for an edit, each changed file; none if it doesn't apply."""
    from coder.engine.participants.hook_inputs import HookedCall, HookedEdit
    from coder.tools.edit_tool import patch_of, planned_edit

    if call.name != "edit" or mcp_name:
        return [HookedCall(call, mcp_name)]
    try:
        arguments = call.parsed()
        plan = await planned_edit(arguments, session)
        old, new = arguments.get("old"), arguments.get("new")
        is_exact = patch_of(arguments) is None and isinstance(old, str) and isinstance(new, str) and bool(old)
    except ValueError:
        return []
    replacement = (str(old), str(new), arguments.get("all") is True) if is_exact else None
    return [
        HookedEdit(call, path, plan.before.get(path), text, replacement) for path, text in plan.after.items()
    ]


def _updated(call: ToolCall, subjects: "list[Subject]", passed: "list[Subject]") -> ToolCall:
    """Return the call as hooks have changed it. Raises ValueError if no single call makes the changes."""
    from coder.engine.participants.hook_inputs import HookedEdit

    if passed == subjects:
        return call
    if len(passed) > 1:
        raise ValueError("a hook changed the input of one file of a patch: make the edits one by one")
    return passed[0].as_call() if isinstance(passed[0], HookedEdit) else passed[0].call


def _shown_call(edit: "HookedEdit") -> ToolCall:
    """Return a call with which an edit of an answer's text is shown to the user."""
    arguments = json.dumps(edit.input("Edit", "."), ensure_ascii=False)
    return edit.call.model_copy(update={"arguments": arguments})
