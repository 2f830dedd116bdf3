"""Judge answers of models in training, many at once, in sandboxes that stay open.

Verdicts are the judge's own (`benchmarks.judge`), except for answers that take long: see `Pace`.
"""

import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.rewards.answers import JudgedAnswer, code_of
from benchmarks.rewards.pace import Pace, longest_s
from benchmarks.rewards.tests_apart import tests_apart
from benchmarks.suite import Case, FunctionCase, ScriptCase, Suite
from benchmarks.verdict import Verdict
from coder.errors import MachineError
from sandbox.errors import SandboxBroken

MOST_WAITING = 4096
"""Answers that may wait."""
_COUNT_S = 2.0
"""Wall time of all tests of a failed function, of each run of a failed script; later ones count as failed."""
_CASES = 4096
"""Cases whose plans are kept."""


class QueueFull(MachineError):
    """More answers wait than may."""

    def __init__(self, waiting: int, retry_after_s: int) -> None:
        super().__init__(f"{waiting:,} answers wait to be judged. Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class JudgingService:
    """Made by `open_service`."""

    def __init__(self, judge: Judge, *, processors: int, most_waiting: int, patience_s: float) -> None:
        self._judge, self._most_waiting = judge, most_waiting
        self._slots = 2 * processors
        self._first, self._further = asyncio.Semaphore(self._slots), asyncio.Semaphore(self._slots)
        self._pace = Pace(patience_s)
        self._tests: dict[str, tuple[str, ...]] = {}
        """By case: sources of its single tests; for a case whose tests can't be told apart, one."""
        self._waiting = 0

    async def judge(
        self, answers: Sequence[tuple[Case, str]], *, partial: bool = False
    ) -> list[JudgedAnswer]:
        """Judge answers, each a model's text, in their order.

        Args:
            partial: count the tests that failed answers pass, and reward them.

        Raises:
            QueueFull: too many wait already.
        """
        if self._waiting and self._waiting + len(answers) > self._most_waiting:
            raise QueueFull(self._waiting, math.ceil(self._waiting * self._pace.usual_s / self._slots) or 1)
        self._waiting += len(answers)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(case, text, partial)) for case, text in answers]
        except BaseExceptionGroup as errors:  # all answers need the same sandboxes: the first error suffices
            raise errors.exceptions[0] from None
        finally:
            self._waiting -= len(answers)
        return [task.result() for task in tasks]

    async def _one(self, case: Case, text: str, partial: bool) -> JudgedAnswer:
        async with self._first:
            code = code_of(case, text)
            await self._learn(case)
            allowed = self._pace.first(case)
            verdict = await self._judge.judge(case, code, retry=False, wall_s=allowed.wall_s)
            self._pace.tried_first(verdict)
        cut = False
        while verdict.verdict == "timeout" and allowed.wall_s < longest_s(case):
            async with self._further:
                longer = self._pace.next(allowed, verdict)
                if cut := longer is None:
                    break
                allowed = longer
                verdict = await self._judge.judge(case, code, retry=False, wall_s=allowed.wall_s)
                self._pace.tried_again(verdict)
        passed = None
        if partial and verdict.verdict in ("failed", "error") and not verdict.stateful:
            async with self._further:
                passed = await self._passed(case, code)
        return _judged(verdict, passed, len(self._tests[case.id]), cut=cut)

    async def _learn(self, case: Case) -> None:
        """Find the tests of a case, the first time; those that its own answer fails can't stand alone."""
        if case.id in self._tests:
            return
        tests: tuple[str, ...] = ("",)
        if isinstance(case, ScriptCase):
            tests = tuple(run.stdin for run in case.runs)
        elif isinstance(case, FunctionCase):
            plan, apart = await self._judge.plan(case), tests_apart(case)
            with contextlib.suppress(SandboxBroken):
                if plan.good is None or await self._judge.count_passed(case, plan.good, apart) == len(apart):
                    tests = apart
        while len(self._tests) >= _CASES:
            self._forget(next(iter(self._tests)))
        self._tests[case.id] = tests

    def _forget(self, case: str) -> None:
        del self._tests[case]
        self._pace.forget(case)
        self._judge.forget(case)

    async def _passed(self, case: Case, code: str) -> int:
        """Number of tests that a failed answer passes; at least one must fail."""
        tests, passed = self._tests[case.id], 0
        if isinstance(case, ScriptCase):
            for run in case.runs:
                one = case.model_copy(update={"runs": (run,)})
                tried = await self._judge.judge(one, code, retry=False, wall_s=_COUNT_S)
                passed += tried.verdict == "passed"
        elif isinstance(case, FunctionCase) and len(tests) > 1:
            with contextlib.suppress(SandboxBroken):
                passed = await self._judge.count_passed(case, code, tests, wall_s=_COUNT_S)
        return min(passed, len(tests) - 1)


def _judged(verdict: Verdict, passed: int | None, tests: int, *, cut: bool) -> JudgedAnswer:
    reward: float | None = (passed or 0) / tests
    if verdict.verdict == "passed":
        reward, passed = 1.0, tests
    elif verdict.verdict == "infrastructure":
        reward = None
    return JudgedAnswer(
        verdict=verdict.verdict,
        strength=verdict.strength,
        reward=reward,
        tests_passed=passed,
        tests=tests,
        cpu_s=verdict.cpu_s,
        cut=cut,
        detail=verdict.detail,
    )


@contextlib.asynccontextmanager
async def open_service(
    suite: Suite,
    *,
    backend: str = "auto",
    python: Path | None = None,
    memory_mb: int = 512,
    most_waiting: int = MOST_WAITING,
    patience_s: float = 10.0,
) -> AsyncIterator[JudgingService]:
    """Open a service for as long as the block lasts.

    Args:
        suite: its cases set the longest limits; others may be judged, too.
        patience_s: seconds that may be spent at once on answers that take long.

    Raises:
        BackendMissing: there is no sandbox on this machine; the message says what helps.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    async with open_judge(suite, backend=backend, python=python, memory_mb=memory_mb) as judge:
        yield JudgingService(judge, processors=processors, most_waiting=most_waiting, patience_s=patience_s)
