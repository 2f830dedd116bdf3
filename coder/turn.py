"""Turn: what a participant may do while it speaks: ask the model, and use the sandboxes.

Every effect is in the log: a call's intent before it is made, its answer after. A turn that a crash cut off
is taken again from its start, and an answer that the log already holds is given without a call.
"""

import hashlib
from collections.abc import Sequence
from itertools import takewhile

from coder.environment.workbench import Workbench
from coder.errors import ContextTooLong, ModelError, SharedBudgetEmpty
from coder.models.abilities import Abilities, abilities_of
from coder.models.answer_room import LARGEST, known_limit, reserved
from coder.models.model import Answer, ChatMessage, Form, Model, Retry, Sampling, Switch
from coder.models.recording import redacted_call
from coder.models.role_models import SUMMARIZER, playing
from coder.models.tokens import input_tokens
from coder.models.truncate import cut_text, shrunk
from coder.models.weights import EMBEDDED
from coder.models.wrapper import HasRoles
from coder.prompts import prompt
from coder.run.budget import over_budget, room_for_answer, spent_budget
from coder.run.event_types import (
    BudgetReached,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallRetried,
    CallSwitched,
    Limit,
)
from coder.run.journal import Journal
from coder.run.no_room import is_spent_on_reasoning, no_room
from coder.run.state import State

MOST_SHRINKS = 4
MOST_CONTINUATIONS = 2
SUMMARY_TOKENS = 400
MOST_CHARACTERS_A_TOKEN = 16
"""An answer with more was cut off by us: its endpoint knows no limit."""


class BudgetSpent(Exception):
    """A limit of the user's forbids the next call. The limit is in the log already."""


