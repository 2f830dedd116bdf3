"""DialogueTurn: the messages between a run and its model, with native tool calls, in plain text or without.

With tools it only grows, except for folds (`folding.py`), and is kept in the log; an endpoint that refuses
tools gets plain text from then on: one ```bash block is a call. Without tools, each turn begins with the
task, the last answer and its outcome, which the state holds.
"""

from collections.abc import Sequence

from coder.base.errors import ContextTooLong, ModelError, ModelRefused
from coder.engine.prompting.acting import system_words
from coder.engine.prompting.folding import folded, is_too_long
from coder.engine.prompting.reprompt import quoted
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, Form, Sampling
from coder.models.tokens import is_cut, shorten_longest
from coder.run.event_types import ContextFolded
from coder.tools.protocol import Settled, settled
from coder.tools.text_mode import as_text, speaks_tools, text_call

_MOST_FOLDS = 3
"""Of one request that stays too long for its model."""


class DialogueTurn:
    """The messages of one step of a run."""

    def __init__(
        self,
        turn: Turn,
        form: Form | None,
        first: list[ChatMessage],
        *,
        endings: Sequence[str] = (),
        plans: bool = False,
    ) -> None:
        """Go on with the log's, or begin with `first`.

        Without a form there are no tools: `first` is the whole dialogue, folded, and the log keeps no other.

        Args:
            endings: further tools that end a turn.
            plans: the dialogue is the Planner's.
        """
        state = turn.state
        self._endings, self._plans = endings, plans
        self._turn = turn
        self._form = form
        self._names = [spec.name for spec in form.tools] if form is not None else []
        self._talk = first if form is None else list(state.dialogue.messages) or first
        self._is_text = form is not None and state.dialogue.is_text
        if self._is_text:
            self._talk = as_text(self._talk)

    @property
    def words(self) -> str | None:
        """The model's last words; None before its first answer."""
        last = self._talk[-1]
        return last.content if last.role == "assistant" else None

    def ends_with(self, words: str) -> bool:
        """Whether the last message is ours and holds these words: the turn is taken again."""
        last = self._talk[-1]
        return last.role != "assistant" and self._turn.bench.redactor.redact(words) in last.content

    def open_calls(self) -> list[Settled]:
        """The calls of the last answer without a result, in order, as settled."""
        at = max((i for i, message in enumerate(self._talk) if message.role == "assistant"), default=None)
        if at is None:
            return []
        earlier = {call.id for message in self._talk[:at] for call in message.tool_calls}
        pending = self._turn.state.progress.pending
        cut_off = bool(pending) and pending[-1].finish == "length"
        if self._is_text:
            call = text_call(self._talk[at].content, cut_off=cut_off) if self._talk[at:][1:] == [] else None
            return [call] if call is not None else []
        calls = settled(
            self._talk[at].tool_calls,
            self._names,
            cut_off=cut_off,
            earlier_ids=earlier,
            endings=self._endings,
        )
        self._talk[at] = self._talk[at].model_copy(update={"tool_calls": tuple(one.call for one in calls)})
        answered = {message.tool_call_id for message in self._talk[at + 1 :]}
        return [one for one in calls if one.call.id not in answered]

    def add(self, message: ChatMessage) -> None:
        """Add a tool's result."""
        self._talk.append(message)
        if self._is_text:
            self._talk = as_text(self._talk)

    def say(self, words: str) -> None:
        """Add words of ours; without tools, behind the answer as a request quotes it."""
        if self._form is None and self.words is not None:
            self._talk[-1] = ChatMessage(role="assistant", content=quoted(self.words))
        self.add(ChatMessage(role="user", content=words))

    async def ask(self, sampling: Sampling) -> bool:
        """Ask for the next answer, and return whether it calls something."""
        if self._form is None:
            text = await self._turn.ask(self._talk, sampling=sampling)
            self._talk.append(ChatMessage(role="assistant", content=text))
            return False
        window = self._turn.abilities.context
        if is_too_long(self._talk, window):
            await self._fold(window)
        for folds_left in reversed(range(_MOST_FOLDS)):
            try:
                return await self._asked(sampling)
            except ContextTooLong:
                if not folds_left or not await self._fold(None):
                    raise
        raise AssertionError("a loop that always returns or raises")

    def speaks_text(self) -> bool:
        """Whether the last answer shows that its model knows no tools."""
        state = self._turn.state
        pending = state.progress.pending
        has_called = bool(pending) and pending[-1].model in state.dialogue.callers
        return not self._is_text and not has_called and speaks_tools(self.words or "")

    async def to_text(self) -> None:
        """Speak in plain text from here on."""
        self._is_text = True
        self._talk = as_text(self._talk)
        words = system_words(self._turn.state, in_text=True, plans=self._plans)
        self._talk[0] = ChatMessage(role="system", content=words)
        await self._turn.journal.append(ContextFolded(messages=tuple(self._talk), in_text=True))

    async def _asked(self, sampling: Sampling) -> bool:
        try:
            answer = await self._answer(sampling)
        except ContextTooLong:
            raise
        except ModelRefused:
            if self._is_text:
                raise
            await self.to_text()
            answer = await self._answer(sampling)
        self._talk.append(answer)
        return bool(answer.tool_calls) or (self._is_text and text_call(answer.content) is not None)

    async def _answer(self, sampling: Sampling) -> ChatMessage:
        form = None if self._is_text else self._form
        answer = await self._turn.answer(self._talk, sampling=sampling, form=form, in_dialogue=True)
        if is_cut(self._talk, answer.usage):
            raise ModelError(
                f"The server of {answer.model} read {answer.usage.input_tokens:,} tokens, less than half of "
                "the first request: it silently drops what its context can't hold.\n"
                "Let it read more (Ollama: OLLAMA_CONTEXT_LENGTH=32768, for its server and for coder)."
            )
        return ChatMessage(
            role="assistant", content=answer.text, tool_calls=answer.tool_calls, opaque=answer.opaque
        )

    async def _fold(self, window: int | None) -> bool:
        """Fold the dialogue, or, without a window, cut it; False where nothing can be left out."""
        shorter: list[ChatMessage] | None = folded(self._talk, window, plan=self._turn.state.dialogue.plan)
        if shorter == self._talk:
            shorter = shorten_longest(self._talk) if window is None else None
        if shorter is None:
            return False
        self._talk = shorter
        await self._turn.journal.append(ContextFolded(messages=tuple(shorter)))
        return True
