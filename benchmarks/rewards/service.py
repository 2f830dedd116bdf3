"""Judge answers of models in training, many at once, in sandboxes that stay open.

Verdicts are the judge's own (`benchmarks.judge`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.rewards.answers import JudgedAnswer, extract_answer_code, split_tests
from benchmarks.runner.bench_session import default_workers
from benchmarks.suite import Case, Suite
from benchmarks.verdict import Verdict
from sandbox import Limits, Program, Result

_MAX_TEST_S = 1.0
"""Wall time limit of each test when tests of a failed answer are counted."""
_MAX_CASES = 4096
"""Remember at most this many cases."""


class JudgingService:
    """Judges answers of models in training. Create it with `open_service`."""

    def __init__(self, judge: Judge, slots: int) -> None:
        self._judge, self.slots = judge, slots
        self._programs = asyncio.Semaphore(max(1, slots // 2))
        self._tests: dict[str, Sequence[Case]] = {}
        """Single tests to count, by case."""

    @property
    def usual_s(self) -> float:
        """Average wall seconds of an answer."""
        return self._judge.tries.usual_s

    async def judge(
        self, answers: Sequence[tuple[Case, str]], *, partial: bool = False, slow_s: float | None = None
    ) -> list[JudgedAnswer]:
        """Judge texts of models, and return results in their order; the id identifies a case.

        `partial`: count passed tests, and reward failed answers by their share. `slow_s`: CPU limit of an
        answer, if below the limit of its case; at least four times the time of the case's own answer.
        """
        if len(self._tests) > _MAX_CASES:
            self._tests.clear()
            self._judge.forget()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._judge_answer(case, text, partial, slow_s))
                    for case, text in answers
                ]
        except BaseExceptionGroup as errors:  # all answers need the same sandboxes: the first error suffices
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def run(self, program: Program, limits: Limits, stdin: bytes) -> Result:
        """Run one program beside the answers, in a fresh workspace. Raises SandboxBroken."""
        async with self._programs:
            sandbox = (await self._judge.sandboxes()).candidate
            return await sandbox.run(program, limits=limits, stdin=stdin, fresh=True)

    async def _judge_answer(self, case: Case, text: str, partial: bool, slow_s: float | None) -> JudgedAnswer:
        code = extract_answer_code(case, text)
        if slow_s is not None:
            min_s = self._judge.tries.first_s(case, (await self._judge.plan(case)).own_s)
            case = case.model_copy(update={"timeout_s": min(case.timeout_s, max(slow_s, min_s))})
        verdict = await self._judge.judge(case, code)
        passed, tests = None, None
        reward = None if verdict.verdict == "infrastructure" else float(verdict.verdict == "passed")
        if partial and reward is not None:
            passed, tests = await self._count(case, code, verdict)
            reward = passed / tests
        fields = verdict.model_dump(include={"verdict", "strength", "cpu_s", "detail"})
        return JudgedAnswer(**fields, reward=reward, tests_passed=passed, tests=tests)

    async def _count(self, case: Case, code: str, verdict: Verdict) -> tuple[int, int]:
        """Return the numbers of passed and of all tests; all count as one if the case's own answer fails."""
        tests = self._tests.get(case.id)
        if tests is None:
            canonical_answer, tests = (await self._judge.plan(case)).good, split_tests(case)
            if canonical_answer is not None and await self._count_passed(tests, canonical_answer) < len(
                tests
            ):
                tests = [case]
            self._tests[case.id] = tests
        if verdict.verdict not in ("failed", "error") or verdict.stateful or len(tests) == 1:
            return len(tests) * (verdict.verdict == "passed"), len(tests)
        return min(await self._count_passed(tests, code), len(tests) - 1), len(tests)

    async def _count_passed(self, tests: Sequence[Case], code: str) -> int:
        limited_tests = [
            test.model_copy(update={"wall_s": min(_MAX_TEST_S, test.longest_s)}) for test in tests
        ]
        verdicts = [await self._judge.judge(test, code, retry=False) for test in limited_tests]
        return sum(verdict.verdict == "passed" for verdict in verdicts)


@contextlib.asynccontextmanager
async def open_service(
    suite: Suite,
    *,
    share: int = 1,
    **judging: Any,  # noqa: ANN401
) -> AsyncIterator[JudgingService]:
    """Open a service for as long as the block lasts. Raises BackendMissing.

    Args:
        suite: suite whose cases set the longest limits; other cases may be judged, too.
        share: number of services that share the processors.
        judging: options of `open_judge`.
    """
    slots = max(2, default_workers() // share)
    async with open_judge(suite, slots=slots, **judging) as judge:
        yield JudgingService(judge, slots)