def request_key(messages: Sequence[ChatMessage], sampling: Sampling, form: Form | None = None) -> str:
    """SHA-256 of a redacted request: what tells one call from another."""
    parts = [message.model_dump_json() for message in messages] + [sampling.model_dump_json()]
    if form is not None:
        parts.append(form.model_dump_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Turn:
    """One participant's turn, from its start to its message."""

    def __init__(self, participant: str, *, journal: Journal, model: Model, bench: Workbench) -> None:
        self.participant = participant
        self.bench = bench
        self.journal = journal
        self._cast = model
        self._model = playing(model, participant)
        self._redactor = bench.redactor
        self._given = list(journal.state.pending)
        self._clean: dict[str, str] = {}
        self._bound_by: Limit | None = None
        """The limit of the budget that left the latest answer no more room."""

    @property
    def state(self) -> State:
        """The run's state now."""
        return self.journal.state

    @property
    def abilities(self) -> Abilities:
        """What is known of the model of this turn."""
        return abilities_of(self._model)

    async def ask(self, messages: Sequence[ChatMessage], *, sampling: Sampling) -> str:
        """The model's answer to one conversation, from the log when it is there already.

        A conversation that is too long for the model is asked again, shorter; an answer that was cut off at
        its limit is gone on with.

        Raises:
            BudgetSpent: the call would go over a limit.
            ModelError: the model failed for good.
        """
        sent = self._redacted(messages)
        for _ in range(MOST_SHRINKS):
            try:
                return await self._whole(sent, sampling)
            except ContextTooLong:
                shorter = shrunk(sent, instead=await self._summary(sent, sampling))
                if shorter is None:
                    raise
                sent = shorter
        return await self._whole(sent, sampling)

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        in_dialogue: bool = False,
    ) -> CallAnswered:
        """The model's answer with all that belongs to it, such as calls of tools; in one call.

        Args:
            in_dialogue: the request is the run's dialogue with what came to it: the log keeps only that.

        Raises:
            BudgetSpent: the call would go over a limit.
            ModelError: the model failed for good.
        """
        return await self._roomy(self._redacted(messages), sampling, form, in_dialogue=in_dialogue)

    async def _whole(self, sent: list[ChatMessage], sampling: Sampling) -> str:
        """The text of an answer, gone on with where it was cut off at its limit."""
        if self._is_known_as_too_long(sent, sampling):
            raise ContextTooLong("an earlier start of this turn has found out")
        answer = await self._roomy(sent, sampling)
        if is_spent_on_reasoning(answer):
            reached = no_room(
                answer, self.state.budget, bound_by=self._bound_by, own=self.abilities.max_output
            )
            await self.journal.append(reached)
            raise BudgetSpent(reached.text)
        text = answer.text
        for _ in range(MOST_CONTINUATIONS):
            if not self._can_go_on(answer, sampling):
                break
            asked = [
                *sent,
                ChatMessage(role="assistant", content=text),
                ChatMessage(role="user", content=prompt("continue").strip()),
            ]
            answer = await self._call(self._model, asked, sampling)
            text += answer.text
        return text

    async def _roomy(
        self,
        sent: list[ChatMessage],
        sampling: Sampling,
        form: Form | None = None,
        *,
        in_dialogue: bool = False,
    ) -> CallAnswered:
        """The answer; one that was to be brief gets all the room there is where its model reasons first."""
        answer = await self._call(self._model, sent, sampling, form, in_dialogue=in_dialogue)
        most = self.state.settings.max_answer_tokens
        if is_spent_on_reasoning(answer) and sampling.max_tokens is not None and sampling.max_tokens != most:
            more = sampling.model_copy(update={"max_tokens": most})
            answer = await self._call(self._model, sent, more, form, in_dialogue=in_dialogue)
        return answer

    def _can_go_on(self, answer: CallAnswered, sampling: Sampling) -> bool:
        """Whether an answer was cut off, by a model that keeps to its limit and may have more to say."""
        # The embedded model that comes to its limit has lost its thread.
        is_weak = self._model.name == f"local/{EMBEDDED}"
        most = MOST_CHARACTERS_A_TOKEN * (sampling.max_tokens or LARGEST)
        return answer.finish == "length" and 0 < len(answer.text.strip()) <= most and not is_weak

    async def _summary(self, sent: list[ChatMessage], sampling: Sampling) -> str:
        """What a summarizer says of the text that is left out; empty where the user has named none."""
        model = self._cast.role(SUMMARIZER) if isinstance(self._cast, HasRoles) else None
        if model is None or not cut_text(sent):
            return ""
        answer = await self._call(model, *_summary_request(sent, sampling), participant=SUMMARIZER)
        return answer.text.strip()

    def _is_known_as_too_long(self, sent: list[ChatMessage], sampling: Sampling) -> bool:
        """Whether the log goes on with the answer to a shorter form of this request."""
        if not self._given:
            return False
        shorter = shrunk(sent)
        keys = [request_key(*_summary_request(sent, sampling))]
        keys += [request_key(shorter, sampling)] if shorter is not None else []
        return self._given[0].key in keys

    async def _call(
        self,
        model: Model,
        sent: list[ChatMessage],
        sampling: Sampling,
        form: Form | None = None,
        *,
        participant: str | None = None,
        in_dialogue: bool = False,
    ) -> CallAnswered:
        """One call, from its intent to its answer in the log; or the answer that the log holds."""
        key = request_key(sent, sampling, form)
        # The last answer, where it had no room, has ended the run; it may have more now.
        is_useless = len(self._given) == 1 and is_spent_on_reasoning(self._given[0])
        if self._given and self._given[0].key == key and not is_useless:
            return self._given.pop(0)
        self._given.clear()
        tokens_in = input_tokens(sent, form)
        most, self._bound_by = room_for_answer(
            self.state, tokens_in=tokens_in, most=reserved(model, sampling), price=model.price
        )
        if self._bound_by is not None or known_limit(model, sampling) is not None:
            sampling = sampling.model_copy(update={"room": most})
        kept = _kept(self.state.dialogue, sent) if in_dialogue else 0
        intent = CallIntended(
            call=self.state.calls + 1,
            participant=participant or self.participant,
            key=key,
            messages=tuple(sent[kept:]),
            kept=kept,
            in_dialogue=in_dialogue,
            sampling=sampling,
            form=form,
            reserved_tokens=tokens_in + most,
            reserved_usd=model.price(tokens_in, most),
        )
        if reached := over_budget(self.state, intent):
            await self.journal.append(reached)
            raise BudgetSpent(reached.text)
        await self.journal.append(intent)
        answer = await self._made(model, intent, sent)
        body = CallAnswered(
            call=intent.call,
            key=key,
            model=self._redactor.redact(answer.model),
            text=self._redactor.redact(answer.text),
            reasoning=self._redactor.redact(answer.reasoning),
            tool_calls=tuple(redacted_call(call, redact=self._redactor.redact) for call in answer.tool_calls),
            alternatives=tuple(
                one.model_copy(update={"text": self._redactor.redact(one.text)})
                for one in answer.alternatives
            ),
            finish=answer.finish,
            usage=answer.usage,
            cost_usd=answer.cost_usd,
            seconds=answer.seconds,
        )
        await self.journal.append(body)
        return body

    async def _made(self, model: Model, intent: CallIntended, sent: Sequence[ChatMessage]) -> Answer:
        stream = self._redactor.stream()

        def on_token(text: str) -> None:
            if shown := stream.feed(text):
                self.journal.watch.token(shown)

        async def on_retry(retry: Retry | Switch) -> None:
            kind = CallSwitched if isinstance(retry, Switch) else CallRetried
            await self.journal.append(kind(call=intent.call, **retry.model_dump()))
            if reached := spent_budget(self.state):
                raise await self._ended(intent, reached)

        form = {"form": intent.form} if intent.form is not None else {}
        try:
            return await model.answer(
                sent, sampling=intent.sampling, on_token=on_token, on_retry=on_retry, **form
            )
        except SharedBudgetEmpty as error:
            raise await self._ended(intent, BudgetReached(limit="shared", text=str(error))) from error
        except ModelError as error:
            failed = CallFailed(
                call=intent.call, error=type(error).__name__, message=str(error), lost=error.lost
            )
            await self.journal.append(failed)
            raise
        finally:
            if shown := stream.finish():
                self.journal.watch.token(shown)

    async def _ended(self, intent: CallIntended, reached: BudgetReached) -> BudgetSpent:
        """A call that a limit ends after it was intended: what it had reserved is free again."""
        failed = CallFailed(call=intent.call, error=BudgetSpent.__name__, message=reached.text)
        await self.journal.append(failed, reached)
        return BudgetSpent(reached.text)

    def _redacted(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The messages without secrets. A loop asks with the same ones again and again: each is read once."""
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
    same = (before == now for before, now in zip(dialogue, sent, strict=False))
    return sum(takewhile(bool, same))


def _summary_request(sent: Sequence[ChatMessage], sampling: Sampling) -> tuple[list[ChatMessage], Sampling]:
    """The request that asks for a summary of what is left out of a conversation."""
    asked = ChatMessage(role="user", content=prompt("summarize").format(text=cut_text(sent)))
    return [asked], sampling.model_copy(update={"max_tokens": SUMMARY_TOKENS, "temperature": 0.0})
