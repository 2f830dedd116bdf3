"""Workplace: carries out a model's calls in the run's session, and logs their results and changes."""

from collections.abc import Mapping

from coder.models.model import ChatMessage, ToolCall
from coder.prompting.messages import late_baseline
from coder.run.event_types import ToolAnswered, ToolCalled
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.termination import named
from coder.tools.registry import Registry
from coder.tools.tool import Desk, ToolResult
from coder.turn import Turn
from coder.workspace.proposal import text_file
from sandbox import SandboxBroken

_RESTARTED = (
    "[The session was restarted: files are as after the last answered call, with what the user has edited "
    "since. Background programs, /tmp and what was installed are gone.]\n"
)
_CUT_OFF = (
    "[This call was cut off when the run stopped. It was not made again; nothing that it changed is kept.]"
)
_READ_ONLY = (
    "read-only here, as this machine lays no overlay: {}. Install elsewhere: npm install --prefix /tmp/node, "
    "with NODE_PATH=/tmp/node/node_modules"
)


class Workplace:
    """The tools of one turn, and the session that they act in, opened when one is first called."""

    def __init__(self, turn: Turn, tools: Registry) -> None:
        self._turn = turn
        self._tools = tools

    async def carry_out(self, call: ToolCall) -> ChatMessage:
        """Call a tool and return its result; an interrupted call is not made again."""
        turn, state = self._turn, self._turn.state
        if state.open_tool is not None and state.open_tool.id == call.id:
            return await self.tell(call, _CUT_OFF)
        await turn.baseline(0)
        is_new = not turn.bench.has_session()
        is_restarted = is_new and any(said.role == "tool" for said in state.dialogue)
        await turn.bench.session(state)
        redact = turn.bench.redactor.redact
        said, effect = redact(call.arguments), self._tools.has_effect(call.name)
        await turn.journal.append(
            ToolCalled(call=state.calls, id=call.id, name=call.name, arguments=said, effect=effect)
        )
        try:
            given, changes, left_out = await self._made(call)
        except SandboxBroken:  # nothing of the call stays
            is_restarted = True
            given, changes, left_out = await self._made(call, anew=True)
        text = redact(given.text)
        if new := [line for line in left_out if line not in _lines(state)]:
            text = f"{text}\n[left out, lands nowhere: {named(new)}]"
        if is_new and turn.bench.read_only:
            text = f"{text}\n[{_READ_ONLY.format(turn.bench.read_only)}]"
        answered = ToolAnswered(
            call=state.calls,
            id=call.id,
            name=call.name,
            text=f"{_RESTARTED}{text}" if is_restarted else text,
            exit_code=given.exit_code,
            seconds=given.seconds,
            running=given.running,
            images=given.images,
            changes=changes,
            left_out=left_out,
        )
        return await self._logged(answered)

    async def _made(
        self, call: ToolCall, *, anew: bool = False
    ) -> tuple[ToolResult, dict[str, StoredFile | None], tuple[str, ...]]:
        """What a call gave and changed, and what is left out; `anew` uses a new session."""
        work = await self._turn.bench.session(self._turn.state, anew=anew)
        bench = self._turn.bench

        def heard(chunk: bytes) -> None:
            if bench.on_output is not None:
                bench.on_output("stdout", chunk)

        def seconds_left() -> float:
            state = self._turn.state
            return max(1.0, state.budget.seconds - state.seconds)

        redact, sees = bench.redactor.redact, self._turn.abilities.sees is True
        desk = Desk(work.session, seconds_left, redact, heard, kernel=work.kernel, sees=sees)
        return await self._tools.answer(call, desk), *await work.changes()

    async def tell(self, call: ToolCall, text: str) -> ChatMessage:
        """Answer a call without making it."""
        state = self._turn.state
        lines = _lines(state)
        return await self._logged(
            ToolAnswered(call=state.calls, id=call.id, name=call.name, text=text, left_out=lines)
        )

    async def write(self, files: Mapping[str, str | None]) -> None:
        """Make the edits that stood in the text of an answer."""
        state, bench = self._turn.state, self._turn.bench
        changes: dict[str, StoredFile | None] = {
            path: text_file(text, like=state.tree.get(path) or state.files.get(path))
            for path, text in files.items()
        }
        if bench.has_session():
            await (await bench.session(state)).write(changes)
        made = ToolAnswered(call=state.calls, id="", name="edits", text="", changes=changes)
        await self._turn.journal.append(made)

    async def _logged(self, answered: ToolAnswered) -> ChatMessage:
        turn = self._turn
        if turn.state.owes_baseline:
            told = turn.bench.redactor.redact(late_baseline(turn.state, turn.abilities.context))
            answered = answered.model_copy(update={"text": f"{answered.text}\n[{told}]"})
        await turn.journal.append(answered)
        return ChatMessage(
            role="tool", content=answered.text, images=answered.images, tool_call_id=answered.id
        )


def _lines(state: State) -> tuple[str, ...]:
    """What was left out at the latest look, as the log has it."""
    return tuple(f"{path}: {reason}" for path, reason in state.left_out.items())
