"""Coder: a dialogue with a model that calls tools in the run's session or writes edits in its answers."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

from coder.engine.participants.role import CODER, Role
from coder.engine.turn.turn import Turn
from coder.run.message import Message

if TYPE_CHECKING:
    from coder.engine.participants.dialogue import DialogueTurn
    from coder.engine.participants.plain_dialogue import PlainDialogue


class Work(Protocol):
    """Protocol for the part of a turn that depends on tools: where edits go, and how an answer is read."""

    @property
    def talk(self) -> "DialogueTurn | PlainDialogue":
        """The messages of the turn."""

    async def carry_out_calls(self) -> Message | None:
        """Carry out the calls of the last answer; return the message of a call that ends the turn."""

    async def ask(self) -> None:
        """Ask the model for the next answer."""

    async def read(self) -> Message | str | None:
        """Read an answer without calls.

        Return the turn's message, a text for the model, or None to continue.
        """


class Conversing(ABC):
    """Base of participants whose turn is a dialogue with a model."""

    @abstractmethod
    async def begin(self, turn: Turn) -> Work:
        """Begin a turn, or continue one that was cut off."""

    async def speak(self, turn: Turn) -> Message:
        """Ask the model, carry out its calls and read its answers until one ends the turn."""
        work = await self.begin(turn)
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


class Coder(Conversing):
    """Works on the task in one turn of a dialogue: by tools, or by edits in its answers."""

    name = CODER

    def __init__(self, role: Role | None = None, *, acts: bool | None = False) -> None:
        """Initialize a participant with a role.

        Args:
            acts: whether the model works by tools; None: it does if the model and the sandbox support them.
        """
        self._role, self._acts = role or Role(), acts
        self.name, self.within = self._role.name, self._role.within

    async def begin(self, turn: Turn) -> Work:
        """Begin a turn with tools or without."""
        acts, state = self._acts, turn.state
        if acts is None:
            has_begun = bool(state.dialogue.messages_of(self._role.dialogue))
            acts = has_begun or (turn.can_act and await turn.bench.has_sessions())
        # Each is imported late, as a run needs only one of them.
        if not acts:
            from coder.engine.participants.text_work import TextWork

            return await TextWork.begin(turn, self._role)
        if state.settings.subagent is not None:
            from coder.engine.participants.subagent_work import SubagentWork

            return await SubagentWork.begin(turn, self._role)
        if state.task.answer_schema is not None:
            from coder.engine.participants.answer_work import AnswerWork

            return await AnswerWork.begin(turn, self._role)
        from coder.engine.participants.session_work import SessionWork

        return await SessionWork.begin(turn, self._role)
