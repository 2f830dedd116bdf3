"""HookedWorkplace: a workplace whose calls and edits pass the hooks of the user and of the repository."""

from collections.abc import Mapping

from coder.engine.participants.hook_gate import HookGate, Passage, mcp_name_of
from coder.engine.participants.submission import write_edits
from coder.engine.participants.workplace import Workplace
from coder.engine.turn.turn import Turn
from coder.environment.session_tree import SessionTree
from coder.models.model import ChatMessage, ToolCall
from coder.run.event_types import ToolAnswered
from coder.tools.registry import Registry
from coder.tools.tool import Fetches, ToolResult
from sandbox import SandboxBroken


class HookedWorkplace(Workplace):
    """The tools of one turn, behind a gate of hooks."""

    def __init__(self, turn: Turn, tools: Registry, gate: HookGate) -> None:
        super().__init__(turn, tools)
        self._gate = gate
        gate.hooks.open_rooms_early()
        self._passage: Passage | None = None
        """The call that is being made, as the gate has let it pass."""

    async def _admit(
        self, call: ToolCall, *, is_cut_off: bool, settled_by: str = ""
    ) -> ToolCall | ChatMessage:
        passage = await self._enter(call)
        if passage.refusal is not None:
            changes = (await (await self.session_tree()).changes())[0]
            refusal = self._turn.bench.redactor.redact(passage.refusal)
            return await self.tell(call, refusal, is_failure=True, changes=changes)
        self._passage = passage
        return await super()._admit(passage.call, is_cut_off=is_cut_off, settled_by=passage.settled_by)

    async def _enter(self, call: ToolCall) -> Passage:
        """Run the hooks before a call, in a new session if the open one breaks down. Raises Waits."""
        mcp_name = mcp_name_of(self._tools.find(call.name))
        leaves = call.name in [tool.spec.name for tool in self._tools.own]
        leaves = leaves or isinstance(self._tools.find(call.name), Fetches)
        tree = await self.session_tree()
        try:
            return await self._gate.enter(call, tree.session, tree, mcp_name=mcp_name, leaves=leaves)
        except SandboxBroken:
            tree = await self.session_tree(anew=True)
            return await self._gate.enter(call, tree.session, tree, mcp_name=mcp_name, leaves=leaves)

    async def _remarks(self, result: ToolResult, tree: SessionTree) -> list[str]:
        assert self._passage is not None
        return await self._gate.leave(self._passage, result, tree)

    async def write_edits(self, files: Mapping[str, str | None]) -> str:
        """Write the edits that hooks allow; return the hooks' remarks for the model."""
        turn, gate = self._turn, self._gate
        session_tree = await self.session_tree() if gate.hooks.of_repository else None
        before = {path: stored.text for path, stored in turn.state.worked_at_answer.items()}
        passed = await gate.enter_texts(files, before, session_tree)
        await write_edits(turn, passed.texts)
        await gate.leave_texts(passed, session_tree)
        if session_tree is not None and (changes := (await session_tree.changes())[0]):
            calls = turn.state.spend.calls
            event = ToolAnswered(call=calls, id="", name="edits", text="", changes=changes)
            await turn.journal.append(event)
        return turn.bench.redactor.redact("\n".join([*passed.refusals, *passed.remarks]))
