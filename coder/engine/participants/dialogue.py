"""DialogueTurn: the messages between a run and its model, with native tool calls or in plain text.

The dialogue is logged and only grows, except for folds (`folding.py`). If an endpoint refuses tools, the
dialogue continues in plain text, where one ```bash block is a call.
"""

from collections.abc import Sequence

from coder.base.errors import ContextTooLong, ModelError, ToolsRefused
from coder.engine.prompting.first_request import system_words
from coder.engine.prompting.folding import is_too_long, shortened_dialogue
from coder.engine.prompting.task_parts import hook_notes
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, Form, Sampling
from coder.models.tokens import is_cut
from coder.run.event_types import ContextFolded
from coder.tools.protocol import Settled, settled
from coder.tools.text_mode import as_text, speaks_tools, text_call

_MAX_FOLDS = 3
"""Folds of one request that is too long for its model."""


class DialogueTurn:
    """The dialogue of a run with its model, as it grows in one turn."""

    def __init__(
        self,
        turn: Turn,
        form: Form,
        first: list[ChatMessage],
        *,
        endings: Sequence[str] = (),
        plans: bool = False,
    ) -> None:
        """Continue the logged dialogue, or begin with the messages of `first`.

        Args:
            endings: names of further tools that end a turn.
            plans: whether this is the Planner's dialogue.
        """
        self._turn, self._form = turn, form
        self._endings, self._plans = endings, plans
        self.messages = list(turn.state.dialogue.messages) or first
        self._is_text = turn.state.dialogue.is_text
        if self._is_text:
            self.messages = as_text(self.messages)

    @property
    def words(self) -> str | None:
        """The model's last answer; None if the last message isn't an answer."""
        latest = self.messages[-1]
        return latest.content if latest.role == "assistant" else None

    def ends_with(self, words: str) -> bool:
        """Return whether the last message isn't the model's and contains `words`, as after a restart."""
        latest = self.messages[-1]
        return latest.role != "assistant" and self._turn.bench.redactor.redact(words) in latest.content

    def open_calls(self) -> list[Settled]:
        """Return the calls of the last answer that have no result, in order, as `settled` returns them."""
        indices = reversed(range(len(self.messages)))
        last = next((index for index in indices if self.messages[index].role == "assistant"), None)
        if last is None:
            return []
        answer, results = self.messages[last], self.messages[last + 1 :]
        pending_answers = self._turn.state.progress.pending
        is_cut_off = bool(pending_answers) and pending_answers[-1].finish == "length"
        if self._is_text:
            only_call = text_call(answer.content, cut_off=is_cut_off) if not results else None
            return [only_call] if only_call is not None else []
        earlier_ids = {call.id for message in self.messages[:last] for call in message.tool_calls}
        calls = settled(
            answer.tool_calls,
            [spec.name for spec in self._form.tools],
            cut_off=is_cut_off,
            earlier_ids=earlier_ids,
            endings=self._endings,
        )
        valid_calls = tuple(settled_call.call for settled_call in calls)
        self.messages[last] = answer.model_copy(update={"tool_calls": valid_calls})
        answered_ids = {message.tool_call_id for message in results}
        return [settled_call for settled_call in calls if settled_call.call.id not in answered_ids]

    def add(self, message: ChatMessage) -> None:
        """Add a tool's result to the dialogue."""
        self.messages.append(message)
        if self._is_text:
            self.messages = as_text(self.messages)

    def say(self, words: str) -> None:
        """Add a user message."""
        self.add(ChatMessage(role="user", content=words))

    async def ask(self, sampling: Sampling) -> bool:
        """Ask for the next answer, and return whether it calls a tool."""
        self._tell_context()
        window = self._turn.abilities.context
        if is_too_long(self.messages, window):
            await self._fold(window)
        for _ in range(_MAX_FOLDS - 1):
            try:
                return await self._ask_with_tools(sampling)
            except ContextTooLong:
                if not await self._fold(None):
                    raise
        return await self._ask_with_tools(sampling)

    def _tell_context(self) -> None:
        """Add what hooks said when the run was resumed, unless a message contains it."""
        context = self._turn.state.inputs.resume_context
        if context and not any(context in message.content for message in self.messages):
            self.say("\n".join(hook_notes(context)))

    def speaks_text(self) -> bool:
        """Return whether the last answer shows that its model can't call tools natively."""
        state = self._turn.state
        pending_answers = state.progress.pending
        has_called = bool(pending_answers) and pending_answers[-1].model in state.dialogue.callers
        names = [spec.name for spec in self._form.tools]
        return not self._is_text and not has_called and speaks_tools(self.words or "", names)

    async def to_text(self, reason: str = "The model writes its calls as text.") -> None:
        """Continue the dialogue in plain text, as the last answer's model does."""
        self._is_text = True
        self.messages = as_text(self.messages)
        system_text = system_words(self._turn.state, "text", plans=self._plans)
        self.messages[0] = ChatMessage(role="system", content=system_text)
        folded = ContextFolded(messages=tuple(self.messages), in_text=True, reason=reason)
        await self._turn.journal.append(folded)

    async def _ask_with_tools(self, sampling: Sampling) -> bool:
        try:
            answer = await self._answer(sampling)
        except ToolsRefused as error:
            await self.to_text(str(error))
            answer = await self._answer(sampling)
        self.messages.append(answer)
        return bool(answer.tool_calls) or (self._is_text and text_call(answer.content) is not None)

    async def _answer(self, sampling: Sampling) -> ChatMessage:
        form = None if self._is_text else self._form
        answer = await self._turn.answer(self.messages, sampling=sampling, form=form, in_dialogue=True)
        if is_cut(self.messages, answer.usage):
            raise ModelError(
                f"The server of {answer.model} read {answer.usage.input_tokens:,} tokens, less than half of "
                "the first request: it silently drops what its context can't hold.\n"
                "Let it read more (Ollama: OLLAMA_CONTEXT_LENGTH=32768, for its server and for coder)."
            )
        return ChatMessage(
            role="assistant", content=answer.text, tool_calls=answer.tool_calls, opaque=answer.opaque
        )

    async def _fold(self, window: int | None) -> bool:
        """Fold the dialogue, or cut it if `window` is None. Return False if nothing can be left out."""
        shorter = shortened_dialogue(self.messages, window, plan=self._turn.state.dialogue.plan)
        if shorter is None:
            return False
        self.messages = shorter
        await self._turn.journal.append(ContextFolded(messages=tuple(shorter)))
        return True
