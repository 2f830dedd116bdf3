"""PlanningWork: a turn of the Planner by commands, in a copy of the session that is discarded."""

import re
from typing import Self

from coder.base.prompts import prompt
from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.plan_approval import ANOTHER, approval, is_refusal, plan_message, refused_plan
from coder.engine.participants.role import Role
from coder.engine.participants.session_dialogue import in_session
from coder.engine.participants.session_work import carry_out, say_typed
from coder.engine.participants.workplace import Workplace
from coder.engine.turn.turn import Turn
from coder.models.model import ToolCall
from coder.run.message import Message, QuestionMessage, ReplyMessage, WordsMessage
from coder.run.termination import is_repeating
from coder.tools.registry import ASK, HAND_IN, Ask, HandIn
from coder.tools.tool import read_arguments

MOST_NUDGES = 1
"""Answers in words alone that are answered, before one is taken for the plan."""
_PLAN_LINE = re.compile(r"^[^\w\n]*PLAN[^\w\n]*$", re.MULTILINE)
"""How a model that speaks in text begins its plan."""


class PlanningWork:
    """Looks by commands until the plan is handed in; edits in its answers are words."""

    def __init__(self, turn: Turn, role: Role, talk: DialogueTurn, place: Workplace) -> None:
        """Go on with a dialogue, where its commands are carried out in `place`."""
        self.talk = talk
        self._turn, self._role, self._place = turn, role, place
        self._nudges = 0

    @classmethod
    async def begin(cls, turn: Turn, role: Role) -> Self:
        """The work of a turn, once its model was told what has happened since the last one."""
        return cls(turn, role, *await in_session(turn, role))

    async def carry_out_calls(self) -> Message | None:
        """Carry out the calls of the last answer, and return the message of one that ends the turn."""
        message = await carry_out(self.talk, self._place, self._end)
        if message is not None or is_repeating(self._turn.state):
            return message or WordsMessage(author=self._role.name)
        say_typed(self._turn, self.talk)
        return None

    async def ask(self) -> None:
        """Ask for the next answer."""
        await self.talk.ask(self._turn.state.settings.sampling())

    async def read(self) -> Message | str | None:
        """The plan or an answer in words, or words that ask for more; None where a text is a call."""
        text = self.talk.words or ""
        if self.talk.speaks_text():
            await self.talk.to_text()
            return None if self.talk.open_calls() else prompt("plan-text")
        is_text = self._turn.state.dialogue.is_text
        if is_text and (line := _PLAN_LINE.search(text)) is not None and text[line.end() :].strip():
            return await self._decided(text[line.end() :].strip())
        if self._turn.state.settings.chat:
            return ReplyMessage(author=self._role.name, text=text)
        if self._nudges == MOST_NUDGES:
            return await self._decided(text.strip())
        self._nudges += 1
        return prompt("plan-nudge")

    async def _end(self, call: ToolCall) -> Message | str | None:
        """The message of a call that ends the turn; what is wrong with it; None for any other call."""
        try:
            if call.name == HAND_IN.name:
                steps = read_arguments(call.parsed(), HandIn, name=call.name).steps
                return await self._decided("\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1)))
            if call.name == ASK.name:
                ask = read_arguments(call.parsed(), Ask, name=call.name)
                return QuestionMessage(author=self._role.name, text=ask.question, options=ask.options)
        except ValueError as error:
            return f"error: {error}"
        return None

    async def _decided(self, plan: str) -> Message | str:
        """The message of a plan as the user decides, or words that ask for another one."""
        state = self._turn.state
        answer = await approval(self._turn, plan, key=f"plan {state.spend.calls}")
        if answer is None or answer.agrees:
            return plan_message(plan)
        if is_refusal(state, answer):
            return refused_plan(plan)
        return prompt("plan-otherwise").format(words=answer.words or ANOTHER)
