"""Model calls, logged before and after, within the budget, with secrets redacted and texts guarded.

A request whose answer is in the log already makes no call.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from itertools import takewhile

from coder.base.errors import ModelError, Refused, SharedBudgetEmpty
from coder.base.text.guards import Guards
from coder.base.text.redact import Redactor
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

    def __init__(
        self, model: Model, participant: str, journal: Journal, redactor: Redactor, guards: Guards
    ) -> None:
        self._model, self._participant, self._journal = model, participant, journal
        self._redactor, self._guards = redactor, guards
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
    ) -> CallAnswered:
        """Make one call and log it, or return the logged answer to this request.

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
        answer = answer.redacted(self._redactor.redact)
        if self._guards:
            answer = await self._guarded(intent, answer)
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

        def show(token: str) -> None:
            if token and not self._guards:  # a guard sees whole answers, and nobody sees one before it
                self._journal.watch.token(token)

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
                on_token=lambda text: show(stream.feed(text)),
                on_retry=on_retry,
                **form,
            )
        except SharedBudgetEmpty as error:
            raise await self._ended(intent, BudgetReached(limit="shared", text=str(error))) from error
        except ModelError as error:
            await self._journal.append(_failure(intent, error, error.lost))
            raise
        finally:
            show(stream.finish())

    async def _guarded(self, intent: CallIntended, answer: Answer) -> Answer:
        """Return an answer as the guards let it pass, and show it. Raises Refused; the log has the reason."""
        try:
            guarded = answer.rewritten(partial(self._guards.check, where="answer"))
        except Refused as refusal:
            lost = Used(usage=answer.usage, cost_usd=answer.cost_usd)
            await self._journal.append(_failure(intent, refusal, lost))
            raise
        if guarded.text:
            self._journal.watch.token(guarded.text)
        return guarded

    async def _ended(self, intent: CallIntended, limit_event: BudgetReached) -> BudgetSpent:
        """Log the end of an intended call at a limit, which frees the reserved tokens."""
        error = BudgetSpent(limit_event.text)
        await self._journal.append(_failure(intent, error), limit_event)
        return error

    def guarded(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages with secrets redacted, as the guards let them pass; each text is checked once.

        Raises Refused.
        """
        clean: list[ChatMessage] = []
        for message in messages:
            text = self._clean.get(message.content)
            if text is None:
                text = self._guards.check(self._redactor.redact(message.content), "request")
                self._clean[message.content] = text
            is_unchanged = text == message.content
            clean.append(message if is_unchanged else message.model_copy(update={"content": text}))
        return clean


def _failure(intent: CallIntended, error: Exception, lost: Used | None = None) -> ModelCallFailed:
    return ModelCallFailed(call=intent.call, error=type(error).__name__, message=str(error), lost=lost)


def _kept(dialogue: Sequence[ChatMessage], request: Sequence[ChatMessage]) -> int:
    """Return the number of messages at the start of a request that the run's dialogue already holds."""
    # A model's own comparison takes thirty times as long, and a dialogue is compared with each request.
    comparisons = (
        vars(logged_message) == vars(sent_message)
        for logged_message, sent_message in zip(dialogue, request, strict=False)
    )
    return sum(takewhile(bool, comparisons))
