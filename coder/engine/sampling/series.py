"""Series: the attempts of one run, made one by one or concurrently until one can be chosen."""

import asyncio
import time
from typing import TYPE_CHECKING

from coder.engine.sampling.attempt import settings_of
from coder.engine.sampling.candidate import RankedCandidate, candidates_of, lines_of, only_repeats
from coder.engine.sampling.conclusion import conclude, find_stuck
from coder.engine.sampling.picker import ENOUGH, find_agreement
from coder.engine.turn.child_runs import Attempt, ChildRuns, end_of
from coder.engine.turn.turn import Turn
from coder.models.abilities import continues_text
from coder.run.attempts import digests_of
from coder.run.conversation import is_rejection
from coder.run.event_types import (
    AttemptEnded,
    AttemptStarted,
    Parent,
)
from coder.run.message import Message
from coder.run.shared_limits import Attempts
from coder.run.state import State
from coder.run.termination import Reason
from coder.store.run_list import attempt_id

if TYPE_CHECKING:
    from coder.engine.sampling.completion import Completion

MAX_CONCURRENT = 8
"""Number of concurrent attempts."""
_OPEN_STATUSES = ("limit", "interrupted", "error", "waiting")
"""Statuses of attempts that a resume continues."""


class Series:
    """The attempts of one run."""

    def __init__(self, runs: ChildRuns, turn: Turn) -> None:
        self._runs, self._turn, self._journal = runs, turn, turn.journal
        self._shared = Attempts(turn.journal)
        self._states: dict[int, State] = {}
        """States of finished attempts, by number."""
        self._tasks: dict[asyncio.Task[State], int] = {}
        state = turn.state
        self._compares = state.settings.strategy == "best-of-n"
        rejected = state.last is not None and is_rejection(state.last) and state.progress.choice
        self._wish = state.last if rejected else None
        self._wished = rejected.attempt if rejected else 0
        """Number of the attempt that a person asked for another change; only this one continues. 0: none."""

    async def run(self) -> tuple[RankedCandidate, str] | None:
        """Make attempts until one is decisive, enough of them agree, or none may begin.

        Return the decisive or agreeing candidate with the reason, or None.
        """
        numbers_to_continue = await self._open()
        choice: tuple[RankedCandidate, str] | None = None
        try:
            while choice is None and self._stuck() is None:
                while len(self._tasks) < self._width() and (numbers_to_continue or self._may_begin()):
                    await self._start(numbers_to_continue.pop(0) if numbers_to_continue else self._count + 1)
                if not self._tasks:
                    break
                finished_tasks, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(finished_tasks, key=self._tasks.__getitem__):
                    await self._settle(self._tasks.pop(task), task.result())
                choice = await self._decisive()
        finally:
            await self._stop()
        return choice

    @property
    def _count(self) -> int:
        return len(self._journal.state.progress.attempts)

    async def _open(self) -> list[int]:
        """Read the finished attempts, and return the numbers of those to continue."""
        numbers = []
        for attempt in self._journal.state.progress.attempts:
            is_open = isinstance(attempt, AttemptStarted) or attempt.status in _OPEN_STATUSES
            if attempt.attempt == self._wished or (is_open and not self._wished):
                numbers.append(attempt.attempt)
            else:
                state = await self._runs.read(attempt.run)
                if state is not None:
                    self._states[attempt.attempt] = state
        return numbers

    def _width(self) -> int:
        """Return how many attempts may run concurrently; attempts that depend on earlier answers run one
        by one.
        """
        match self._journal.state.settings.strategy:
            case "repair":
                return 1
            case "best-of-n":
                return (
                    1
                    if self._completion() is not None
                    else ENOUGH
                    if self._count < ENOUGH
                    else MAX_CONCURRENT
                )
            case _:
                return MAX_CONCURRENT

    def _completion(self) -> "Completion | None":
        """Return the completion that draws beginnings of answers; None if model or task don't allow it."""
        state = self._journal.state
        if not (self._compares and continues_text(state.model)):
            return None
        from coder.engine.sampling.completion import completion  # imported late: few models continue a text

        return completion() if completion().can_complete(state) else None

    def _may_begin(self) -> bool:
        """Return whether one more attempt is needed, and the limits allow a call for it."""
        state = self._journal.state
        repeats = sum(only_repeats(attempt_state) for attempt_state in self._states.values())
        if self._wished or self._count - repeats >= state.spend.budget.samples:
            return False
        statuses = {
            attempt_state.progress.stopped.status
            for attempt_state in self._states.values()
            if attempt_state.progress.stopped
        }
        final_statuses = (
            _OPEN_STATUSES if state.settings.may_act else (*_OPEN_STATUSES, "stuck")
        )  # a stuck model with tools may take another path
        if not state.task.is_tested or not (state.settings.may_act or self._compares):
            final_statuses = (*final_statuses, "answered")  # its attempt was asked for files a second time
        if not statuses.isdisjoint(final_statuses):
            return False
        if self._compares and self._count >= ENOUGH and len(self._states) < ENOUGH:
            return False  # the first attempts may agree
        spend = state.spend.plus([journal.state.spend for journal in self._shared.running.values()])
        uncounted_calls = sum(not journal.state.spend.calls for journal in self._shared.running.values())
        uncounted_calls += len(self._tasks) - len(self._shared.running)  # attempts without a journal yet
        return (
            spend.calls + uncounted_calls < spend.budget.max_calls and self._seconds() < spend.budget.timeout
        )

    def _seconds(self) -> float:
        """Return the wall time that the run has used so far."""
        state = self._journal.state
        seconds_since_event = max(0.0, time.time() - state.progress.time) if self._tasks else 0.0
        return state.spend.seconds + seconds_since_event

    async def _start(self, number: int) -> None:
        state, attempts = self._journal.state, self._journal.state.progress.attempts
        is_new = number > len(attempts)
        run = attempt_id(state.run, number) if is_new else attempts[number - 1].run
        if is_new:
            await self._journal.append(AttemptStarted(attempt=number, run=run))
        draw = None
        if is_new and (completion := self._completion()) is not None:
            draw = completion.draw(
                state, [self._states[finished_number] for finished_number in sorted(self._states)]
            )
        attempt = Attempt(
            run=run,
            settings=settings_of(
                state, number, draw=draw, seconds=self._seconds(), is_wished=number == self._wished
            ),
            parent=Parent(
                run=state.run, attempt=number, draw=draw, earlier=digests_of(self._states.values())
            ),
            is_new=is_new,
            answers=state.questions.answers,
            wish=self._wish if number == self._wished else None,
            shared=self._shared,
            task=state.task,
            target=state.target,
        )
        self._tasks[asyncio.create_task(self._runs.make(attempt))] = number

    async def _settle(self, number: int, state: State) -> None:
        """Log the end of an attempt, with what it has used since it began or was continued."""
        self._states[number] = state
        end_event = end_of(number, state, lines=lines_of(state))
        earlier_event = self._journal.state.progress.attempts[number - 1]
        if isinstance(earlier_event, AttemptEnded):
            end_event = end_event.since(earlier_event)
        self._shared.running.pop(number, None)
        await self._journal.append(end_event)

    async def _decisive(self) -> tuple[RankedCandidate, str] | None:
        """Return the candidate that makes more attempts unnecessary, with the reason; None if there is
        none.
        """
        for candidate in candidates_of(self._states):
            if self._wished in (candidate.attempt, 0) and self._decides(candidate):
                return candidate, "no further one would show more"
        if not self._compares:
            return None
        async with self._turn.bench.verify_lock:
            agreeing = await find_agreement(self._turn, candidates_of(self._states))
        return (agreeing, f"{ENOUGH} that pass behave alike") if agreeing is not None else None

    def _decides(self, candidate: RankedCandidate) -> bool:
        """Return whether a candidate ends the series; in best-of-n, one that only examples or checks verify
        doesn't.
        """
        if self._compares and not self._wished:
            return candidate.outcome.passed and candidate.outcome.verified == "tests"
        stopped = self._states[candidate.attempt].progress.stopped
        is_last = self._width() == 1  # no later attempt would be compared
        decisive_statuses = ("solved", "unverified") if is_last else ("solved",)
        return stopped is not None and stopped.status in decisive_statuses

    def _stuck(self) -> Reason | None:
        """Return the reason to end if the attempts yield nothing new; attempts with tools end by
        themselves.
        """
        ends_by_itself = self._journal.state.settings.may_act or bool(self._wished)
        return (
            None if ends_by_itself else find_stuck([self._states[number] for number in sorted(self._states)])
        )

    async def _stop(self) -> None:
        """Stop the running attempts; their logs say that they were interrupted."""
        for task in self._tasks:
            task.cancel()
        if not self._tasks:
            return
        await asyncio.wait(self._tasks)
        if (current := asyncio.current_task()) is None or current.cancelling():
            return  # a resume continues them
        for task, number in self._tasks.items():
            run = self._journal.state.progress.attempts[number - 1].run
            if not task.cancelled() and task.exception() is None:
                await self._settle(number, task.result())
            elif task.cancelled() and (state := await self._runs.read(run)) is not None:
                await self._settle(number, state)
        self._tasks.clear()

    async def conclude(self, choice: tuple[RankedCandidate, str] | None) -> Message | None:
        """Log the choice, and take over its change and its outcome."""
        return await conclude(self._turn, self._states, choice, stuck_reason=self._stuck())
