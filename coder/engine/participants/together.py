"""Together: members of a team that speak concurrently, without reading one another's messages."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from coder.engine.participants.participant import Participant
from coder.engine.turn.turn import Turn
from coder.run.message import Message


@dataclass(frozen=True, slots=True)
class Together:
    """Participants that speak concurrently: the loop takes their turns."""

    concurrent: tuple[Participant, ...]

    @property
    def name(self) -> str:
        """The names of the participants, joined."""
        return " + ".join(part.name for part in self.concurrent)

    async def speak(self, turn: Turn) -> Message:
        """Raise TypeError: the loop takes the participants' turns instead."""
        raise TypeError("several participants take no single turn")


async def take_turns(turns: Sequence[Coroutine[Any, Any, Message | None]]) -> list[Message | None]:
    """Take turns concurrently, and return their messages in order. Raises the first error of a turn."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(turn) for turn in turns]
    except BaseExceptionGroup as errors:  # a participant's error is raised as if it spoke alone
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
