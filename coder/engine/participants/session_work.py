"""SessionWork: a turn of a Coder with tools, whose edits change the files of the run's session."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.ends_in_words import EndsInWords
from coder.engine.participants.role import Role
from coder.engine.participants.session_dialogue import in_session
from coder.engine.participants.submission import code_message
from coder.engine.participants.workplace import Workplace
from coder.engine.prompting.task_parts import current_target
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, ToolCall
from coder.run.message import CodeMessage, Message, QuestionMessage, ReplyMessage
from coder.run.team_message import HandoffMessage
from coder.run.termination import is_repeating
from coder.run.watch import typed_lines
from coder.tools.registry import ASK, DONE, Ask, Done
from coder.tools.tool import read_arguments

if TYPE_CHECKING:
    from coder.engine.participants.delegating import Delegating
    from coder.engine.participants.end_hooks import EndHooks

MAX_NUDGES = 2
"""Answers in a row without a call or a changed file that get a reply; one more ends the turn."""


class SessionWork:
    """Work of a turn by tools: the dialogue grows, and edits change the session's files.

    Roles with other endings are subclasses: they read calls and answers that may end a turn in other ways.
    """

    def __init__(self, turn: Turn, role: Role, dialogue: DialogueTurn, workplace: Workplace) -> None:
        """Continue a dialogue; `workplace` carries out its tool calls."""
        self.talk = dialogue
        self._turn, self._role, self._place = turn, role, workplace
        self._target = current_target(turn.state)
        self._delegating: Delegating | None = None
        self._nudges = 0
        """Answers in a row without a call or a change."""
        self._ends = EndsInWords(turn, role, dialogue)
        self._end_hooks: EndHooks | None = None

    @classmethod
    async def begin(cls, turn: Turn, role: Role) -> Self:
        """Return the work of a turn, once its model knows what happened since its last turn."""
        return cls(turn, role, *await in_session(turn, role))

    async def carry_out_calls(self) -> Message | None:
        """Carry out the calls of the last answer, in order; return the message of one that ends the turn.

        Lines that the user has typed meanwhile, and messages to the run, are added after the results.
        """
        calls = self.talk.open_calls()
        for index, settled_call in enumerate(calls):
            call = settled_call.call
            self._place.permission.require_tool(call)
            ending = settled_call.problem or await self._end(call)
            if ending is not None and not isinstance(ending, str):
                return ending
            if ending:
                result = await self._place.tell(call, ending, is_failure=True)
            elif call.name == "delegate":
                result = await self._delegate(
                    call, [later.call for later in calls[index + 1 :] if not later.problem]
                )
            else:
                result = await self._place.carry_out(call)
            self.talk.add(result)
        if is_repeating(self._turn.state):
            return self._give_up()
        lines = typed_lines(self._turn.journal.watch)
        if words := await self._turn.journal.take_messages(lines, self._turn.bench.redactor.redact):
            self.talk.say(words)
        return None

    def _give_up(self) -> Message:
        """Return the message of a turn whose model makes the same call again and again."""
        return self._code("")

    async def _delegate(self, call: ToolCall, following: Sequence[ToolCall]) -> ChatMessage:
        """Return the result of a subagent; `following` calls may start other subagents concurrently."""
        if self._delegating is None:
            from coder.engine.participants.delegating import Delegating  # imported late: few runs need it

            assert self._turn.children is not None
            self._delegating = Delegating(self._turn, self._place, self._turn.children())
        return await self._delegating.answer(call, following)

    async def ask(self) -> None:
        """Ask the model for the next answer."""
        self._turn.bench.has_run_stop_hooks = False
        if await self.talk.ask(self._turn.state.settings.sampling()):
            self._nudges = 0

    async def read(self) -> Message | str | None:
        """Return the turn's message or a follow-up request. None: the answer was text with a call."""
        reply = await self._reply()
        if not isinstance(reply, str):
            return await self._ended(reply) if isinstance(reply, CodeMessage | ReplyMessage) else reply
        if self._nudges == MAX_NUDGES:
            return self._code(self.talk.words or "")
        self._nudges += 1
        return reply

    async def _reply(self) -> Message | str | None:
        from coder.engine.participants.answer_text import AnswerText  # imported late: most answers are calls

        return await AnswerText(self._turn, self._role, self.talk, self._place, self._ends).read()

    async def _end(self, call: ToolCall) -> Message | str | None:
        """Return the message of a call that ends the turn, or a text on its error; None for other calls."""
        if call.name == DONE.name and (tool := self._turn.state.dialogue.failed_tool):
            return f"Not carried out: a call of `{tool}` before it failed. Read its result, then go on."
        try:
            if call.name in [spec.name for spec in self._role.endings]:
                words, receiver = str(call.parsed().get("words", "")), call.name.removeprefix("to_")
                return HandoffMessage(author=self._role.name, text=words, to=receiver)
            if call.name == DONE.name:
                message = self._done(call)
                return message if isinstance(message, str) else await self._ended(message)
            if call.name == ASK.name:
                ask = read_arguments(call.parsed(), Ask, name=call.name)
                return QuestionMessage(author=self._role.name, text=ask.question, options=ask.options)
        except ValueError as error:
            return f"error: {error}"
        return None

    async def _ended(self, message: Message) -> Message | str:
        """Run the hooks of the end; return the message that ends the turn, or why the model must continue."""
        if not self._turn.has_hooks or self._turn.state.progress.parent is not None:
            return message
        from coder.engine.participants.end_hooks import EndHooks  # imported late: few runs have hooks

        self._end_hooks = self._end_hooks or EndHooks(self._turn)
        return await self._end_hooks.checked(message)

    def _done(self, call: ToolCall) -> Message | str:
        """Return the message of a call of `done`, or a follow-up request if no file has changed.

        Raises ValueError if its arguments don't fit.
        """
        arguments = read_arguments(call.parsed(), Done, name=call.name)
        return self._ends.end(self._code(arguments.summary, check=arguments.check))

    def _code(self, text: str, *, check: str = "") -> CodeMessage:
        return code_message(self._turn.state, self._target, text, author=self._role.name, check=check)
