"""Turn: lets a participant ask the model and use the sandboxes.

Every effect is logged. An interrupted turn restarts; logged answers are replayed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coder.base.text.guards import Guards
from coder.base.text.redact import Redactor
from coder.engine.turn.logged_calls import BudgetSpent, LoggedCalls
from coder.environment.workbench import Workbench
from coder.models.abilities import Abilities, abilities_of, takes_tools
from coder.models.model import ChatMessage, Form, Model, Sampling
from coder.models.wrapper import model_for
from coder.run.budget import is_spent_on_reasoning, no_room
from coder.run.event_types import CallAnswered, StopRequested
from coder.run.extensions import hook_files
from coder.run.journal import Journal
from coder.run.message import Message, ReplyMessage
from coder.run.questions import Decision, Question
from coder.run.state import State
from coder.run.termination import nothing_to_mend

if TYPE_CHECKING:
    from coder.engine.turn.child_runs import ChildRuns

_POLL_S = 0.2
"""Seconds between two checks for a request to stop."""


Baseline = Callable[[float | None], Awaitable[None]]
"""Function that waits until the state holds the result of the tests before the work, for at most the given
seconds (None: no limit). Raises UsageError if the test command gives no verdict."""


async def _no_baseline(within_s: float | None) -> None:
    """Return at once, as the run has no test command."""


class Turn:
    """One participant's turn, from its start to its message."""

    def __init__(
        self,
        participant: str,
        *,
        journal: Journal,
        model: Model,
        bench: Workbench,
        baseline: Baseline = _no_baseline,
        children: "Callable[[], ChildRuns] | None" = None,
    ) -> None:
        """Begin a turn.

        Args:
            children: makes the runs of subagents; None: no task can be delegated.
        """
        self.children = children
        self.participant = participant
        self.bench = bench
        self.journal = journal
        self.limit: asyncio.Timeout | None = None
        """Timer that ends the turn when the run's time is up; paused while a person is asked."""
        self.baseline = baseline
        self.model = model_for(model, participant)
        self.calls = logged_calls(self.model, participant, journal, bench.redactor, bench.guards)

    async def has_nothing_to_mend(self, message: Message | None) -> bool:
        """Wait for the second run of the tests, concurrent with this turn, unless the turn ends in a reply.

        Returns:
            Whether only flaky tests fail, so that no fix is needed and the message is dropped.
        """
        baseline = self.state.progress.baseline
        if baseline is None or not baseline.is_preliminary or isinstance(message, ReplyMessage):
            return False
        async with limited(self.journal, None):
            await self.baseline(None)
        return nothing_to_mend(self.state) is not None

    async def question(
        self, question: Question, *, key: str = "", otherwise: Decision | None = None
    ) -> Decision:
        """Ask a person and return the answer, or the logged answer (see `ask_person`).

        The wait doesn't count towards the run's time limit.

        Raises:
            Waits: nobody can answer now.
        """
        from coder.run.open_question import ask_person, paused  # imported late: most runs ask nothing

        with paused(self.limit):
            return await ask_person(self.journal, question, key=key, otherwise=otherwise)

    @property
    def state(self) -> State:
        """The run's current state."""
        return self.journal.state

    @property
    def has_hooks(self) -> bool:
        """Whether the user's settings or the run's files may hold hooks."""
        settings = self.state.settings
        return bool(settings.hooks or (not settings.no_hooks and hook_files(self.state.files)))

    @property
    def abilities(self) -> Abilities:
        """The abilities of this turn's model."""
        return abilities_of(self.model)

    @property
    def can_act(self) -> bool:
        """Whether this turn's model can call tools."""
        return takes_tools(self.model.name, self.abilities)

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        in_dialogue: bool = False,
    ) -> CallAnswered:
        """Return the model's answer to one call, with its tool calls.

        The call is repeated with the full token limit if reasoning used up a smaller one.

        Args:
            in_dialogue: the request extends the run's dialogue, so the log keeps only the new messages.

        Raises:
            BudgetSpent: the call would exceed a limit.
            ModelError: the model failed, also after retries.
        """
        request = self.calls.clean_messages(messages)
        answer = await self.calls.call(request, sampling, form, in_dialogue=in_dialogue)
        max_tokens = self.state.settings.max_answer_tokens
        if is_spent_on_reasoning(answer) and sampling.max_tokens not in (None, max_tokens):
            full_sampling = sampling.model_copy(update={"max_tokens": max_tokens})
            answer = await self.calls.call(request, full_sampling, form, in_dialogue=in_dialogue)
        if is_spent_on_reasoning(answer):
            limit_event = no_room(
                answer, self.state.spend.budget, bound_by=self.calls.bound_by, own=self.abilities.max_output
            )
            await self.journal.append(limit_event)
            raise BudgetSpent(limit_event.text)
        return answer


def logged_calls(
    model: Model, participant: str, journal: Journal, redactor: Redactor, guards: Guards
) -> LoggedCalls:
    """Return the model calls of a turn, which pass the guards if there are any."""
    if not guards:
        return LoggedCalls(model, participant, journal, redactor)
    from coder.engine.turn.guarded_calls import GuardedCalls  # imported late: few users have guards

    return GuardedCalls(model, participant, journal, redactor, guards)


async def hear_requests(journal: Journal) -> None:
    """Wait until a person asks to stop the run; log that, and end the current work."""
    while (requester := await journal.stop_requested()) is None:  # noqa: ASYNC110 - another process asks
        await asyncio.sleep(_POLL_S)
    await journal.append(StopRequested(who=requester))
    for limit in journal.limits:
        limit.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def limited(journal: Journal, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
    """Return a context manager that raises TimeoutError after `seconds`, or when a person stops the run."""
    async with asyncio.timeout(seconds) as limit:
        journal.limits.append(limit)
        try:
            yield limit
        finally:
            if limit in journal.limits:
                journal.limits.remove(limit)
