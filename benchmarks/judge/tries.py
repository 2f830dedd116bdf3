"""Try an answer briefly first and then longer and longer, so that none keeps the others waiting.

A first try lasts a few times as long as the case's own answer. Whatever takes longer is tried behind the
others: loops one or few at a time, and sleepers, which need no processor, side by side. A repository is tried
once, since its tests take long; it leaves its slot to the next one when it should have ended.
"""

import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.verdicts import Judged
from benchmarks.suite import Case, RepositoryCase, ScriptCase

Attempt = Callable[[Case], Awaitable[Judged]]
"""Judges an answer by a case, whose limits it keeps."""

_FIRST_S, _OF_OWN = 0.02, 4.0
"""CPU time of a first try: the least, and by that of the case's own answer."""
_PROGRAM_S = 0.1
"""CPU time of a script's first try, while none has passed."""
_LONGER, _SPARE = 8.0, 1.5
"""A try's time by the one before; wall time by what the CPU time took last."""
_ASLEEP = 0.02
"""Most CPU time by wall time of an answer that sleeps; one with more waited for a processor."""
_REMEMBERED = 32
"""First tries in the moving averages."""
_SUITE_FACTOR, _SUITE_MORE_S = 2.0, 1.0
"""Wall time of a repository in its slot, by that of the slowest one that didn't time out."""


class Tries:
    """The tries of one judge's answers."""

    def __init__(self, turns: Exclusive, slots: int | None) -> None:
        processors = os.cpu_count() or 1
        self._turns = turns
        self._first = asyncio.Semaphore(slots or 1 << 20)
        self._asleep, self._left = (asyncio.Semaphore(part * processors) for part in (8, 4))
        self._usual: dict[str, float] = {}
        """CPU time by case of the slowest pass; of a repository, wall time."""
        self.usual_s, self._cpu_s = 0.01, 0.005
        """Wall and CPU time of a first try, on average."""

    def first_s(self, case: Case, own_s: float) -> float:
        """CPU seconds of a first try; `own_s` is the time of the case's own answer, or 0."""
        usual_s = own_s or self._usual.get(case.id, _PROGRAM_S if isinstance(case, ScriptCase) else 0.0)
        first_s = max(_FIRST_S, _OF_OWN * usual_s)
        return case.timeout_s if first_s * _LONGER / 2 > case.timeout_s else first_s

    def forget(self) -> None:
        """Forget how long answers of each case take."""
        self._usual.clear()

    async def once(self, case: Case, attempt: Attempt) -> Judged:
        """Try an answer once, in the limits of a case."""
        async with self._slot():
            return await attempt(case)

    async def all(
        self, case: Case, attempt: Attempt, *, own_s: float, on_slow: Callable[[], None] = lambda: None
    ) -> Judged:
        """Run an answer until it ends or reaches its case's limit; a slow one calls `on_slow`."""
        if isinstance(case, RepositoryCase):
            judged = await self._suite(case, attempt, on_slow)
        else:
            judged = await self._longer(case, attempt, self.first_s(case, own_s), on_slow)
        if judged.outcome == "timeout" and _ASLEEP * judged.wall_s < judged.cpu_s < case.timeout_s:
            on_slow()
            async with self._turns.quiet():  # the machine was too busy
                judged = await attempt(case)
        if judged.outcome == "passed":
            used_s = judged.wall_s if isinstance(case, RepositoryCase) else judged.cpu_s
            self._usual[case.id] = max(self._usual.get(case.id, 0.0), used_s)
        return judged

    async def _longer(
        self, case: Case, attempt: Attempt, cpu_s: float, on_slow: Callable[[], None]
    ) -> Judged:
        limit_s = case.timeout_s
        total_s = limit_s * (len(case.runs) if isinstance(case, ScriptCase) else 1)
        wall_s = min(cpu_s * max(1.0, self.usual_s / max(self._cpu_s, 1e-3)), case.longest_s)
        async with self._slot():
            judged = await attempt(case.model_copy(update={"wall_s": wall_s}))
        if judged.outcome != "timeout":
            self.usual_s += (judged.wall_s - self.usual_s) / _REMEMBERED
            self._cpu_s += (judged.cpu_s - self._cpu_s) / _REMEMBERED
            return judged
        on_slow()
        while judged.outcome == "timeout" and judged.cpu_s < total_s:
            sleeps = judged.cpu_s < cpu_s / 2
            if wall_s == case.longest_s and (sleeps or cpu_s == limit_s):
                break
            if sleeps:
                wall_s *= _LONGER
            else:
                cpu_s = cpu_s * _LONGER if cpu_s * _LONGER < limit_s / 2 else limit_s
                wall_s = cpu_s * _SPARE * max(1.0, judged.wall_s / judged.cpu_s)
            # A limit of CPU seconds ends the last try, but it counts whole ones.
            if wall_s > case.longest_s / 2 or (cpu_s == limit_s and limit_s >= 1):
                wall_s = case.longest_s
            limits = {"wall_s": wall_s, "timeout_s": cpu_s if sleeps else limit_s, "behind": not sleeps}
            async with self._asleep if sleeps else self._turns.behind(cpu_s):
                judged = await attempt(case.model_copy(update=limits))
        return judged

    async def _suite(self, case: Case, attempt: Attempt, on_slow: Callable[[], None]) -> Judged:
        usual_s = self._usual.get(case.id, math.inf)
        patience_s = min(case.longest_s, _SUITE_FACTOR * usual_s + _SUITE_MORE_S)
        async with contextlib.AsyncExitStack() as slot:
            await slot.enter_async_context(self._slot())
            leaving = asyncio.create_task(self._leave(slot, patience_s, on_slow))
            try:
                return await attempt(case)
            finally:
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)

    async def _leave(
        self, slot: contextlib.AsyncExitStack, patience_s: float, on_slow: Callable[[], None]
    ) -> None:
        """Leave a slot after a time, to run beside those that have one until cancelled."""
        await asyncio.sleep(patience_s)
        async with self._left:
            await slot.aclose()
            on_slow()
            await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with self._first, self._turns.shared():
            yield
