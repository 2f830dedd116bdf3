"""Several attempts at one task by a model that acts, each a run of its own; the best one lands.

The best has the strongest evidence, then the fewest changed lines. The others keep theirs in their logs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import ROUND_DOWN, Decimal
from functools import partial
from typing import get_args

from coder.errors import UsageError
from coder.loop import Deliver
from coder.run.attempts import decisive_outcome
from coder.run.event_types import PatchProposed, RunOrigin, RunResumed
from coder.run.journal import Journal
from coder.run.message import Verified
from coder.run.run import Other, Run, summarize
from coder.run.settings import Settings
from coder.run.state import State
from coder.store import new_run_id
from coder.teams.strategies import LEAST_CALLS, attempts
from coder.workspace.deliver import deliver
from coder.workspace.diff import count_lines
from coder.workspace.proposal import proposal

AT_ONCE = 8
"""Attempts under way at the same time: each has a session and a sandbox for its verdicts."""
_CENT = Decimal("0.0001")
_WARM = 0.8
"""Temperature of all attempts but the first, as of fresh starts."""


Start = Callable[[str, Settings, Deliver, RunOrigin], Awaitable[State]]
"""Makes one attempt, in a run with this id, and gives its last state."""


async def side_by_side(settings: Settings, start: Start, *, first: str, priced: bool) -> Run:
    """Make as many attempts as samples were named, and return the best run.

    Args:
        first: the id of the first one.
        priced: the model's price is known, so that the limit of cost is divided, too.

    Raises:
        UsageError: the calls are too few for so many.
    """
    count, began = attempts(settings), time.monotonic()
    if settings.budget.calls // count < LEAST_CALLS:
        raise UsageError(
            f"{settings.budget.calls} calls are too few for {count} attempts: each takes {LEAST_CALLS}. "
            "Name more by --max-calls, or fewer --samples."
        )
    runs, selection = [first, *(new_run_id() for _ in range(count - 1))], _Selection(count)

    async def attempt(number: int) -> State:
        await selection.slots.acquire()
        elapsed = time.monotonic() - began
        own = _own(settings, number, count=count, elapsed_s=elapsed, priced=priced)
        origin = RunOrigin(run=runs[0], attempt=number, of=count)
        state = await start(runs[number - 1], own, partial(selection.land, number), origin)
        selection.settle(number, state)
        return state

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(attempt(number)) for number in range(1, count + 1)]
    except BaseExceptionGroup as errors:  # what one attempt raises ends all, and is raised as of one run
        raise errors.exceptions[0] from None
    states = {number: task.result() for number, task in enumerate(tasks, 1)}
    others = tuple(_other(state) for number, state in states.items() if number != selection.best)
    return summarize(states[selection.best]).model_copy(update={"others": others})


class _Selection:
    """Which of several attempts is chosen, once all are over or could land."""

    def __init__(self, count: int) -> None:
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.best = 0
        self._open = set(range(1, count + 1))
        self._ranks: dict[int, tuple[object, ...]] = {}
        self._is_chosen, self._has_landed = asyncio.Event(), asyncio.Event()

    def settle(self, number: int, state: State, *, lands: bool = False) -> None:
        """Take an attempt that is over, or could land, as what it is worth; once."""
        if number not in self._open:
            return
        self._open.remove(number)
        self.slots.release()
        self._ranks[number] = (not lands, *_rank(state), number)
        if not self._open:
            self.best = min(self._ranks, key=self._ranks.__getitem__)
            self._is_chosen.set()

    async def land(self, number: int, journal: Journal) -> None:
        """Let the chosen attempt land; another one only proposes, once that is through."""
        self.settle(number, journal.state, lands=True)
        await self._is_chosen.wait()
        if number == self.best:
            try:
                await deliver(journal)
            finally:
                self._has_landed.set()
            return
        await self._has_landed.wait()
        state = journal.state
        stays = state.settings.model_copy(update={"apply": False, "commit": False, "branch": None})
        patch, tests = proposal(state)  # of the files as read: the chosen attempt has changed them since
        resumed = RunResumed(budget=state.spend.budget, model=state.model, settings=stays)
        await journal.append(resumed, PatchProposed(patch=patch, tests=tests))


def _rank(state: State) -> tuple[object, ...]:
    """Less is better: what shows it, how much of that passed, how much it changes."""
    outcome = decisive_outcome(state)
    kinds = get_args(Verified)  # the strongest first
    if outcome is None:
        return len(kinds), True, 0, 0
    shown = kinds.index(outcome.verified) if outcome.passed else len(kinds)
    passed = 0 if outcome.passed else sum(check.passed for check in outcome.checks)
    return shown, not outcome.contradicts, -passed, _lines(state)


def _lines(state: State) -> int:
    return sum(sum(count_lines(patch)) for patch in proposal(state))


def _other(state: State) -> Other:
    run = summarize(state)
    same = {name: getattr(run, name) for name in ("run_id", "status", "verified", "calls", "cost")}
    return Other(lines=_lines(state), **same)


def _own(settings: Settings, number: int, *, count: int, elapsed_s: float, priced: bool) -> Settings:
    """The settings of one attempt: its share of the limits; all but the first are drawn with some chance."""
    budget = settings.budget
    share = {
        "samples": 1,
        "calls": budget.calls // count,
        "tokens": budget.tokens // count if budget.tokens is not None else None,
        "cost_usd": (budget.cost_usd / count).quantize(_CENT, ROUND_DOWN) if priced else budget.cost_usd,
        "seconds": max(1.0, budget.seconds - elapsed_s),
    }
    own: dict[str, object] = {"budget": budget.model_copy(update=share), "seed": settings.seed + number - 1}
    if number > 1 and settings.temperature is None:
        own["temperature"] = _WARM
    return settings.model_copy(update=own)
