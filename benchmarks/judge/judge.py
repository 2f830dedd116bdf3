"""Judge one answer and return its final verdict.

A trial without a verdict is the candidate's fault, unless a known good solution fails in its place.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.harbor.mode import HarborMode
from benchmarks.harbor.verifier import Judged
from benchmarks.judge.case_plan import CasePlan, CasePlans
from benchmarks.judge.digest import installation_times
from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.function import judge_function
from benchmarks.judge.function_trial import Pair, with_weighing_time
from benchmarks.judge.harbor import draft_of, judge_in_containers
from benchmarks.judge.imported import missing_packages, needed_packages
from benchmarks.judge.judging_sandboxes import JudgingSandboxes
from benchmarks.judge.mode import KnownModes, Mode, RepositoryMode
from benchmarks.judge.pytest_run import PRELOADED
from benchmarks.judge.repository import KnownOwn, judge_repository
from benchmarks.judge.script import judge_script
from benchmarks.judge.tries import Tries
from benchmarks.judge.verdicts import DraftVerdict, timeout_reason
from benchmarks.suite import Case, FunctionCase, HarborCase, RepositoryCase, ScriptCase, Suite, UnreadableCase
from benchmarks.verdict import Evidence, Verdict
from sandbox import Policy, PythonCode, Sandbox, find_interpreter
from sandbox.errors import BackendMissing, FileRefused, SandboxBroken

_EMPTY_PROGRAM = PythonCode(source="")
_KNOWN_GOOD = FunctionCase(
    id="known-good",
    prompt="",
    entry_point="double",
    canonical_solution="def double(n):\n    return 2 * n\n",
    test="def check(candidate):\n    assert candidate(21) == 42\n",
)
"""Case with a known good solution, for cases without a canonical answer."""
_MOST_S = 86_400.0
"""Most seconds that a sandbox may grant."""
_MAX_SANDBOXES = 3
"""Open at most this many sandboxes for one sample; a candidate that breaks all of them fails."""


class Judge(CasePlans):
    """Judges any number of samples concurrently. Create it with `open_judge`."""

    def __init__(self, policy: Policy, backend: str, cache: KnownModes | None, slots: int | None) -> None:
        super().__init__(JudgingSandboxes(policy, backend), Exclusive(), cache)
        self.tries = Tries(self._turns, slots)
        self._own_tests: KnownOwn = {}

    async def judge(
        self,
        case: Case,
        code: str,
        *,
        sample: int = 0,
        retry: bool = True,
        on_slow: Callable[[], None] = lambda: None,
        judged: Judged | None = None,
        on_evidence: Callable[[Evidence], None] = lambda evidence: None,
    ) -> Verdict:
        """Return the final verdict on one answer: a module, a script or a unified diff, by the kind of case.

        Args:
            judged: result of an answer that was judged in the container of its task already.
            retry: try briefly first, then up to the case's limit, and again if the machine was too busy;
                otherwise try once, in `case.wall_s`.
            on_slow: called when the answer takes longer than others, which then run first.
            on_evidence: called with the evidence for a reviewer of the verdict.
        """
        plan = await self.plan(case)

        async def attempt(limited: Case) -> DraftVerdict:
            return await self._try(replace(plan, case=limited), code)

        if judged is not None:
            draft = draft_of(judged)
        elif isinstance(case, HarborCase | UnreadableCase):
            draft = await attempt(case)  # the task has limits of its own
        elif retry:
            draft = await self.tries.all(case, attempt, own_s=plan.own_s, on_slow=on_slow)
        else:
            draft = await self.tries.once(case, attempt)
        if draft.outcome == "timeout" and not isinstance(case, RepositoryCase | HarborCase):
            draft.detail = timeout_reason(case.timeout_s)  # whatever the limit of its last try
        if draft.incomplete and not await self._is_sound(plan):
            draft.outcome = "infrastructure"
        on_evidence(draft.evidence)
        apart = await self.judging_sandboxes.keeps_apart(case)
        return draft.verdict(case.id, sample, plan.strength or "weaker", apart=apart)

    async def lacking(self, suite: Suite) -> dict[str, int]:
        """Return missing packages that repository cases need, pytest first, with the number of cases."""
        case_counts = needed_packages(suite)
        if not case_counts:
            return {}
        try:
            missing = await missing_packages((await self.sandboxes()).candidate, (*case_counts,), {})
        except SandboxBroken:  # judging opens another one, or reports it for each case
            return {}
        return {name: count for name, count in case_counts.items() if name in missing}

    async def sandboxes(self) -> Pair:
        """Return the sandboxes for judging; broken sandboxes are replaced."""
        return await self.judging_sandboxes.pair()

    def forget(self) -> None:
        """Forget all plans and durations of answers; running searches end by themselves."""
        super().forget()
        self.tries.forget()
        self._own_tests.clear()

    async def close(self) -> None:
        """Cancel pending searches and close the sandboxes."""
        await super().close()
        await self.judging_sandboxes.close()

    async def _try(self, plan: CasePlan, code: str) -> DraftVerdict:
        detail = ""
        for _ in range(_MAX_SANDBOXES):
            try:
                return await self._judge_by_mode(plan, code)
            except SandboxBroken as error:
                detail = str(error)
            except FileRefused as error:  # a file below a file, a name or a tree that is too large
                return DraftVerdict("error", f"the patch can't be applied: {error}", incomplete=True)
        return DraftVerdict("error", detail, incomplete=True)

    async def _judge_by_mode(self, plan: CasePlan, code: str) -> DraftVerdict:
        case, mode = plan.case, plan.mode
        if plan.strength is None or isinstance(case, UnreadableCase):
            trace = case.trace if isinstance(case, UnreadableCase) else ""
            of_case = isinstance(case, FunctionCase | UnreadableCase)  # others may lack an image or a package
            return DraftVerdict(
                "infrastructure", plan.reason, evidence=Evidence(fault=trace), of_case=of_case
            )
        if isinstance(case, HarborCase):
            assert isinstance(mode, HarborMode)
            return await judge_in_containers(self.judging_sandboxes, case, code, mode)
        if isinstance(case, RepositoryCase):
            assert isinstance(mode, RepositoryMode)
            try:
                async with self.judging_sandboxes.of(case) as judging:
                    draft = await judge_repository(
                        judging.sandbox, judging.opened, judging.case, code, mode, known=self._own_tests
                    )
                    return await require_working_sandbox(judging.sandbox, draft)
            except BackendMissing as error:
                if case.image is None:
                    raise
                return DraftVerdict("infrastructure", str(error))  # the image was removed meanwhile
        async with self.judging_sandboxes.shared() as pair:
            if isinstance(case, ScriptCase):
                draft = await judge_script(pair, case, code)
            else:
                assert isinstance(mode, Mode)
                draft = await judge_function(pair, case, code, mode)
            return await require_working_sandbox(pair.candidate, draft)

    async def _is_sound(self, plan: CasePlan) -> bool:
        if plan.good is None:
            plan = CasePlan(_KNOWN_GOOD, Mode(how="isolated"))
        async with self._turns.shared():
            draft = await self._try(plan, plan.good or "")
        return draft.outcome == "passed"


async def require_working_sandbox(sandbox: Sandbox, draft: DraftVerdict) -> DraftVerdict:
    """Return the verdict if its sandbox still works. Raises SandboxBroken if it doesn't."""
    if draft.died:
        result = await sandbox.run(_EMPTY_PROGRAM, fresh=True)
        if not result.ok:  # a program that died with the sandbox may be reported first
            raise SandboxBroken(
                f"A program that does nothing ended as {result.status} where a candidate died."
            )
    return draft


