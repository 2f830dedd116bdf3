"""Series: the attempts of one run, made one after the other or at the same time until one can be chosen."""

import asyncio
import time

from coder.engine.sampling.attempt import Attempt, AttemptRuns, end_of, settings_of
from coder.engine.sampling.candidate import RankedCandidate, candidates_of, only_repeats
from coder.engine.sampling.completion import completion
from coder.engine.sampling.conclusion import conclude, find_stuck
from coder.engine.sampling.picker import ENOUGH, find_agreement
from coder.engine.turn.turn import Turn
from coder.models.abilities import continues_text
from coder.run.attempts import digests_of, is_rejection
from coder.run.event_types import (
    AttemptEnded,
    AttemptStarted,
    Parent,
)
from coder.run.journal import Attempts
from coder.run.message import Message
from coder.run.state import State
from coder.run.termination import Reason
from coder.store.run_list import attempt_id

AT_ONCE = 8
"""Attempts under way at the same time."""
_OPEN = ("limit", "interrupted", "error", "waiting")
"""Statuses of attempts that a resume continues."""


class Series:
    """The attempts of one run."""

    def __init__(self, runs: AttemptRuns, turn: Turn) -> None:
        self._runs, self._turn, self._journal = runs, turn, turn.journal
        self._shared = Attempts(turn.journal)
        self._states: dict[int, State] = {}
        """Of attempts that are over, by number."""
        self._tasks: dict[asyncio.Task[State], int] = {}
        state = turn.state
        self._compares = state.settings.strategy == "best-of-n"
        rejected = state.last is not None and is_rejection(state.last) and state.progress.choice
        self._wish = state.last if rejected else None
        self._wished = rejected.attempt if rejected else 0
        """The attempt whose change a person wants to be different; only that one goes on."""

    async def run(self) -> tuple[RankedCandidate, str] | None:
        """Make attempts until one is decisive, enough agree, or none may begin; with the reason."""
        waiting = await self._open()
        chosen: tuple[RankedCandidate, str] | None = None
        try:
            while chosen is None and self._stuck() is None:
                while len(self._tasks) < self._width() and (waiting or self._may_begin()):
                    await self._start(waiting.pop(0) if waiting else self._count + 1)
                if not self._tasks:
                    break
                done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=self._tasks.__getitem__):
                    await self._settle(self._tasks.pop(task), task.result())
                chosen = await self._decisive()
        finally:
            await self._stop()
        return chosen

    @property
    def _count(self) -> int:
        return len(self._journal.state.progress.attempts)

    async def _open(self) -> list[int]:
        """Read the attempts that are over, and return the numbers of those to continue."""
        numbers = []
        for one in self._journal.state.progress.attempts:
            is_open = isinstance(one, AttemptStarted) or one.status in _OPEN
            if one.attempt == self._wished or (is_open and not self._wished):
                numbers.append(one.attempt)
            else:
                state = await self._runs.read(one.run)
                if state is not None:
                    self._states[one.attempt] = state
        return numbers

    def _width(self) -> int:
        """How many attempts may be under way: all but the first wait where they need earlier answers."""
        match self._journal.state.settings.strategy:
            case "repair":
                return 1
            case "best-of-n":
                return 1 if self._completes() else ENOUGH if self._count < ENOUGH else AT_ONCE
            case _:
                return AT_ONCE

    def _completes(self) -> bool:
        state = self._journal.state
        return self._compares and continues_text(state.model) and completion().can_complete(state)

    def _may_begin(self) -> bool:
        """Whether one more attempt is wanted, and the limits leave a call for it."""
        state = self._journal.state
        repeats = sum(only_repeats(one) for one in self._states.values())
        if self._wished or self._count - repeats >= state.spend.budget.samples:
            return False
        statuses = {one.progress.stopped.status for one in self._states.values() if one.progress.stopped}
        ends = _OPEN if state.settings.may_act else (*_OPEN, "stuck")  # a model with tools may do otherwise
        if not statuses.isdisjoint(ends):
            return False
        if self._compares and self._count >= ENOUGH and len(self._states) < ENOUGH:
            return False  # the first ones may agree
        used = state.spend.plus([one.state.spend for one in self._shared.running.values()])
        idle = sum(not one.state.spend.calls for one in self._shared.running.values())
        idle += len(self._tasks) - len(self._shared.running)  # those that have no journal yet
        return used.calls + idle < used.budget.max_calls and self._seconds() < used.budget.timeout

    def _seconds(self) -> float:
        """Wall time that the run has used until now."""
        state = self._journal.state
        since = max(0.0, time.time() - state.progress.time) if self._tasks else 0.0
        return state.spend.seconds + since

    async def _start(self, number: int) -> None:
        state, earlier = self._journal.state, self._journal.state.progress.attempts
        is_new = number > len(earlier)
        run = attempt_id(state.run, number) if is_new else earlier[number - 1].run
        if is_new:
            await self._journal.append(AttemptStarted(attempt=number, run=run))
        draw = None
        if is_new and self._completes():
            draw = completion().draw(state, [self._states[done] for done in sorted(self._states)])
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
        )
        self._tasks[asyncio.create_task(self._runs.make(attempt))] = number

    async def _settle(self, number: int, state: State) -> None:
        """Log the end of an attempt, with what it has used since it began or was continued."""
        self._states[number] = state
        ended = end_of(number, state)
        before = self._journal.state.progress.attempts[number - 1]
        if isinstance(before, AttemptEnded):
            ended = ended.since(before)
        self._shared.running.pop(number, None)
        await self._journal.append(ended)

    async def _decisive(self) -> tuple[RankedCandidate, str] | None:
        """The attempt after which no further one is needed, and why."""
        for one in candidates_of(self._states):
            if self._wished in (one.attempt, 0) and self._decides(one):
                return one, "no further one would show more"
        if not self._compares:
            return None
        async with self._turn.bench.trying:
            agreed = await find_agreement(self._turn, candidates_of(self._states))
        return (agreed, f"{ENOUGH} that pass behave alike") if agreed is not None else None

    def _decides(self, one: RankedCandidate) -> bool:
        """Whether an attempt ends the series: what only examples or checks show is compared by best-of-n."""
        if self._compares and not self._wished:
            return one.outcome.passed and one.outcome.verified == "tests"
        stopped = self._states[one.attempt].progress.stopped
        is_last = self._width() == 1  # nothing would show more of a further change
        decisive = ("solved", "unverified") if is_last else ("solved",)
        return stopped is not None and stopped.status in decisive

    def _stuck(self) -> Reason | None:
        """The reason to end where the attempts together give nothing new; with tools, each ends by itself."""
        is_free = self._journal.state.settings.may_act or bool(self._wished)
        return None if is_free else find_stuck([self._states[number] for number in sorted(self._states)])

    async def _stop(self) -> None:
        """Stop what is still under way; its log says that it was interrupted."""
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

    async def conclude(self, chosen: tuple[RankedCandidate, str] | None) -> Message | None:
        """Log the choice, and take over its change and its outcome."""
        return await conclude(self._turn, self._states, chosen, stuck=self._stuck())
