"""Calls of models: each is in the log before it is made and after, within the budget, without secrets.

An answer that the log already holds is given without a call.
"""

import hashlib
from collections.abc import Sequence
from itertools import takewhile

from coder.base.errors import ModelError, SharedBudgetEmpty
from coder.base.text.redact import Redactor
from coder.models.abilities import answer_limit, reserved
from coder.models.model import Answer, ChatMessage, Form, Model, Retry, Sampling, Switch
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
    """A limit forbids the next call. It is in the log already."""


def request_key(messages: Sequence[ChatMessage], sampling: Sampling, form: Form | None = None) -> str:
    """SHA-256 of a redacted request: what tells one call from another."""
    parts = [message.model_dump_json() for message in messages] + [sampling.model_dump_json()]
    if form is not None:
        parts.append(form.model_dump_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class LoggedCalls:
    """The calls of one turn."""

    def __init__(self, participant: str, *, journal: Journal, redactor: Redactor) -> None:
        self._participant = participant
        self._journal = journal
        self._redactor = redactor
        self._clean: dict[str, str] = {}
        self.stored = [*journal.state.progress.pending]
        """Answers that the log holds of a turn that was cut off."""
        self.bound_by: Limit | None = None
        """The limit of the budget that left the latest answer no more room."""

    async def call(
        self,
        model: Model,
        sent: list[ChatMessage],
        sampling: Sampling,
        form: Form | None = None,
        *,
        in_dialogue: bool = False,
    ) -> CallAnswered:
        """One call, from its intent to its answer in the log; or the answer that the log holds.

        Raises:
            BudgetSpent: the call would go over a limit.
        """
        key = request_key(sent, sampling, form)
        if (stored := self._take_stored(key)) is not None:
            return stored
        tokens_in = input_tokens(sent, form)
        async with self._journal.intending:
            state, spend = self._journal.state, self._journal.spend
            most, self.bound_by = room_for_answer(
                spend, tokens_in=tokens_in, most=reserved(model, sampling), price=model.price
            )
            if self.bound_by is not None or answer_limit(model, sampling) is not None:
                sampling = sampling.model_copy(update={"room": most})
            kept = _kept(state.dialogue.messages, sent) if in_dialogue else 0
            intent = CallIntended(
                call=state.spend.calls + 1,
                participant=self._participant,
                key=key,
                messages=tuple(sent[kept:]),
                kept=kept,
                in_dialogue=in_dialogue,
                sampling=sampling,
                form=form,
                reserved_tokens=tokens_in + most,
                reserved_usd=model.price(tokens_in, most),
            )
            if reached := over_budget(spend, intent):
                await self._journal.append(reached)
                raise BudgetSpent(reached.text)
            await self._journal.append(intent)
        answer = await self._made(model, intent, sent)
        body = CallAnswered(call=intent.call, key=key, **dict(answer.redacted(self._redactor.redact)))
        await self._journal.append(body)
        return body

    def _take_stored(self, key: str) -> CallAnswered | None:
        """The answer that the log holds to this request, once for each time that it was given."""
        place = next((n for n, answer in enumerate(self.stored) if answer.key == key), None)
        if place is None:
            return None
        answer, is_last = self.stored.pop(place), place == len(self.stored)
        # The last answer, where it had no room, has ended the run; it may have more now.
        return None if is_last and is_spent_on_reasoning(answer) else answer

    async def _made(self, model: Model, intent: CallIntended, sent: Sequence[ChatMessage]) -> Answer:
        stream = self._redactor.stream()

        def on_token(text: str) -> None:
            if token := stream.feed(text):
                self._journal.watch.token(token)

        async def on_retry(retry: Retry | Switch) -> None:
            kind = CallSwitched if isinstance(retry, Switch) else CallRetried
            await self._journal.append(kind(call=intent.call, **retry.model_dump()))
            if reached := spent_budget(self._journal.spend):
                raise await self._ended(intent, reached)

        form = {"form": intent.form} if intent.form is not None else {}
        try:
            return await model.answer(
                sent, sampling=intent.sampling, on_token=on_token, on_retry=on_retry, **form
            )
        except SharedBudgetEmpty as error:
            raise await self._ended(intent, BudgetReached(limit="shared", text=str(error))) from error
        except ModelError as error:
            failed = ModelCallFailed(
                call=intent.call, error=type(error).__name__, message=str(error), lost=error.lost
            )
            await self._journal.append(failed)
            raise
        finally:
            if token := stream.finish():
                self._journal.watch.token(token)

    async def _ended(self, intent: CallIntended, reached: BudgetReached) -> BudgetSpent:
        """End an intended call at a limit, and free what it had reserved."""
        failed = ModelCallFailed(call=intent.call, error=BudgetSpent.__name__, message=reached.text)
        await self._journal.append(failed, reached)
        return BudgetSpent(reached.text)

    def redacted(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The messages without secrets; each text is searched once."""
        clean: list[ChatMessage] = []
        for message in messages:
            text = self._clean.get(message.content)
            if text is None:
                text = self._clean[message.content] = self._redactor.redact(message.content)
            same = text == message.content
            clean.append(message if same else message.model_copy(update={"content": text}))
        return clean


def _kept(dialogue: Sequence[ChatMessage], sent: Sequence[ChatMessage]) -> int:
    """Messages at the start of a request that the run's dialogue holds already."""
    # A model's own comparison takes thirty times as long, and a dialogue is compared with each request.
    same = (vars(before) == vars(now) for before, now in zip(dialogue, sent, strict=False))
    return sum(takewhile(bool, same))
