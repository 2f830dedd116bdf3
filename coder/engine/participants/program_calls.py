"""Calls of the user's tools by programs of a session. Those with effects are asked about and logged."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from coder.base.text.sanitize import terminal_text
from coder.engine.turn.turn import Turn
from coder.models.model import JsonObject, ToolCall
from coder.run.event_types import CodeAnswered, CodeCalled
from coder.tools.code_mode import MakeCall, ProgramRequests, module_for
from coder.tools.registry import Registry
from coder.tools.tool import Desk, Tool, ToolResult

_LOGGED = 2_000
"""Characters of arguments and results in the log."""
Refused = Callable[[ToolCall, str], Awaitable[str | None]]
"""Words to the program where the user doesn't allow a call; the key tells it from others."""


class ProgramCalls:
    """One call of the model's, and the calls that its programs make."""

    def __init__(self, turn: Turn, tools: Registry, call: ToolCall, refused: Refused) -> None:
        self._turn, self._tools, self._call, self._refused = turn, tools, call, refused
        self._effects = asyncio.Lock()
        """Effects come one after the other, so that at most one can have been cut off."""
        self._limit = asyncio.timeout(None)
        self._failure: Exception | None = None

    async def carry_out(self, desk: Desk) -> ToolResult:
        """Carry out the model's call, with the tools at hand. Raises Waits: a person must answer first."""
        program = ProgramRequests(self._tools.own, desk, self._guarded)

        async def answer(request: bytes) -> bytes:
            try:
                return await program.answer(request)
            except ValueError:
                raise
            except Exception as error:  # the run is over, or waits: the model's call ends with it
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
        return result

    async def _guarded(self, tool: Tool, arguments: JsonObject, make: MakeCall) -> ToolResult:
        redact, journal = self._turn.bench.redactor.redact, self._turn.journal
        arguments_text = redact(json.dumps(arguments, ensure_ascii=False))
        call = ToolCall(id=self._call.id, name=tool.spec.name, arguments=arguments_text)
        logged = CodeCalled(id=call.id, name=call.name, arguments=arguments_text[:_LOGGED])
        async with self._effects:
            effects = (
                self._turn.state.dialogue.session.effects
            )  # also of other calls: each needs a word of its own
            alike = sum((one.name, one.arguments) == (logged.name, logged.arguments) for one in effects)
            if refused := await self._refused(call, f"{call.name} {arguments_text} {alike}"):
                raise ValueError(refused)
            await journal.append(logged)
            try:
                result = await make()
            except ValueError as error:
                await journal.append(self._answered(call, f"error: {error}"))
                raise
            await journal.append(self._answered(call, result.text))
            return result

    def _answered(self, call: ToolCall, text: str) -> CodeAnswered:
        excerpt = self._turn.bench.redactor.redact(terminal_text(text[: 2 * _LOGGED]))[:_LOGGED]
        return CodeAnswered(id=call.id, name=call.name, text=excerpt)
