"""Coder: a dialogue with a model, by tools in the run's session or by edits in its answers."""

from typing import Protocol

from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.role import CODER, Role
from coder.engine.prompting.reprompt import target_now
from coder.engine.turn.turn import Turn
from coder.run.attempts import code_to_repair
from coder.run.message import Message


class Work(Protocol):
    """What differs with and without tools: where edits go, and what an answer means."""

    talk: DialogueTurn

    async def carry_out_calls(self) -> Message | None:
        """Carry out the calls of the last answer, and return the message of one that ends the turn."""

    async def ask(self) -> None:
        """Ask for the next answer."""

    async def read(self) -> Message | str | None:
        """Read an answer without calls: the turn's message, words for the model, or None to go on."""


async def converse(work: Work) -> Message:
    """Go on with the dialogue of some work until something ends the turn."""
    while True:
        if (message := await work.carry_out_calls()) is not None:
            return message
        if work.talk.words is None:
            await work.ask()
            continue
        reply = await work.read()
        if isinstance(reply, str):
            work.talk.say(reply)
        elif reply is not None:
            return reply


class Coder:
    """Works on the task by tools, or answers with edits: one turn of a dialogue."""

    name = CODER
    within: tuple[str, ...] = ()

    def __init__(self, role: Role | None = None, *, acts: bool | None = False) -> None:
        """Take a role.

        Args:
            acts: works by tools in a session; None: where its model can, and the sandbox has sessions.
        """
        self._role, self._acts = role or Role(), acts
        self.name, self.within = self._role.name, self._role.within

    async def speak(self, turn: Turn) -> Message:
        """Ask, carry out calls and read answers until one ends the turn."""
        return await converse(await self._work(turn))

    async def _work(self, turn: Turn) -> Work:
        acts = self._acts
        if acts is None:
            has_begun = bool(turn.state.dialogue.messages_of(self._role.dialogue))
            acts = has_begun or (turn.can_act and await turn.bench.has_sessions())
        if acts:
            from coder.engine.participants.session_work import SessionWork  # most small models have no tools

            return await SessionWork.begin(turn, self._role)
        from coder.engine.participants.text_work import TextWork, text_request

        view = await text_request(turn, target_now(turn.state), code_to_repair(turn.state))
        return TextWork(turn, self._role.name, view)
