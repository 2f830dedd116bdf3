"""SubagentWork: the turn of a subagent, whose first answer without a call is the result of its run."""

from coder.engine.participants.session_work import SessionWork
from coder.models.model import ToolCall
from coder.run.message import Message, ReplyMessage
from coder.tools.delegate_tool import REPORT, SubagentReport
from coder.tools.tool import read_arguments


class SubagentWork(SessionWork):
    """Work by tools until the model hands back a result; edits in its answers change no file."""

    def _give_up(self) -> Message:
        return self._report("[It made the same calls with the same results again and again.]")

    async def read(self) -> Message | None:
        """Return the result; None if the text was a call."""
        if self.talk.speaks_text():
            await self.talk.to_text()
            if self.talk.open_calls():
                return None
        return self._report(self.talk.words or "")

    async def _end(self, call: ToolCall) -> Message | str | None:
        """Return the message of `done`, or a text on its error; None for other calls."""
        if call.name != REPORT.name:
            return None
        try:
            return self._report(read_arguments(call.parsed(), SubagentReport, name=call.name).result)
        except ValueError as error:
            return f"error: {error}"

    def _report(self, text: str) -> ReplyMessage:
        return ReplyMessage(author=self._role.name, text=text)
