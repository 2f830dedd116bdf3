"""Calls of the user's tools by programs of a session. Calls with effects are approved and logged."""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from coder.base.text.sanitize import terminal_text
from coder.engine.participants.call_notes import program_effects
from coder.engine.participants.hook_gate import gate_of, mcp_name_of
from coder.engine.turn.turn import Turn
from coder.models.model import JsonObject, ToolCall
from coder.run.event_types import CodeAnswered, CodeCalled
from coder.tools.code_mode import MakeCall, ProgramRequests, module_for
from coder.tools.registry import Registry
from coder.tools.tool import Desk, Tool, ToolResult

if TYPE_CHECKING:
    from coder.engine.participants.hook_gate import Passage

_LOGGED_CHARACTERS = 2_000
"""Characters of arguments and results in the log."""


class CallRefusal(Protocol):
    """Function that returns a text for the program if the user refuses a call; `key` tells calls apart."""

    def __call__(self, call: ToolCall, key: str, *, settled_by: str) -> Awaitable[str | None]:
        """Return the text; None: the call may be made."""


class ProgramCalls:
    """One tool call of the model, and the calls that its programs make."""

    def __init__(
        self,
        turn: Turn,
        tools: Registry,
        call: ToolCall,
        refused: CallRefusal,
    ) -> None:
        """Serve the programs of a call, whose calls pass the user's own hooks, too."""
        self._turn, self._tools, self._call, self._refused = turn, tools, call, refused
        self._gate = gate.of_user if (gate := gate_of(turn)) is not None else None
        self._effects = asyncio.Lock()
        """Calls with effects run one at a time, so that an interruption cuts off at most one."""
        self._limit = asyncio.timeout(None)
        self._failure: Exception | None = None

    async def carry_out(self, desk: Desk) -> ToolResult:
        """Carry out a call whose programs may call tools; if one is killed, the result names its calls.

        Raises Waits if a person must answer first.
        """
        program = ProgramRequests(self._tools.own, desk, partial(self._guarded, desk))

        async def answer(request: bytes) -> bytes:
            try:
                return await program.answer(request)
            except ValueError:
                raise
            except Exception as error:  # the run has ended or waits, so the model's call ends
                self._failure = self._failure or error
                self._limit.reschedule(asyncio.get_running_loop().time())
                raise ValueError("the run has ended") from error

        session, result = desk.session, ToolResult("")
        try:
            async with self._limit:
                await session.serve(answer, module=module_for(self._turn.state.files), clock=program.clock)
                try:
                    result = await self._tools.answer(self._call, desk)
                finally:
                    await session.serve(None)
        except TimeoutError:
            if self._failure is None:
                raise
        if self._failure is not None:
            raise self._failure
        is_killed = result.exit_code is None and not result.running
        if is_killed or self._turn.state.dialogue.session.open_effect is not None:
            return replace(result, text=f"{result.text}{program_effects(self._turn.state, self._call)}")
        return result

    async def _guarded(
        self, desk: Desk, tool: Tool, arguments: JsonObject, make_call: MakeCall
    ) -> ToolResult:
        """Make a call that hooks let pass; one with effects is permitted and logged, too."""
        redact, journal = self._turn.bench.redactor.redact, self._turn.journal
        text = json.dumps(arguments, ensure_ascii=False)
        call = ToolCall(id=self._call.id, name=tool.spec.name, arguments=text)  # whole: hooks may update it
        settled_by = ""
        if self._gate is not None:
            passage = await self._pass_gate(call, desk)
            settled_by = passage.settled_by
            if passage.call is not call:
                call, arguments = passage.call, passage.call.parsed()
        arguments_text = redact(call.arguments)
        if not tool.effect:
            return await make_call(arguments)
        call_event = CodeCalled(id=call.id, name=call.name, arguments=arguments_text[:_LOGGED_CHARACTERS])
        async with self._effects:
            earlier_effects = self._turn.state.dialogue.session.effects  # repeated calls need distinct keys
            repeat_count = sum(
                (effect.name, effect.arguments) == (call_event.name, call_event.arguments)
                for effect in earlier_effects
            )
            key = f"{call.name} {arguments_text} {repeat_count}"
            if refusal := await self._refused(call, key, settled_by=settled_by):
                raise ValueError(refusal)
            await journal.append(call_event)
            try:
                result = await make_call(arguments)
            except ValueError as error:
                await journal.append(self._result_event(call, f"error: {error}"))
                raise
            await journal.append(self._result_event(call, result.text))
            return result

    async def _pass_gate(self, call: ToolCall, desk: Desk) -> "Passage":
        """Return a call as the hooks let it pass. Raises ValueError if a hook blocks it."""
        assert self._gate is not None
        mcp_name = mcp_name_of(self._tools.find(call.name))
        passage = await self._gate.enter(call, desk.session, mcp_name=mcp_name, leaves=True)
        if passage.refusal is not None:
            raise ValueError(passage.refusal)
        return passage

    def _result_event(self, call: ToolCall, text: str) -> CodeAnswered:
        excerpt = self._turn.bench.redactor.redact(terminal_text(text[: 2 * _LOGGED_CHARACTERS]))[
            :_LOGGED_CHARACTERS
        ]
        return CodeAnswered(id=call.id, name=call.name, text=excerpt)
