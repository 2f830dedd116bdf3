"""Turn: what a participant may do while it speaks: ask the model, and use the sandboxes.

Every effect is logged. An interrupted turn restarts; logged answers are replayed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from coder.base.errors import ContextTooLong
from coder.base.prompts import prompt
from coder.engine.turn.logged_calls import BudgetSpent, LoggedCalls, request_key
from coder.environment.workbench import Workbench
from coder.models.abilities import EMBEDDED, LARGEST, Abilities, abilities_of, takes_tools
from coder.models.model import ChatMessage, Form, Model, Sampling
from coder.models.tokens import shorten_longest
from coder.models.wrapper import model_for
from coder.run.budget import is_spent_on_reasoning, no_room
from coder.run.event_types import CallAnswered, StopRequested
from coder.run.journal import Journal
from coder.run.message import Message, ReplyMessage
from coder.run.questions import Decision, Question
from coder.run.state import State
from coder.run.termination import nothing_to_mend

_REQUESTS_S = 0.2
"""Between two looks for a request to stop."""
MOST_SHRINKS = 4
MOST_CONTINUATIONS = 2
MOST_CHARACTERS_A_TOKEN = 16
"""A longer answer was truncated by us: its endpoint has no limit."""


class Turn:
    """One participant's turn, from its start to its message."""

    def __init__(
        self,
        participant: str,
        *,
        journal: Journal,
        model: Model,
        bench: Workbench,
        baseline: Callable[[float | None], Awaitable[None]] | None = None,
    ) -> None:
        """Begin a turn; `baseline` logs the tests' state before the work, if known in so many seconds."""
        self.participant = participant
        self.bench = bench
        self.journal = journal
        self.limit: asyncio.Timeout | None = None
        """Ends the turn when the run's time is over; it doesn't run while a person is asked."""
        self._baseline = baseline
        self._model = model_for(model, participant)
        self._calls = LoggedCalls(participant, journal=journal, redactor=bench.redactor)

    async def baseline(self, within_s: float | None = None) -> None:
        """Wait until the state holds the run's baseline, where it has one.

        Args:
            within_s: None waits until it is known; 0 takes what is known now.

        Raises:
            UsageError: the test command can decide nothing.
        """
        if self._baseline is not None:
            await self._baseline(within_s)

    async def has_nothing_to_mend(self, message: Message | None) -> bool:
        """Wait for the second run of the tests beside which this turn was taken, unless it ends in a reply.

        Returns:
            Whether that shows a fix to be needless, since only flaky tests fail: the message is dropped.
        """
        baseline = self.state.progress.baseline
        if baseline is None or not baseline.is_preliminary or isinstance(message, ReplyMessage):
            return False
        async with limited(self.journal, None):
            await self.baseline()
        return nothing_to_mend(self.state) is not None

    async def question(
        self, question: Question, *, key: str = "", otherwise: Decision | None = None
    ) -> Decision:
        """A person's answer, from the log when it is there (`Journal.ask`); it takes none of the run's time.

        Raises:
            Waits: nobody can answer now.
        """
        limit, loop = self.limit, asyncio.get_running_loop()
        if limit is None or (ends := limit.when()) is None:
            return await self.journal.ask(question, key=key, otherwise=otherwise)
        seconds_left = ends - loop.time()
        limit.reschedule(None)
        answer = await self.journal.ask(question, key=key, otherwise=otherwise)
        limit.reschedule(loop.time() + seconds_left)
        return answer

    @property
    def state(self) -> State:
        """The run's state now."""
        return self.journal.state

    @property
    def abilities(self) -> Abilities:
        """What is known of the model of this turn."""
        return abilities_of(self._model)

    @property
    def can_act(self) -> bool:
        """Whether the model of this turn can work by tools."""
        return takes_tools(self._model.name, self.abilities)

    async def ask(self, messages: Sequence[ChatMessage], *, sampling: Sampling) -> str:
        """The model's answer to one conversation, from the log when it is there already.

        A conversation that is too long for the model is shortened; a truncated answer is continued.

        Raises:
            BudgetSpent: the call would go over a limit.
            ModelError: the model failed for good.
        """
        sent = self._calls.redacted(messages)
        for _ in range(MOST_SHRINKS):
            try:
                return await self._whole(sent, sampling)
            except ContextTooLong:
                shorter = shorten_longest(sent)
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
        """The model's answer to one call, with its tool calls.

        A brief answer gets the full limit where the model used its own up on reasoning.

        Args:
            in_dialogue: the request is the run's dialogue with additions: the log keeps only these.

        Raises:
            BudgetSpent: the call would go over a limit.
            ModelError: the model failed for good.
        """
        sent = self._calls.redacted(messages)
        answer = await self._calls.call(self._model, sent, sampling, form, in_dialogue=in_dialogue)
        most = self.state.settings.max_answer_tokens
        if is_spent_on_reasoning(answer) and sampling.max_tokens is not None and sampling.max_tokens != most:
            more = sampling.model_copy(update={"max_tokens": most})
            answer = await self._calls.call(self._model, sent, more, form, in_dialogue=in_dialogue)
        if is_spent_on_reasoning(answer):
            reached = no_room(
                answer, self.state.spend.budget, bound_by=self._calls.bound_by, own=self.abilities.max_output
            )
            await self.journal.append(reached)
            raise BudgetSpent(reached.text)
        return answer

    async def _whole(self, sent: list[ChatMessage], sampling: Sampling) -> str:
        """The text of an answer, continued where it was truncated."""
        if self._is_known_as_too_long(sent, sampling):
            raise ContextTooLong("an earlier start of this turn has found out")
        answer = await self.answer(sent, sampling=sampling)
        text = answer.text
        for _ in range(MOST_CONTINUATIONS):
            if not self._can_go_on(answer, sampling):
                break
            messages = [
                *sent,
                ChatMessage(role="assistant", content=text),
                ChatMessage(role="user", content=prompt("continue").strip()),
            ]
            answer = await self._calls.call(self._model, messages, sampling)
            text += answer.text
        return text

    def _can_go_on(self, answer: CallAnswered, sampling: Sampling) -> bool:
        """Whether an answer was cut off at the token limit and its model can continue it."""
        # The embedded model that comes to its limit has lost its thread.
        is_weak = self._model.name == f"local/{EMBEDDED}"
        most = MOST_CHARACTERS_A_TOKEN * (sampling.max_tokens or LARGEST)
        return answer.finish == "length" and 0 < len(answer.text.strip()) <= most and not is_weak

    def _is_known_as_too_long(self, sent: list[ChatMessage], sampling: Sampling) -> bool:
        """Whether the next logged answer is to a shorter form of this request."""
        if not self._calls.stored:
            return False
        shorter = shorten_longest(sent)
        key = request_key(shorter, sampling) if shorter is not None else None
        return any(answer.key == key for answer in self._calls.stored)


async def hear_requests(journal: Journal) -> None:
    """Wait until somebody asks for the end of the run; log that, and end what is under way."""
    while (who := await journal.stop_requested()) is None:  # noqa: ASYNC110 - another process asks
        await asyncio.sleep(_REQUESTS_S)
    await journal.append(StopRequested(who=who))
    for limit in journal.limits:
        limit.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def limited(journal: Journal, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
    """A block that ends by TimeoutError after some seconds, or when somebody asks for the end of the run."""
    async with asyncio.timeout(seconds) as limit:
        journal.limits.append(limit)
        try:
            yield limit
        finally:
            if limit in journal.limits:
                journal.limits.remove(limit)