def python_of(suite: Suite, named: Path | None) -> Path | None:
    """Return the interpreter of candidates and tests: that with their packages, if a case is a repository."""
    if named is None and any(isinstance(case, RepositoryCase) for case in suite.cases):
        return find_interpreter(None, Path.cwd(), os.environ).path
    return named


@contextlib.asynccontextmanager
async def open_judge(
    suite: Suite,
    *,
    backend: str = "auto",
    python: Path | None = None,
    memory_mb: int = 512,
    image: str | None = None,
    cache: Path | None = None,
    slots: int | None = None,
) -> AsyncIterator[Judge]:
    """Open a judge for the cases of a suite while the context is open.

    Args:
        python: the interpreter of candidates and tests.
        memory_mb: memory limit of each of the two processes.
        image: Docker image for cases that name none; None takes the image of `coder sandbox build`.
        cache: folder that stores how each case is judged; None stores nothing.
        slots: maximum number of concurrent first tries; None if the caller limits them.

    Raises:
        BackendMissing: there is no sandbox on this machine; the message says how to get one.
    """
    runs_pytest = any(isinstance(case, RepositoryCase) and case.runner == "pytest" for case in suite.cases)
    python = python_of(suite, python)
    longest = max((case.timeout_s for case in suite.cases), default=10.0)
    functions = (case for case in suite.cases if isinstance(case, FunctionCase))
    weighed_s = max((with_weighing_time(case).timeout_s for case in functions), default=0.0)
    policy = Policy(
        python=python,
        memory_mb=memory_mb,
        image=image,
        cpu_s=min(max(longest, weighed_s) + 2, _MOST_S),
        wall_s=min(max(3 * longest, 2 * weighed_s) + 10, _MOST_S),
        output_bytes=1 << 20,
        preload=PRELOADED if runs_pytest else (),
    )
    cache_key = (suite.digest, str(python), installation_times(python), backend, *([image] if image else []))
    modes = KnownModes(cache, *cache_key) if cache is not None else None
    judge = Judge(policy, backend, modes, slots)
    try:
        yield judge
        if modes is not None:
            modes.save()
    finally:
        await judge.close()
