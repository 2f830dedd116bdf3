"""Try an answer briefly first and then longer and longer, so that no answer delays the others.

A first try lasts a few times as long as the case's own answer. Longer answers are tried after the others:
loops one or few at a time, and sleeping programs, which need no processor, concurrently. A repository is
tried once, since its tests take long; it leaves its slot to the next sample when it should have ended.
"""

import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable

from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.verdicts import DraftVerdict
from benchmarks.suite import Case, RepositoryCase, ScriptCase

Attempt = Callable[[Case], Awaitable[DraftVerdict]]
"""Judges an answer within the limits of a case."""

_MIN_FIRST_S, _OWN_FACTOR = 0.02, 4.0
"""CPU time of a first try: minimum, and factor of the time of the case's own answer."""
_PROGRAM_S = 0.1
"""CPU time assumed for a script's answer before an answer has passed."""
_TRY_FACTOR, _WALL_FACTOR = 8.0, 1.5
"""Factor of the previous try's time, and factor of the wall time that the CPU time took last."""
_MAX_ASLEEP_SHARE = 0.02
"""Maximum ratio of CPU to wall time of a sleeping answer; with a larger ratio it waited for a processor."""
_AVERAGED = 32
"""Number of first tries in the moving averages."""
_SUITE_FACTOR, _SUITE_MORE_S = 2.0, 1.0
"""Wall time of a repository in its slot: factor of the slowest pass, plus seconds."""


class Tries:
    """Schedules the tries of one judge's answers."""

    def __init__(self, turns: Exclusive, slots: int | None) -> None:
        processors = os.cpu_count() or 1
        self._turns = turns
        self._first = asyncio.Semaphore(slots or 1 << 20)
        self._asleep, self._left = (asyncio.Semaphore(part * processors) for part in (8, 4))
        self._usual: dict[str, float] = {}
        """CPU time of the slowest pass by case; for a repository, wall time."""
        self.usual_s, self._cpu_s = 0.01, 0.005
        """Average wall and CPU time of a first try."""

    def first_s(self, case: Case, own_s: float) -> float:
        """Return the CPU seconds of a first try; `own_s` is the time of the case's own answer, or 0."""
        usual_s = own_s or self._usual.get(case.id, _PROGRAM_S if isinstance(case, ScriptCase) else 0.0)
        first_s = max(_MIN_FIRST_S, _OWN_FACTOR * usual_s)
        return case.timeout_s if first_s * _TRY_FACTOR / 2 > case.timeout_s else first_s

    def forget(self) -> None:
        """Forget how long answers of each case take."""
        self._usual.clear()

    async def once(self, case: Case, attempt: Attempt) -> DraftVerdict:
        """Try an answer once, within the limits of a case."""
        async with self._slot():
            return await attempt(case)

    async def all(
        self, case: Case, attempt: Attempt, *, own_s: float, on_slow: Callable[[], None] = lambda: None
    ) -> DraftVerdict:
        """Run an answer until it ends or reaches its case's limit; call `on_slow` for a slow answer."""
        if isinstance(case, RepositoryCase):
            draft = await self._try_repository(case, attempt, on_slow)
        else:
            draft = await self._try_longer(case, attempt, self.first_s(case, own_s), on_slow)
        if draft.outcome == "timeout" and _MAX_ASLEEP_SHARE * draft.wall_s < draft.cpu_s < case.timeout_s:
            on_slow()
            async with self._turns.quiet():  # the machine was too busy
                draft = await attempt(case)
        if draft.outcome == "passed":
            used_s = draft.wall_s if isinstance(case, RepositoryCase) else draft.cpu_s
            self._usual[case.id] = max(self._usual.get(case.id, 0.0), used_s)
        return draft

    async def _try_longer(
        self, case: Case, attempt: Attempt, cpu_s: float, on_slow: Callable[[], None]
    ) -> DraftVerdict:
        limit_s = case.timeout_s
        total_s = limit_s * (len(case.runs) if isinstance(case, ScriptCase) else 1)
        wall_s = min(cpu_s * max(1.0, self.usual_s / max(self._cpu_s, 1e-3)), case.longest_s)
        async with self._slot():
            draft = await attempt(case.model_copy(update={"wall_s": wall_s}))
        if draft.outcome != "timeout":
            self.usual_s += (draft.wall_s - self.usual_s) / _AVERAGED
            self._cpu_s += (draft.cpu_s - self._cpu_s) / _AVERAGED
            return draft
        on_slow()
        while draft.outcome == "timeout" and draft.cpu_s < total_s:
            sleeps = draft.cpu_s < cpu_s / 2
            if wall_s == case.longest_s and (sleeps or cpu_s == limit_s):
                break
            if sleeps:
                wall_s *= _TRY_FACTOR
            else:
                cpu_s = cpu_s * _TRY_FACTOR if cpu_s * _TRY_FACTOR < limit_s / 2 else limit_s
                wall_s = cpu_s * _WALL_FACTOR * max(1.0, draft.wall_s / draft.cpu_s)
            # A limit of CPU seconds ends the last try, but it counts whole ones.
            if wall_s > case.longest_s / 2 or (cpu_s == limit_s and limit_s >= 1):
                wall_s = case.longest_s
            limits = {"wall_s": wall_s, "timeout_s": cpu_s if sleeps else limit_s, "behind": not sleeps}
            async with self._asleep if sleeps else self._turns.behind(cpu_s):
                draft = await attempt(case.model_copy(update=limits))
        return draft

    async def _try_repository(
        self, case: Case, attempt: Attempt, on_slow: Callable[[], None]
    ) -> DraftVerdict:
        usual_s = self._usual.get(case.id, math.inf)
        patience_s = min(case.longest_s, _SUITE_FACTOR * usual_s + _SUITE_MORE_S)
        async with contextlib.AsyncExitStack() as slot:
            await slot.enter_async_context(self._slot())
            leave_task = asyncio.create_task(self._leave_slot(slot, patience_s, on_slow))
            try:
                return await attempt(case)
            finally:
                leave_task.cancel()
                await asyncio.gather(leave_task, return_exceptions=True)

    async def _leave_slot(
        self, slot: contextlib.AsyncExitStack, patience_s: float, on_slow: Callable[[], None]
    ) -> None:
        """Leave the slot after `patience_s` and run beside other samples until cancelled."""
        await asyncio.sleep(patience_s)
        async with self._left:
            await slot.aclose()
            on_slow()
            await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with self._first, self._turns.shared():
            yield
