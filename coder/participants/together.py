"""Together: several participants whose turns are taken at the same time; their messages stand in order."""

from dataclasses import dataclass

from coder.participants.participant import Participant
from coder.run.message import Message
from coder.turn import Turn


@dataclass(frozen=True, slots=True)
class Together:
    """Speaks through its parts: the loop takes their turns (`loop.speak`)."""

    parts: tuple[Participant, ...]

    @property
    def name(self) -> str:
        """The names of its parts."""
        return " + ".join(part.name for part in self.parts)

    async def speak(self, turn: Turn) -> Message:
        """Never called. Raises TypeError."""
        raise TypeError("several turns are no single one")
