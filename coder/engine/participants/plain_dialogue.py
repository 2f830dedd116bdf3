"""PlainDialogue: the messages of one turn between a run and a model without tools."""

from coder.engine.prompting.next_request import quoted
from coder.engine.turn.turn import Turn
from coder.engine.turn.whole_answer import ask_whole_answer
from coder.models.model import ChatMessage, Sampling


class PlainDialogue:
    """Begins with the task, the last answer and its outcome, which the state holds; it isn't logged."""

    def __init__(self, turn: Turn, first: list[ChatMessage]) -> None:
        """Begin with the messages of `first`."""
        self._turn, self._messages = turn, first

    @property
    def words(self) -> str | None:
        """The model's last answer; None if the last message isn't an answer."""
        latest = self._messages[-1]
        return latest.content if latest.role == "assistant" else None

    def say(self, words: str) -> None:
        """Add a user message; the answer before it is replaced by its quoted form."""
        if self.words is not None:
            self._messages[-1] = ChatMessage(role="assistant", content=quoted(self.words))
        self._messages.append(ChatMessage(role="user", content=words))

    async def ask(self, sampling: Sampling) -> None:
        """Ask for the next answer."""
        text = await ask_whole_answer(self._turn, self._messages, sampling=sampling)
        self._messages.append(ChatMessage(role="assistant", content=text))
