"""SubagentWork: the turn of a subagent, whose first answer without a call is the result of its run."""

from typing import Self

from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.role import Role
from coder.engine.participants.session_dialogue import in_session
from coder.engine.participants.session_work import carry_out
from coder.engine.participants.workplace import Workplace
from coder.engine.turn.turn import Turn
from coder.models.model import ToolCall
from coder.run.message import Message, ReplyMessage
from coder.run.termination import is_repeating
from coder.tools.delegate_tool import REPORT, Report
from coder.tools.tool import read_arguments


class SubagentWork:
    """Work by tools until the model hands back a result; edits in its answers change no file."""

    def __init__(self, turn: Turn, role: Role, dialogue: DialogueTurn, workplace: Workplace) -> None:
        """Continue a dialogue; `workplace` carries out its tool calls."""
        self.talk = dialogue
        self._turn, self._role, self._place = turn, role, workplace

    @classmethod
    async def begin(cls, turn: Turn, role: Role) -> Self:
        """Return the work of a subagent, begun or continued."""
        return cls(turn, role, *await in_session(turn, role))

    async def carry_out_calls(self) -> Message | None:
        """Carry out the calls of the last answer; return the message of a call that ends the turn."""
        message = await carry_out(self.talk, self._place, self._end)
        if message is None and is_repeating(self._turn.state):
            return self._reply("[It made the same calls with the same results again and again.]")
        return message

    async def ask(self) -> None:
        """Ask the model for the next answer."""
        await self.talk.ask(self._turn.state.settings.sampling())

    async def read(self) -> Message | None:
        """Return the result; None if the text was a call."""
        if self.talk.speaks_text():
            await self.talk.to_text()
            if self.talk.open_calls():
                return None
        return self._reply(self.talk.words or "")

    async def _end(self, call: ToolCall) -> Message | str | None:
        """Return the message of `done`, or a text on its error; None for other calls."""
        if call.name != REPORT.name:
            return None
        try:
            return self._reply(read_arguments(call.parsed(), Report, name=call.name).result)
        except ValueError as error:
            return f"error: {error}"

    def _reply(self, text: str) -> ReplyMessage:
        return ReplyMessage(author=self._role.name, text=text)
