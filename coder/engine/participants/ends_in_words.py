"""EndsInWords: the end of a turn without a changed file, which is an answer after at most one follow-up."""

from coder.base.prompts import prompt
from coder.edits.code_blocks import find_blocks
from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.role import Role, takes_words, wants_files
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage
from coder.run.message import CodeMessage, Message, ReplyMessage
from coder.tools.registry import DONE
from coder.tools.text_mode import text_call


class EndsInWords:
    """The ends of one turn by tools, with what the model was told about them."""

    def __init__(self, turn: Turn, role: Role, dialogue: DialogueTurn) -> None:
        """Begin a turn."""
        self.doubted: dict[str, str] = {}
        """Whole files of the latest answer that are written only if the next answer repeats them."""
        self._turn, self._role, self._dialogue = turn, role, dialogue

    def end(self, code: CodeMessage) -> Message | str:
        """Return the message of a turn that the model ends, or a follow-up request for files.

        Args:
            code: the session's changes, with the words of the end.
        """
        state, nudge = self._turn.state, prompt("nudge")
        if code.changes.texts or code.changes.left_out or self._role.is_member:
            return code
        words, has_followed_up = self._words(nudge)
        if not words or not takes_words(state, self._role.name):
            return code
        if wants_files(state) and not has_followed_up:
            return nudge
        return ReplyMessage(author=self._role.name, text=words)

    @property
    def has_followed_up(self) -> bool:
        """Whether the model was told in this turn that no file has changed."""
        return self._words(prompt("nudge"))[1]

    def _words(self, nudge: str) -> tuple[str, bool]:
        """Return the words of the latest answer and of those before a follow-up, and whether one was sent."""
        messages = self._messages_of_turn()
        nudges = [
            index
            for index, message in enumerate(messages)
            if message.role != "assistant" and nudge in message.content
        ]
        ends = [
            explanation_in(messages[0].content) if len(messages) > 1 else "",
            *(_answer_before(messages, index) for index in nudges),
            _answer_before(messages, len(messages)),
        ]
        return "\n\n".join(dict.fromkeys(filter(None, ends))), bool(nudges)

    def _messages_of_turn(self) -> list[ChatMessage]:
        """Return the messages from this turn's first answer on."""
        messages, answers = self._dialogue.messages, len(self._turn.state.progress.pending)
        indices = [index for index, message in enumerate(messages) if message.role == "assistant"]
        return messages[indices[max(0, len(indices) - answers)] :] if indices and answers else []


def explanation_in(text: str) -> str:
    """Return an answer with a ```bash block if its words go on behind the block; else empty.

    Before a model is told that such a block is a call, it may only explain a command.
    """
    if text_call(text) is None:
        return ""
    ends_in_block = text.rstrip().endswith(("```", "~~~")) and find_blocks(text)[-1].language == "bash"
    return "" if ends_in_block else text.strip()


def _answer_before(messages: list[ChatMessage], end: int) -> str:
    """Return the words of the last answer before an index, with the summaries of its calls of `done`."""
    answer = next((message for message in reversed(messages[:end]) if message.role == "assistant"), None)
    if answer is None:
        return ""
    summaries = [
        str(call.parsed().get("summary") or "") for call in answer.tool_calls if call.name == DONE.name
    ]
    words = [answer.content.strip(), *(summary.strip() for summary in summaries)]
    return "\n\n".join(dict.fromkeys(filter(None, words)))
