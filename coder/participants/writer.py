"""Writer: a small model goes on with a function that is begun for it; any other is asked for code."""

from coder.models.abilities import goes_on
from coder.participants.coder import Coder
from coder.participants.completer import Completer, can_go_on
from coder.run.message import Message
from coder.turn import Turn


class Writer:
    """Writes fresh answers."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Have code written by the Completer or the Coder."""
        begins = goes_on(turn.state.model) and can_go_on(turn.state)
        return await (Completer() if begins else Coder()).speak(turn)
