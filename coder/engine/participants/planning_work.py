"""PlanningWork: a turn of the Planner by commands, in a copy of the session that is discarded."""

import re

from coder.base.prompts import prompt
from coder.engine.participants.plan_approval import (
    ANOTHER_PLAN,
    ask_approval,
    is_refusal,
    plan_message,
    refused_plan_message,
)
from coder.engine.participants.session_work import SessionWork
from coder.models.model import ToolCall
from coder.run.message import Message, QuestionMessage, ReplyMessage
from coder.run.team_message import WordsMessage
from coder.tools.plan_tool import HAND_IN, HandIn
from coder.tools.registry import ASK, Ask
from coder.tools.tool import read_arguments

MAX_NUDGES = 1
"""Answers without calls that are asked again, before one is taken as the plan."""
_PLAN_LINE = re.compile(r"^[^\w\n]*PLAN[^\w\n]*$", re.MULTILINE)
"""The line with which a model without native tool calls begins its plan."""


class PlanningWork(SessionWork):
    """Planning by commands until the model hands in a plan; edits in its answers change no file."""

    def _give_up(self) -> Message:
        return WordsMessage(author=self._role.name)

    async def ask(self) -> None:
        """Ask the model for the next answer; calls don't allow further answers without a call."""
        await self.talk.ask(self._turn.state.settings.sampling())

    async def read(self) -> Message | str | None:
        """Return the plan, an answer in words, or a follow-up request; None if the text was a call."""
        text = self.talk.words or ""
        if self.talk.speaks_text():
            await self.talk.to_text()
            return None if self.talk.open_calls() else prompt("plan-text")
        is_text = self._turn.state.dialogue.is_text
        if is_text and (line := _PLAN_LINE.search(text)) is not None and text[line.end() :].strip():
            return await self._decided(text[line.end() :].strip())
        if self._turn.state.settings.chat:
            return ReplyMessage(author=self._role.name, text=text)
        if self._nudges == MAX_NUDGES:
            return await self._decided(text.strip())
        self._nudges += 1
        return prompt("plan-nudge")

    async def _end(self, call: ToolCall) -> Message | str | None:
        """Return the message of a call that ends the turn, or a text on its error; None for other calls."""
        try:
            if call.name == HAND_IN.name:
                steps = read_arguments(call.parsed(), HandIn, name=call.name).steps
                return await self._decided(
                    "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
                )
            if call.name == ASK.name:
                ask = read_arguments(call.parsed(), Ask, name=call.name)
                return QuestionMessage(author=self._role.name, text=ask.question, options=ask.options)
        except ValueError as error:
            return f"error: {error}"
        return None

    async def _decided(self, plan: str) -> Message | str:
        """Return the message of a plan that the user approved or refused, or a request for another plan."""
        state = self._turn.state
        answer = await ask_approval(self._turn, plan, key=f"plan {state.spend.calls}")
        if answer is None or answer.agrees:
            return plan_message(plan)
        if is_refusal(state, answer):
            return refused_plan_message(plan)
        return prompt("plan-otherwise").format(words=answer.words or ANOTHER_PLAN)
