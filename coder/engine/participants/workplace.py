"""Workplace: carries out a model's calls in the run's session, and logs their results and changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from coder.base.errors import Refused
from coder.engine.participants.allowed_hosts import ask_about_hosts, open_allowed_hosts, refuse_page
from coder.engine.participants.call_notes import (
    BROKEN,
    cut_off_words,
    denied_lines,
    program_effects,
    with_notes,
)
from coder.engine.participants.call_permission import CallPermission
from coder.engine.participants.program_calls import ProgramCalls
from coder.engine.participants.submission import write_edits
from coder.engine.prompting.task_parts import late_baseline
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, ToolCall
from coder.run.event_types import ToolAnswered, ToolCalled
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.tools.registry import Registry
from coder.tools.tool import Desk, Fetches, ToolResult
from sandbox import SandboxBroken

if TYPE_CHECKING:
    from coder.environment.session_tree import SessionTree, Tree

_CODE_TOOLS = ("bash", "python")
"""Tools whose programs may call the user's tools."""


class Workplace:
    """The tools of one turn, and the session that they work in, which opens at the first call."""

    def __init__(self, turn: Turn, tools: Registry) -> None:
        self._turn, self._tools = turn, tools
        self.permission = CallPermission(turn, tools)
        """Asks the user about calls."""

    async def session_tree(self, *, anew: bool = False) -> "SessionTree":
        """Return the run's session, or the copy of it whose changes are discarded."""
        bench, state = self._turn.bench, self._turn.state
        is_on_copy = state.dialogue.session.original is not None
        return await (bench.copy_session if is_on_copy else bench.session)(state, anew=anew)

    async def carry_out(self, call: ToolCall) -> ChatMessage:
        """Call a tool and return its result; an interrupted call is not made again."""
        turn, state = self._turn, self._turn.state
        if not self._has_worked():  # asked before the call, as a refused one has a result, too
            turn.bench.fresh.add(state.dialogue.participant)
        has_effect, open_tool = self._tools.has_effect(call.name), state.dialogue.session.open_tool
        is_cut_off = open_tool is not None and open_tool.id == call.id
        if is_cut_off and not (has_effect and await self.permission.is_made_again(call)):
            return await self._tell_lost(call, cut_off_words(state), open_allowed_hosts(turn))
        admitted = await self._admit(call, is_cut_off=is_cut_off)
        if isinstance(admitted, ChatMessage):
            return admitted
        call = admitted
        open_allowed_hosts(turn)
        await turn.baseline(0)
        await self.session_tree()
        is_new = state.dialogue.participant not in turn.bench.known_to
        is_restarted = is_new and state.dialogue.participant not in turn.bench.fresh
        arguments, calls = turn.bench.redactor.redact(call.arguments), state.spend.calls
        await turn.journal.append(
            ToolCalled(call=calls, id=call.id, name=call.name, arguments=arguments, effect=has_effect)
        )
        try:
            result, changes, left_out = await self._make(call)
        except SandboxBroken:  # the call has left nothing
            if state.settings.in_place or program_effects(turn.state, call):
                return await self._tell_lost(call, BROKEN, anew=True)
            is_restarted = True
            result, changes, left_out = await self._make(call, anew=True)
        turn.bench.known_to.add(state.dialogue.participant)
        turn.bench.fresh.discard(state.dialogue.participant)
        result = self._checked(result)
        new_lines = [line for line in left_out if line not in _left_out_lines(state)]
        if turn.state.settings.rules is not None and changes:
            new_lines += denied_lines(turn.state, changes)
        read_only = turn.bench.read_only if is_new else ""
        if new_lines or read_only or is_restarted:
            text = with_notes(result.text, turn.state, new_lines, read_only, is_restarted=is_restarted)
            result = replace(result, text=text)
        return await self._log(call, result, changes, left_out)

    def _has_worked(self) -> bool:
        """Whether the dialogue holds results of calls in a session; `delegate` doesn't count."""
        messages = self._turn.state.dialogue.messages
        answered = {message.tool_call_id for message in messages if message.role == "tool"}
        calls = (call for message in messages for call in message.tool_calls)
        made = (call for call in calls if call.arguments != "{}")  # what one is given that was no JSON
        return any(call.id in answered and self._tools.find(call.name) is not None for call in made)

    async def _admit(
        self, call: ToolCall, *, is_cut_off: bool, settled_by: str = ""
    ) -> ToolCall | ChatMessage:
        """Return the call to make, or the result of one that the user refuses. Raises Waits.

        Args:
            settled_by: who has allowed the call already.
        """
        refusal, tool = None, self._tools.find(call.name)
        if not is_cut_off and self._tools.has_effect(call.name):
            refusal = await self.permission.refusal(call, settled_by=settled_by)
        if not is_cut_off and refusal is None and isinstance(tool, Fetches):
            refusal = await refuse_page(self._turn, tool, call)
        return call if refusal is None else await self.tell(call, refusal, is_failure=True)

    def _checked(self, result: ToolResult) -> ToolResult:
        """Return a result without secrets, checked by the guards; a refused text becomes the reason."""
        bench = self._turn.bench
        try:
            return replace(result, text=bench.guards.check(bench.redactor.redact(result.text), "tool_result"))
        except Refused as refusal:
            return replace(result, text=f"[{refusal}]", images=(), failed=True)

    async def _make(
        self, call: ToolCall, *, anew: bool = False
    ) -> tuple[ToolResult, dict[str, StoredFile | None], tuple[str, ...]]:
        """Make a call. Return its result, changed files and files left out; `anew` opens a new session."""
        session_tree = await self.session_tree(anew=anew)
        bench = self._turn.bench

        def on_output(chunk: bytes) -> None:
            if bench.on_output is not None:
                bench.on_output("stdout", chunk)

        def seconds_left() -> float:
            state = self._turn.state
            return max(1.0, state.spend.budget.timeout - state.spend.seconds)

        redact, sees = bench.redactor.redact, self._turn.abilities.sees is True
        desk = Desk(
            session_tree.session, seconds_left, redact, on_output, kernel=session_tree.kernel, sees=sees
        )
        if self._tools.own and call.name in _CODE_TOOLS:
            programs = ProgramCalls(self._turn, self._tools, call, self.permission.refusal)
            result = await programs.carry_out(desk)
        else:
            result = await self._tools.answer(call, desk)
        remarks = await self._remarks(result, session_tree)
        changes, left_out = await session_tree.changes()
        if not self._tools.has_effect(call.name):
            remarks += await ask_about_hosts(self._turn)
        return replace(result, text="\n".join([result.text, *remarks])), changes, left_out

    async def _remarks(self, result: ToolResult, tree: "SessionTree") -> list[str]:
        """Return remarks to add to a call's result, before its changes are read."""
        return []

    async def _tell_lost(
        self, call: ToolCall, reason: str, hosts: str = "", *, anew: bool = False
    ) -> ChatMessage:
        """Answer a call whose result was lost; keep its changes if the run works in place."""
        text = f"{reason}{program_effects(self._turn.state, call)}{hosts}"
        changes: Tree = {}
        if self._turn.state.settings.in_place:
            changes, _ = await (await self.session_tree(anew=anew)).changes()
        return await self.tell(call, text, is_failure=True, changes=changes)

    async def tell(
        self,
        call: ToolCall,
        text: str,
        *,
        is_failure: bool = False,
        changes: "Tree | None" = None,
        seconds: float = 0.0,
    ) -> ChatMessage:
        """Answer a call without making it; `is_failure` marks the answer as an error."""
        result = ToolResult(text, seconds=seconds, failed=is_failure)
        return await self._log(call, result, changes or {}, _left_out_lines(self._turn.state))

    async def write_edits(self, files: Mapping[str, str | None]) -> str:
        """Write the edits of an answer's text; return remarks for the model."""
        await write_edits(self._turn, files)
        return ""

    async def take_over(self, changes: "Tree") -> None:
        """Write files of a subagent, or of an answer's text, into the session."""
        await (await self._turn.bench.session(self._turn.state)).write(changes)

    async def _log(
        self, call: ToolCall, result: ToolResult, changes: "Tree", left_out: Sequence[str]
    ) -> ChatMessage:
        turn, text = self._turn, result.text
        if turn.state.dialogue.owes_baseline:
            report = turn.bench.redactor.redact(late_baseline(turn.state, turn.abilities.context))
            text = f"{text}\n[{report}]"
        await turn.journal.append(
            ToolAnswered(
                call=turn.state.spend.calls,
                id=call.id,
                name=call.name,
                text=text,
                exit_code=result.exit_code,
                seconds=result.seconds,
                failed=result.failed,
                refused=result.refused,
                running=result.running,
                images=result.images,
                changes=dict(changes),
                left_out=tuple(left_out),
            )
        )
        return ChatMessage(role="tool", content=text, images=result.images, tool_call_id=call.id)


def _left_out_lines(state: State) -> tuple[str, ...]:
    """Return the files that the latest look left out, with reasons, from the log."""
    return tuple(f"{path}: {reason}" for path, reason in state.dialogue.session.left_out.items())
