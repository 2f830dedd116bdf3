"""SessionWork: a turn of a Coder with tools, whose edits stand in the run's session until it is done."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self

from coder.base.prompts import prompt
from coder.edits.answer import read_answer
from coder.edits.edit import Answered
from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.role import Role
from coder.engine.participants.session_dialogue import in_session
from coder.engine.participants.submission import code_message, has_new_tree
from coder.engine.participants.workplace import Workplace
from coder.engine.prompting.reprompt import asks, is_reply, target_now
from coder.engine.turn.turn import Turn
from coder.models.model import ToolCall
from coder.run.message import CodeMessage, HandoffMessage, Message, QuestionMessage, ReplyMessage
from coder.run.state import State
from coder.run.termination import is_repeating
from coder.run.watch import Listening
from coder.tools.registry import ASK, DONE, Ask, Done
from coder.tools.tool import read_arguments
from coder.workspace.consent import is_protected
from coder.workspace.overlay import to_ends

MOST_NUDGES = 2
"""Answers in a row that neither call a tool nor change a file, before such an answer ends the turn."""
_DONE_LINE = re.compile(r"^[^\w\n]*DONE[^\w\n]*$", re.MULTILINE)
"""How a model that speaks in text says that it is done."""


async def carry_out(
    talk: DialogueTurn, place: Workplace, end: Callable[[ToolCall], Awaitable[Message | str | None]]
) -> Message | None:
    """Carry out the open calls of a dialogue in their order.

    Args:
        end: returns the message of a call that ends the turn, what is wrong with it, or None.
    """
    for one in talk.open_calls():
        place.require_tool(one.call)
        ending = one.problem or await end(one.call)
        if ending is not None and not isinstance(ending, str):
            return ending
        if ending:
            talk.add(await place.tell(one.call, ending, failed=True))
        else:
            talk.add(await place.carry_out(one.call))
    return None


def say_typed(turn: Turn, talk: DialogueTurn) -> None:
    """Tell a model what the user has typed while it worked."""
    watch = turn.journal.watch
    if isinstance(watch, Listening) and (typed := "\n".join(watch.typed())):
        talk.say(typed)


class SessionWork:
    """Work of a turn by tools: its dialogue grows, and its edits are the tree of the session."""

    def __init__(self, turn: Turn, role: Role, talk: DialogueTurn, place: Workplace) -> None:
        """Go on with a dialogue, where the calls of its tools are carried out in `place`."""
        self.talk = talk
        self._turn, self._role, self._place = turn, role, place
        self._target = target_now(turn.state)
        self._nudges = 0
        """Answers in a row that were no call and no change."""

    @classmethod
    async def begin(cls, turn: Turn, role: Role) -> Self:
        """The work of a turn, once its model was told what has happened since the last one."""
        return cls(turn, role, *await in_session(turn, role))

    async def carry_out_calls(self) -> Message | None:
        """Carry out the calls of the last answer, and return the message of one that ends the turn."""
        message = await carry_out(self.talk, self._place, self._end)
        if message is not None or is_repeating(self._turn.state):
            return message or self._code("")
        say_typed(self._turn, self.talk)
        return None

    async def ask(self) -> None:
        """Ask for the next answer."""
        if await self.talk.ask(self._turn.state.settings.sampling()):
            self._nudges = 0

    async def read(self) -> Message | str | None:
        """The turn's message, words that ask for more, or None where an answer in text is a call."""
        reply = await self._reply()
        if not isinstance(reply, str):
            return reply
        if self._nudges == MOST_NUDGES:
            return self._code(self.talk.words or "")
        self._nudges += 1
        return reply

    async def _reply(self) -> Message | str | None:
        turn, text = self._turn, self.talk.words or ""
        answered = await self._edit(text)
        if answered is None:
            return ReplyMessage(author=self._role.name, text=text)
        if answered.problem is not None and not answered.empty:
            return answered.problem  # with the nearest lines; the model can look at the rest
        code = self._code(text)
        if answered.files or answered.apart:
            return code
        if self.talk.speaks_text():
            await self.talk.to_text()
            return None if self.talk.open_calls() else prompt("act-text")
        if code.changes.texts and (_DONE_LINE.search(text) or not code.repeats):
            return code
        if asks(text) and turn.state.settings.asks:
            return QuestionMessage(author=self._role.name, text=text)
        return prompt("stands" if code.changes.texts else "nudge")

    async def _edit(self, text: str) -> Answered | None:
        """Make the edits in the text of an answer that fit; None for words alone in a chat or a team."""
        state = self._turn.state
        files = {path: stored.text for path, stored in state.worked.items()}
        apart = partial(is_protected, state=state, target=self._target)
        answered = read_answer(
            text, files, default=self._target.path, expected=self._target.names, ignored=apart, in_part=True
        )
        is_talk = state.settings.chat or self._role.is_member
        if is_talk and is_reply(state.task.prompt, answered, text) and not has_new_tree(state):
            return None
        if answered.files or (answered.fits and answered.apart):
            edits = {**to_ends(answered.files, state.files), **to_ends(answered.apart, state.files)}
            await self._place.write(edits)
        return answered

    async def _end(self, call: ToolCall) -> Message | str | None:
        """The message of a call that ends the turn; what is wrong with it; None for any other call."""
        if dropped := _dropped(self._turn.state, call):
            return dropped
        try:
            if call.name in [spec.name for spec in self._role.endings]:
                words, to = str(call.parsed().get("words", "")), call.name.removeprefix("to_")
                return HandoffMessage(author=self._role.name, text=words, to=to)
            if call.name == DONE.name:
                done = read_arguments(call.parsed(), Done, name=call.name)
                return self._code(done.summary, check=done.check)
            if call.name == ASK.name:
                question = read_arguments(call.parsed(), Ask, name=call.name)
                return QuestionMessage(
                    author=self._role.name, text=question.question, options=tuple(question.options)
                )
        except ValueError as error:
            return f"error: {error}"
        return None

    def _code(self, text: str, *, check: str = "") -> CodeMessage:
        return code_message(self._turn.state, self._target, text, author=self._role.name, check=check)


def _dropped(state: State, call: ToolCall) -> str:
    """Why `done` isn't carried out behind a call that failed; empty where none did."""
    failed = state.dialogue.failed_tool
    if call.name != DONE.name or not failed:
        return ""
    return f"Not carried out: a call of `{failed}` before it failed. Read its result, then go on."
