"""Model calls, logged before and after, within the budget, with secrets redacted.

A request whose answer is in the log already makes no call.
"""

import hashlib
from collections.abc import Sequence
from itertools import takewhile

from coder.base.errors import ModelError, SharedBudgetEmpty
from coder.base.text.redact import Redactor
from coder.base.text.thoughts import separate_thoughts
from coder.base.usage import Used
from coder.models.abilities import answer_limit, reserved
from coder.models.answer_parts import Retry, Switch
from coder.models.model import Answer, ChatMessage, Form, Model, Sampling
from coder.models.tokens import input_tokens
from coder.run.budget import is_spent_on_reasoning, over_budget, room_for_answer, spent_budget
from coder.run.event_types import (
    BudgetReached,
    CallAnswered,
    CallIntended,
    CallRetried,
    CallSwitched,
    Limit,
    ModelCallFailed,
)
from coder.run.journal import Journal


class BudgetSpent(Exception):
    """A limit forbids the next call. The log already holds the limit."""


def request_key(messages: Sequence[ChatMessage], sampling: Sampling, form: Form | None = None) -> str:
    """Return the SHA-256 of a redacted request, which identifies the request."""
    parts = [message.model_dump_json() for message in messages] + [sampling.model_dump_json()]
    if form is not None:
        parts.append(form.model_dump_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class LoggedCalls:
    """The model calls of one turn."""

    def __init__(self, model: Model, participant: str, journal: Journal, redactor: Redactor) -> None:
        self._model, self._participant, self._journal = model, participant, journal
        self._redactor = redactor
        self._clean: dict[str, str] = {}
        self.stored = [*journal.state.progress.pending]
        """Logged answers of an interrupted turn."""
        self.bound_by: Limit | None = None
        """The budget limit that shortened the latest answer."""

    async def call(
        self,
        request: list[ChatMessage],
        sampling: Sampling,
        form: Form | None = None,
        *,
        in_dialogue: bool = False,
        is_part: bool = False,
    ) -> CallAnswered:
        """Make one call and log it, or return the logged answer to this request.

        Args:
            is_part: the answer continues another one, in which its thoughts may begin.

        Raises:
            BudgetSpent: the call would exceed a limit.
            Refused: a guard refused the answer.
        """
        model, key = self._model, request_key(request, sampling, form)
        if (stored := self._take_stored(key)) is not None:
            return stored
        tokens_in = input_tokens(request, form)
        async with self._journal.intending:
            state, spend = self._journal.state, self._journal.spend
            answer_tokens, self.bound_by = room_for_answer(
                spend, tokens_in=tokens_in, most=reserved(model, sampling), price=model.price
            )
            if self.bound_by is not None or answer_limit(model, sampling) is not None:
                sampling = sampling.model_copy(update={"room": answer_tokens})
            logged_count = _kept(state.dialogue.messages, request) if in_dialogue else 0
            intent = CallIntended(
                call=state.spend.calls + 1,
                participant=self._participant,
                key=key,
                messages=tuple(request[logged_count:]),
                kept=logged_count,
                in_dialogue=in_dialogue,
                sampling=sampling,
                form=form,
                reserved_tokens=tokens_in + answer_tokens,
                reserved_usd=model.price(tokens_in, answer_tokens),
            )
            if exceeded := over_budget(spend, intent):
                await self._journal.append(exceeded)
                raise BudgetSpent(exceeded.text)
            await self._journal.append(intent)
        answer = await self._call_model(intent, request)
        if not is_part:
            answer = answer.model_copy(update=separate_thoughts(answer.text, answer.reasoning))
        answer = await self._admit(intent, answer.redacted(self._redactor.redact))
        body = CallAnswered(call=intent.call, key=key, **dict(answer))
        await self._journal.append(body)
        return body

    def _take_stored(self, key: str) -> CallAnswered | None:
        """Return the logged answer to a request and remove it; None if there is none."""
        index = next((position for position, answer in enumerate(self.stored) if answer.key == key), None)
        if index is None:
            return None
        answer, is_last = self.stored.pop(index), index == len(self.stored)
        # A last answer without room for text has ended the run; the limit may be higher now.
        return None if is_last and is_spent_on_reasoning(answer) else answer

    async def _call_model(self, intent: CallIntended, request: Sequence[ChatMessage]) -> Answer:
        stream = self._redactor.stream()

        async def on_retry(retry: Retry | Switch) -> None:
            kind = CallSwitched if isinstance(retry, Switch) else CallRetried
            await self._journal.append(kind(call=intent.call, **retry.model_dump()))
            if exceeded := spent_budget(self._journal.spend):
                raise await self._ended(intent, exceeded)

        form = {"form": intent.form} if intent.form is not None else {}
        try:
            return await self._model.answer(
                request,
                sampling=intent.sampling,
                on_token=lambda text: self._show(stream.feed(text)),
                on_retry=on_retry,
                callers=self._journal.state.dialogue.callers,
                **form,
            )
        except SharedBudgetEmpty as end:
            raise await self._ended(intent, BudgetReached(limit="shared", text=str(end)), end.lost) from end
        except ModelError as error:
            await self._journal.append(failure(intent, error, error.lost))
            raise
        finally:
            self._show(stream.finish())

    def _show(self, token: str) -> None:
        """Show a piece of an answer, without secrets, while the model writes it."""
        if token:
            self._journal.watch.token(token)

    async def _admit(self, intent: CallIntended, answer: Answer) -> Answer:
        """Return an answer without secrets, as it is logged."""
        return answer

    async def _ended(self, intent: CallIntended, end: BudgetReached, lost: Used | None = None) -> BudgetSpent:
        """Log the end of an intended call at a limit, which frees the reserved tokens."""
        error = BudgetSpent(end.text)
        await self._journal.append(failure(intent, error, lost), end)
        return error

    def clean_messages(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages as the model may read them; each text is checked once. Raises Refused."""
        clean: list[ChatMessage] = []
        for message in messages:
            text = self._clean.get(message.content)
            if text is None:
                text = self._cleaned(message.content)
                self._clean[message.content] = text
            is_unchanged = text == message.content
            clean.append(message if is_unchanged else message.model_copy(update={"content": text}))
        return clean

    def _cleaned(self, text: str) -> str:
        """Return a text without secrets."""
        return self._redactor.redact(text)


def failure(intent: CallIntended, error: Exception, lost: Used | None = None) -> ModelCallFailed:
    """Return the event of a call without an answer."""
    return ModelCallFailed(call=intent.call, error=type(error).__name__, message=str(error), lost=lost)


def _kept(dialogue: Sequence[ChatMessage], request: Sequence[ChatMessage]) -> int:
    """Return the number of messages at the start of a request that the run's dialogue already holds."""
    # A model's own comparison takes thirty times as long, and a dialogue is compared with each request.
    comparisons = (
        vars(logged_message) == vars(sent_message)
        for logged_message, sent_message in zip(dialogue, request, strict=False)
    )
    return sum(takewhile(bool, comparisons))
