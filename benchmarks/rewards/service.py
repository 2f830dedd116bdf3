"""Judge answers of models in training, many at once, in sandboxes that stay open.

Verdicts are the judge's own (`benchmarks.judge`). A first try is short, so that endless loops don't take the
time of other answers; what takes longer is tried again, up to its limit, in a few slots of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.rewards.answers import JudgedAnswer, code_of, single_tests
from benchmarks.runner.bench_session import default_workers
from benchmarks.suite import Case, RepositoryCase, ScriptCase, Suite
from benchmarks.verdict import Verdict
from sandbox import Limits, Program, Result

_FIRST_S, _OF_OWN = 0.02, 4.0
"""CPU time of a first try: the least, and by that of the case's own answer."""
_LONGER, _SPARE = 8.0, 1.5
"""A try's time by the one before; wall time by what the CPU time took last."""
_ASLEEP = 0.02
"""Most CPU time by wall time of an answer that sleeps; one with more waited for a processor."""
_REMEMBERED = 32
"""First tries in the moving averages."""
_COUNT_S = 1.0
"""Wall time of one test of an answer that failed; a longer one counts as failed."""
_CASES = 4096
"""Most cases remembered."""


class _Known:
    """What is known of a case."""

    def __init__(self) -> None:
        self.measuring = asyncio.Lock()
        self.usual_s: float | None = None
        """CPU time of its own answer; else of its slowest pass so far."""
        self.has_own = False
        self.tests: Sequence[Case] = ()


