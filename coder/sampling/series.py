"""Series: the attempts of one run, made one after the other or at the same time until one can be chosen."""

import asyncio
import time
from collections.abc import Sequence

from coder.models.abilities import goes_on
from coder.run.attempts import best_code, digests_of, is_rejection, most_repeated, outcome_of
from coder.run.event_types import (
    AttemptChosen,
    AttemptEnded,
    AttemptStarted,
    Draw,
    Parent,
    QuestionAsked,
    RunStopped,
    Spoken,
)
from coder.run.journal import Attempts, open_question
from coder.run.message import Message
from coder.run.questions import Waits
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.termination import EMPTY_ANSWERS, STUCK_AFTER, Reason, contradiction, verdict
from coder.sampling.attempt import Attempt, AttemptRuns
from coder.sampling.candidate import Candidate
from coder.sampling.completion import completion
from coder.sampling.picker import ENOUGH, find_agreement, pick
from coder.store.run_list import attempt_id
from coder.turn.turn import Turn
from coder.workspace.diff import count_lines
from coder.workspace.proposal import proposal

AT_ONCE = 8
"""Attempts under way at the same time."""
_WARM = 0.8
"""Temperature of all attempts but the first, where none is named."""
_SEEDS = 1000
"""Between the seeds of two attempts: each draws with some of its own."""
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

    async def run(self) -> Candidate | None:
        """Make attempts until one is decisive, enough agree, or none may begin."""
        waiting = await self._open()
        chosen: Candidate | None = None
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
                self._states[one.attempt] = await self._runs.read(one.run)
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
        return self._compares and goes_on(state.model) and completion().can_complete(state)

    def _may_begin(self) -> bool:
        """Whether one more attempt is wanted, and the limits leave a call for it."""
        state = self._journal.state
        repeats = sum(_only_repeats(one) for one in self._states.values())
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
        return used.calls + idle < used.budget.calls and self._seconds() < used.budget.seconds

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
            settings=self._settings(number, draw),
            parent=Parent(
                run=state.run, attempt=number, draw=draw, earlier=digests_of(self._states.values())
            ),
            is_new=is_new,
            answers=state.questions.answers,
            wish=self._wish if number == self._wished else None,
            shared=self._shared,
        )
        self._tasks[asyncio.create_task(self._runs.make(attempt))] = number

    def _settings(self, number: int, draw: Draw | None) -> Settings:
        """The settings of one attempt: nothing lands; all but the first are drawn with some chance."""
        settings = self._journal.state.settings
        budget = self._journal.state.spend.budget
        limits: dict[str, object] = {"samples": 1, "seconds": max(1.0, budget.seconds - self._seconds())}
        strategy = "one-shot" if settings.strategy == "best-of-n" else settings.strategy
        own: dict[str, object] = {
            "strategy": "repair" if strategy == "one-shot" and number == self._wished else strategy,
            "budget": budget.model_copy(update=limits),
            "seed": settings.seed + _SEEDS * (number - 1),
            "apply": False,
            "commit": False,
            "branch": None,
            "approve": tuple(what for what in settings.approve if what != "landing"),
        }
        if number > 1 and settings.temperature is None and draw is None:
            own["temperature"] = _WARM
        return settings.model_copy(update=own)

    async def _settle(self, number: int, state: State) -> None:
        """Log the end of an attempt, with what it has used since it began or was continued."""
        self._states[number] = state
        stopped, spend = state.progress.stopped, state.spend
        assert stopped is not None
        ended = AttemptEnded(
            attempt=number,
            run=state.run,
            status=stopped.status,
            reason=stopped.reason,
            verified=stopped.verified,
            exit_code=stopped.exit_code,
            lines=_lines(state),
            exhausted=spend.exhausted if stopped.status == "limit" else None,
            calls=spend.calls,
            tool_calls=spend.tool_calls,
            usage=spend.usage,
            cost_usd=spend.cost_usd,
            cost_known=spend.cost_known,
            seconds=spend.seconds,
            test_seconds=spend.test_seconds,
        )
        before = self._journal.state.progress.attempts[number - 1]
        if isinstance(before, AttemptEnded):
            ended = ended.since(before)
        self._shared.running.pop(number, None)
        await self._journal.append(ended)

    async def _decisive(self) -> Candidate | None:
        """The attempt after which no further one is needed."""
        for one in self._candidates():
            if self._wished in (one.attempt, 0) and self._decides(one):
                return one
        if not self._compares:
            return None
        async with self._turn.bench.trying:
            return await find_agreement(self._turn, self._candidates())

    def _decides(self, one: Candidate) -> bool:
        """Whether an attempt ends the series: what only examples or checks show is compared by best-of-n."""
        if self._compares and not self._wished:
            return one.outcome.passed and one.outcome.verified == "tests"
        stopped = self._states[one.attempt].progress.stopped
        is_last = self._width() == 1  # nothing would show more of a further change
        decisive = ("solved", "unverified") if is_last else ("solved",)
        return stopped is not None and stopped.status in decisive

    def _candidates(self) -> list[Candidate]:
        """The changes of the attempts that are over."""
        candidates, states = [], self._states.values()
        repeated = [state.codes[-1].files for state in states if _only_repeats(state)]
        for number, state in sorted(self._states.items()):
            code = best_code(state)
            outcome = outcome_of(state, code) if code is not None else None
            if code is not None and outcome is not None:
                votes = 1 + sum(code.files == other for other in repeated)
                lines = _lines(state) if state.files else 0
                candidates.append(Candidate(number, code, outcome, lines=lines, votes=votes))
        return candidates

    def _stuck(self) -> Reason | None:
        """The reason to end where the attempts together give nothing new."""
        if self._journal.state.settings.may_act or self._wished:
            return None  # with tools, each attempt ends by itself
        states = [self._states[number] for number in sorted(self._states)]
        empty = 0
        for state in states:
            empty = state.progress.empty_answers + (empty if _is_empty(state) else 0)
        if empty >= EMPTY_ANSWERS:
            return Reason("stuck", f"the model's last {empty} answers were empty")
        if most_repeated(*states) >= STUCK_AFTER:
            return Reason("stuck", f"the model gave the same answer {STUCK_AFTER} times")
        return None

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
            if task.cancelled() or task.exception() is None:
                await self._settle(number, await self._runs.read(run) if task.cancelled() else task.result())
        self._tasks.clear()

    async def conclude(self, chosen: Candidate | None) -> Message | None:
        """Log the choice, and take over its change and its outcome."""
        candidates = self._candidates()
        if chosen is None:
            if (failure := self._failure()) is not None:
                await self._journal.append(failure)
                return None
            await self._wait_for_answers()
        if chosen is not None:
            text = f"attempt {chosen.attempt} decides"
        elif candidates:
            async with self._turn.bench.trying:
                chosen, text = await pick(self._turn, candidates)
        else:
            text = "no attempt has made a change"
        ended = [one for one in self._journal.state.progress.attempts if isinstance(one, AttemptEnded)]
        reason = self._reason(chosen, ended)
        if chosen is None:
            await self._journal.append(
                AttemptChosen(attempt=0, text=text, status=reason.status, reason=reason.text)
            )
            return None
        state = self._states[chosen.attempt]
        choice = AttemptChosen(
            attempt=chosen.attempt,
            text=text,
            status=reason.status,
            reason=reason.text,
            left_out=dict(state.dialogue.session.left_out),
        )
        await self._journal.append(choice, Spoken(message=chosen.code))
        return Message(author="executor", kind="outcome", outcome=chosen.outcome)

    def _failure(self) -> RunStopped | None:
        """The end of the first attempt that ended by an error."""
        ends = (state.progress.stopped for state in self._states.values())
        return next((stopped for stopped in ends if stopped is not None and stopped.status == "error"), None)

    async def _wait_for_answers(self) -> None:
        """Pass on the first question that an attempt waits with. Raises Waits: there is one."""
        for state in self._states.values():
            if state.progress.stopped is not None and state.progress.stopped.status == "waiting":
                identity, question = open_question(state)
                asked = QuestionAsked(id=identity, **question.model_dump(exclude={"id"}))
                if self._journal.state.questions.open != asked:
                    await self._journal.append(asked)
                raise Waits(question.text)

    def _reason(self, chosen: Candidate | None, ended: Sequence[AttemptEnded]) -> Reason:
        """How the run ends with this choice."""
        if chosen is not None:
            if chosen.outcome.passed:
                return verdict(self._journal.state, chosen.outcome)
            if (reason := contradiction(chosen.outcome)) is not None:
                return reason
        if (limit := self._journal.state.spend.exhausted) is not None:
            return Reason("limit", limit.text)
        if (stuck := self._stuck()) is not None:
            return stuck
        if len(ended) == 1 or all(one.status == "stuck" for one in ended):
            return Reason(ended[-1].status, ended[-1].reason)
        return Reason("unsolved", f"none of {len(ended)} attempts passed")


def _is_empty(state: State) -> bool:
    """Whether no answer of an attempt holds a word."""
    return state.progress.empty_answers == state.spend.calls


def _only_repeats(state: State) -> bool:
    """Whether an attempt has answered only what earlier ones had."""
    return bool(state.codes) and all(code.repeats for code in state.codes)


def _lines(state: State) -> int:
    if best_code(state) is None:
        return 0
    try:
        return sum(sum(count_lines(patch)) for patch in proposal(state))
    except LookupError:  # of a large folder, whose files the log doesn't hold
        return 0
