"""Turn: what a participant may do while it speaks: ask the model, and use the sandboxes.

Every effect is in the log: a call's intent before it is made, its answer after. A turn that a crash cut off
is taken again from its start, and an answer that the log already holds is given without a call.
"""

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from coder.bodies import BudgetReached, CallAnswered, CallFailed, CallIntended, CallRetried, CallSwitched
from coder.errors import ModelError
from coder.journal import Journal
from coder.models.model import Answer, ChatMessage, Model, Retry, Sampling, Switch
from coder.state import State
from coder.workbench import Workbench

_CHARS_PER_TOKEN = 3
"""Cautious: English has about four, code about three."""


class BudgetSpent(Exception):
    """A limit of the user's forbids the next call. The limit is in the log already."""


def request_key(messages: Sequence[ChatMessage], sampling: Sampling) -> str:
    """SHA-256 of a redacted request: what tells one call from another."""
    parts = [message.model_dump_json() for message in messages] + [sampling.model_dump_json()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Turn:
    """One participant's turn, from its start to its message."""

    def __init__(self, participant: str, *, journal: Journal, model: Model, bench: Workbench) -> None:
        self.participant = participant
        self.bench = bench
        self.journal = journal
        self._model = model
        self._redactor = bench.redactor
        self._given = list(journal.state.pending)

    @property
    def state(self) -> State:
        """The run's state now."""
        return self.journal.state

    async def ask(self, messages: Sequence[ChatMessage], *, sampling: Sampling) -> str:
        """The model's answer to one conversation, from the log when it is there already.

        Raises:
            BudgetSpent: the call would go over a limit.
            ModelError: the model failed for good.
        """
        sent = [m.model_copy(update={"content": self._redactor.redact(m.content)}) for m in messages]
        key = request_key(sent, sampling)
        if self._given and self._given[0].key == key:
            return self._given.pop(0).text
        self._given.clear()
        intent = await self._reserve(sent, sampling, key)
        answer = await self._call(intent, sent, sampling)
        text = self._redactor.redact(answer.text)
        await self.journal.append(
            CallAnswered(
                call=intent.call,
                key=key,
                model=answer.model,
                text=text,
                finish=answer.finish,
                usage=answer.usage,
                cost_usd=answer.cost_usd,
                seconds=answer.seconds,
            )
        )
        return text

    async def _reserve(self, sent: Sequence[ChatMessage], sampling: Sampling, key: str) -> CallIntended:
        tokens_in = sum(len(m.content) for m in sent) // _CHARS_PER_TOKEN + 8 * len(sent)
        price = self._model.price(tokens_in, sampling.max_tokens)
        intent = CallIntended(
            call=self.state.calls + 1,
            participant=self.participant,
            key=key,
            messages=tuple(sent),
            sampling=sampling,
            reserved_tokens=tokens_in + sampling.max_tokens,
            reserved_usd=price,
        )
        if reached := _over_budget(self.state, intent):
            await self.journal.append(reached)
            raise BudgetSpent(reached.text)
        await self.journal.append(intent)
        return intent

    async def _call(self, intent: CallIntended, sent: Sequence[ChatMessage], sampling: Sampling) -> Answer:
        stream = self._redactor.stream()

        def on_token(text: str) -> None:
            if shown := stream.feed(text):
                self.journal.watch.token(shown)

        async def on_retry(retry: Retry | Switch) -> None:
            kind = CallSwitched if isinstance(retry, Switch) else CallRetried
            await self.journal.append(kind(call=intent.call, **retry.model_dump()))

        try:
            return await self._model.answer(sent, sampling=sampling, on_token=on_token, on_retry=on_retry)
        except ModelError as error:
            failed = CallFailed(call=intent.call, error=type(error).__name__, message=str(error))
            await self.journal.append(failed)
            raise
        finally:
            if shown := stream.finish():
                self.journal.watch.token(shown)


def _over_budget(state: State, intent: CallIntended) -> BudgetReached | None:
    """Which limit the next call would break, reservations counted, or None."""
    budget = state.budget
    if state.calls >= budget.calls:
        return BudgetReached(limit="calls", text=budget.calls_reached)
    if budget.tokens is not None and state.spent_tokens + intent.reserved_tokens > budget.tokens:
        text = f"the next call could go over the limit of {budget.tokens} tokens ({state.spent_tokens} used)"
        needed = Decimal(state.spent_tokens + intent.reserved_tokens)
        return BudgetReached(limit="tokens", text=text, least=needed)
    if state.spent_usd + (intent.reserved_usd or Decimal(0)) > budget.cost_usd:
        text = f"the next call could go over the limit of ${budget.cost_usd} (${state.spent_usd:.4f} used)"
        needed = state.spent_usd + (intent.reserved_usd or Decimal(0))
        return BudgetReached(limit="cost", text=text, least=needed)
    return None