class JudgingService:
    """Made by `open_service`."""

    def __init__(self, judge: Judge, share: int = 1) -> None:
        self._judge, self.slots = judge, max(2, default_workers() // share)
        self._first, self._slow, self._programs = (
            asyncio.Semaphore(max(1, self.slots // part)) for part in (1, 4, 2)
        )
        self._known: dict[str, _Known] = {}
        self.usual_s, self._cpu_s = 0.01, 0.005
        """Wall and CPU time of a first try, on average."""

    async def judge(
        self, asked: Sequence[tuple[Case, str]], *, partial: bool = False, slow_s: float | None = None
    ) -> list[JudgedAnswer]:
        """Judge models' texts, in their order; cases are known by their ids.

        `partial`: count the tests that pass, and reward failed answers by them. `slow_s`: CPU seconds of an
        answer, if fewer than its case allows, and not below four times what the case's own answer takes.
        """
        if len(self._known) > _CASES:
            self._known = {}
            self._judge.forget()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(case, text, partial, slow_s)) for case, text in asked]
        except BaseExceptionGroup as errors:  # all answers need the same sandboxes: the first error suffices
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def run(self, program: Program, limits: Limits, stdin: bytes) -> Result:
        """Run one program beside the answers, in a workspace of its own. Raises SandboxBroken."""
        async with self._programs:
            sandbox = (await self._judge.sandboxes()).candidate
            return await sandbox.run(program, limits=limits, stdin=stdin, fresh=True)

    async def _one(self, case: Case, text: str, partial: bool, slow_s: float | None) -> JudgedAnswer:
        async with self._first:
            code = code_of(case, text)
            known = await self._known_of(case)
            first_s = max(_FIRST_S, _OF_OWN * (known.usual_s or 0.0))
            if slow_s is not None:
                case = case.model_copy(update={"timeout_s": min(case.timeout_s, max(slow_s, first_s))})
            if first_s * _LONGER / 2 > case.timeout_s:
                first_s = case.timeout_s
            wall_s = first_s * max(1.0, self.usual_s / max(self._cpu_s, 1e-3))
            verdict = await self._try(
                case, code, case.longest_s if isinstance(case, RepositoryCase) else wall_s
            )
            self._average(verdict)
        if verdict.verdict == "timeout" and not isinstance(case, RepositoryCase):
            verdict = await self._longer(case, code, verdict, first_s, wall_s)
        if verdict.verdict == "passed" and not known.has_own:
            known.usual_s = max(known.usual_s or 0.0, verdict.cpu_s)
        passed, tests = None, None
        reward = None if verdict.verdict == "infrastructure" else float(verdict.verdict == "passed")
        if partial and reward is not None:
            async with self._slow if verdict.verdict == "timeout" else self._first:
                passed, tests = await self._count(case, code, verdict, known)
            reward = passed / tests
        found = verdict.model_dump(include={"verdict", "strength", "cpu_s", "detail"})
        return JudgedAnswer(**found, reward=reward, tests_passed=passed, tests=tests)

    async def _longer(self, case: Case, code: str, verdict: Verdict, cpu_s: float, wall_s: float) -> Verdict:
        """The verdict of longer and longer tries, each behind those of other answers; the last has all."""
        runs = len(case.runs) if isinstance(case, ScriptCase) else 1
        limit_s = case.timeout_s
        while verdict.verdict == "timeout" and verdict.cpu_s < runs * limit_s and wall_s < case.longest_s:
            if verdict.cpu_s < cpu_s / 2:  # it waited for a processor, or sleeps
                wall_s *= _LONGER
            else:
                cpu_s = cpu_s * _LONGER if cpu_s * _LONGER < limit_s / 2 else limit_s
                wall_s = cpu_s * _SPARE * max(1.0, verdict.wall_s / verdict.cpu_s)
            # A limit of CPU seconds ends the last try, but it counts whole ones.
            if wall_s > case.longest_s / 2 or (cpu_s == limit_s and limit_s >= 1):
                wall_s = case.longest_s
            async with self._slow:
                verdict = await self._try(case, code, wall_s)
        if verdict.verdict == "timeout" and _ASLEEP * verdict.wall_s < verdict.cpu_s < limit_s:
            async with self._slow:  # the machine was too busy: with few others beside it
                verdict = await self._judge.judge(case, code)
        return verdict

    async def _try(self, case: Case, code: str, wall_s: float) -> Verdict:
        limited = case.model_copy(update={"wall_s": min(wall_s, case.longest_s)})
        return await self._judge.judge(limited, code, retry=False)

    def _average(self, verdict: Verdict) -> None:
        if verdict.verdict != "timeout":
            self.usual_s += (verdict.wall_s - self.usual_s) / _REMEMBERED
            self._cpu_s += (verdict.cpu_s - self._cpu_s) / _REMEMBERED

    async def _known_of(self, case: Case) -> _Known:
        """What is known of a case, whose own answer is timed the first time."""
        known = self._known.setdefault(case.id, _Known())
        async with known.measuring:
            if known.usual_s is None and not isinstance(case, RepositoryCase):
                good = (await self._judge.plan(case)).good
                known.has_own = good is not None
                known.usual_s = (await self._try(case, good, case.longest_s)).cpu_s if good else 0.0
        return known

    async def _count(self, case: Case, code: str, verdict: Verdict, known: _Known) -> tuple[int, int]:
        """Number of tests that pass, and of all. Tests that the case's own answer fails are one."""
        if not known.tests:
            good, tests = (await self._judge.plan(case)).good, single_tests(case)
            sound = good is None or await self._passed(tests, good) == len(tests)
            known.tests = tests if sound else [case]
        tests = known.tests
        if verdict.verdict not in ("failed", "error") or verdict.stateful or len(tests) == 1:
            return len(tests) * (verdict.verdict == "passed"), len(tests)
        return min(await self._passed(tests, code), len(tests) - 1), len(tests)

    async def _passed(self, tests: Sequence[Case], code: str) -> int:
        limited = [test.model_copy(update={"wall_s": min(_COUNT_S, test.longest_s)}) for test in tests]
        judged = [await self._judge.judge(test, code, retry=False) for test in limited]
        return sum(one.verdict == "passed" for one in judged)


@contextlib.asynccontextmanager
async def open_service(
    suite: Suite,
    *,
    share: int = 1,
    **judging: Any,  # noqa: ANN401
) -> AsyncIterator[JudgingService]:
    """Open a service for as long as the block lasts. Raises BackendMissing.

    Args:
        suite: its cases set the longest limits; others may be judged, too.
        share: it has one in so many of the processors.
        judging: options of `open_judge`.
    """
    async with open_judge(suite, **judging) as judge:
        yield JudgingService(judge, share)
