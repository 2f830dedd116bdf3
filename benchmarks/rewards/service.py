"""Judge answers of models in training, many at once, in sandboxes that stay open.

Verdicts are the judge's own (`benchmarks.judge`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.rewards.answers import JudgedAnswer, code_of, single_tests
from benchmarks.runner.bench_session import default_workers
from benchmarks.suite import Case, Suite
from benchmarks.verdict import Verdict
from sandbox import Limits, Program, Result

_COUNT_S = 1.0
"""Wall time of one test of an answer that failed; a longer one counts as failed."""
_CASES = 4096
"""Most cases remembered."""


class JudgingService:
    """Made by `open_service`."""

    def __init__(self, judge: Judge, slots: int) -> None:
        self._judge, self.slots = judge, slots
        self._programs = asyncio.Semaphore(max(1, slots // 2))
        self._tests: dict[str, Sequence[Case]] = {}
        """Tests to be counted, by case."""

    @property
    def usual_s(self) -> float:
        """Wall seconds of an answer, on average."""
        return self._judge.tries.usual_s

    async def judge(
        self, asked: Sequence[tuple[Case, str]], *, partial: bool = False, slow_s: float | None = None
    ) -> list[JudgedAnswer]:
        """Judge models' texts, in their order; cases are known by their ids.

        `partial`: count the tests that pass, and reward failed answers by them. `slow_s`: CPU seconds of an
        answer, if fewer than its case allows, and not below four times what the case's own answer takes.
        """
        if len(self._tests) > _CASES:
            self._tests.clear()
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
        code = code_of(case, text)
        if slow_s is not None:
            least_s = self._judge.tries.first_s(case, (await self._judge.plan(case)).own_s)
            case = case.model_copy(update={"timeout_s": min(case.timeout_s, max(slow_s, least_s))})
        verdict = await self._judge.judge(case, code)
        passed, tests = None, None
        reward = None if verdict.verdict == "infrastructure" else float(verdict.verdict == "passed")
        if partial and reward is not None:
            passed, tests = await self._count(case, code, verdict)
            reward = passed / tests
        found = verdict.model_dump(include={"verdict", "strength", "cpu_s", "detail"})
        return JudgedAnswer(**found, reward=reward, tests_passed=passed, tests=tests)

    async def _count(self, case: Case, code: str, verdict: Verdict) -> tuple[int, int]:
        """Number of tests that pass, and of all. Tests that the case's own answer fails are one."""
        tests = self._tests.get(case.id)
        if tests is None:
            good, tests = (await self._judge.plan(case)).good, single_tests(case)
            if good is not None and await self._passed(tests, good) < len(tests):
                tests = [case]
            self._tests[case.id] = tests
        if verdict.verdict not in ("failed", "error") or verdict.stateful or len(tests) == 1:
            return len(tests) * (verdict.verdict == "passed"), len(tests)
        return min(await self._passed(tests, code), len(tests) - 1), len(tests)

    async def _passed(self, tests: Sequence[Case], code: str) -> int:
        limited = [test.model_copy(update={"wall_s": min(_COUNT_S, test.longest_s)}) for test in tests]
        judged = [await self._judge.judge(test, code, retry=False) for test in limited]
        return sum(item.verdict == "passed" for item in judged)


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
    slots = max(2, default_workers() // share)
    async with open_judge(suite, slots=slots, **judging) as judge:
        yield JudgingService(judge, slots)
