"""Judge answers of models in training, many at once, in sandboxes that stay open.

Verdicts are the judge's own (`benchmarks.judge`), except for answers that take long: see `Pace`.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.rewards.answers import JudgedAnswer, code_of, single_tests
from benchmarks.rewards.pace import Pace
from benchmarks.runner.bench_session import default_workers
from benchmarks.suite import Case, RepositoryCase, Suite
from benchmarks.verdict import Verdict
from coder.errors import MachineError
from sandbox import Limits, Program, Result

_COUNT_S = 1.0
"""Wall time of one test of an answer that failed; a longer one counts as failed."""
_CASES = 4096
"""Most cases remembered."""


class QueueFull(MachineError):
    """More answers wait than may."""

    retry_after_s = 1


class JudgingService:
    """Made by `open_service`."""

    def __init__(self, judge: Judge, most_waiting: int, patience_s: float) -> None:
        self._judge, self._most_waiting, self._pace = judge, most_waiting, Pace(patience_s)
        self._slots = default_workers()
        self._first, self._further = asyncio.Semaphore(self._slots), asyncio.Semaphore(self._slots)
        self._slowest_s: dict[str, float] = {}
        """CPU time of a case's slowest pass."""
        self._tests: dict[str, Sequence[Case]] = {}
        self._waiting = 0

    async def judge(self, asked: Sequence[tuple[Case, str]], *, partial: bool = False) -> list[JudgedAnswer]:
        """Judge models' texts, in their order; cases are known by their ids. Raises QueueFull.

        `partial`: count the tests that pass, and reward failed answers by them.
        """
        if self._waiting and self._waiting + len(asked) > self._most_waiting:
            full = QueueFull(f"{self._waiting:,} answers wait to be judged.\nTry again later.")
            full.retry_after_s = math.ceil(self._waiting * self._pace.usual_s / self._slots)
            raise full
        if len(self._slowest_s) > _CASES:
            self._slowest_s, self._tests = {}, {}
            self._judge.forget()
        self._waiting += len(asked)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(case, text, partial)) for case, text in asked]
        except BaseExceptionGroup as errors:  # all answers need the same sandboxes: the first error suffices
            raise errors.exceptions[0] from None
        finally:
            self._waiting -= len(asked)
        return [task.result() for task in tasks]

    async def run(self, program: Program, limits: Limits, stdin: bytes) -> Result:
        """Run one program among the answers, in a workspace of its own. Raises SandboxBroken."""
        async with self._first:
            sandbox = (await self._judge.sandboxes()).candidate
            return await sandbox.run(program, limits=limits, stdin=stdin, fresh=True)

    async def _one(self, case: Case, text: str, partial: bool) -> JudgedAnswer:
        cut, passed, tests = False, None, None
        async with self._first:
            code = code_of(case, text)
            cpu_s, wall_s = self._pace.first(self._slowest_s.setdefault(case.id, 0.0))
            if isinstance(case, RepositoryCase):
                wall_s = case.longest_s
            verdict = await self._try(case, code, wall_s, first=True)
        while verdict.verdict == "timeout" and wall_s < case.longest_s:
            async with self._further:
                if cut := not (longer := self._pace.longer(cpu_s, wall_s, verdict)):
                    break
                cpu_s, wall_s = longer
                verdict = await self._try(case, code, wall_s, first=False)
        reward: float | None = float(verdict.verdict == "passed")
        if verdict.verdict == "infrastructure":
            reward = None
        elif partial:
            async with self._further:
                passed, tests = await self._count(case, code, verdict)
            reward = passed / tests
        found = verdict.model_dump(include={"verdict", "strength", "cpu_s", "detail"})
        return JudgedAnswer(**found, reward=reward, tests_passed=passed, tests=tests, cut=cut)

    async def _try(self, case: Case, code: str, wall_s: float, *, first: bool) -> Verdict:
        limited = case.model_copy(update={"wall_s": min(wall_s, case.longest_s)})
        verdict = await self._judge.judge(limited, code, retry=False)
        self._pace.count(verdict, first=first)
        if verdict.verdict == "passed":
            self._slowest_s[case.id] = max(self._slowest_s.get(case.id, 0.0), verdict.cpu_s)
        return verdict

    async def _count(self, case: Case, code: str, verdict: Verdict) -> tuple[int, int]:
        """Number of tests that pass, and of all. Tests that the case's own answer fails can't stand alone."""
        if case.id not in self._tests:
            good, tests = (await self._judge.plan(case)).good, single_tests(case)
            sound = good is None or await self._passed(tests, good) == len(tests)
            self._tests[case.id] = tests if sound else [case]
        tests = self._tests[case.id]
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
    most_waiting: int = 4096,
    patience_s: float = 10.0,
    **judging: Any,  # noqa: ANN401
) -> AsyncIterator[JudgingService]:
    """Open a service for as long as the block lasts. Raises BackendMissing.

    Args:
        suite: its cases set the longest limits; others may be judged, too.
        most_waiting: answers that may wait; one request may have more.
        patience_s: seconds that may be spent at once on answers that take long.
        judging: options of `open_judge`.
    """
    async with open_judge(suite, **judging) as judge:
        yield JudgingService(judge, most_waiting, patience_s)
