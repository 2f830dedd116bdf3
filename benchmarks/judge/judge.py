"""Judge one answer: its final verdict.

A timeout is retried, unless the sample had a processor to itself. A trial without a verdict is the
candidate's fault, unless a known good solution fails in the same place.
"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.judge.case_plan import CasePlan, CasePlans
from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.function import Pair, judge_function
from benchmarks.judge.imported import missing_packages, needed_packages
from benchmarks.judge.judging_sandboxes import Places
from benchmarks.judge.mode import KnownModes, Mode, RepositoryMode
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.script import judge_script
from benchmarks.judge.verdicts import Judged
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase, Suite
from benchmarks.verdict import Verdict
from sandbox import Policy, PythonCode, Sandbox, find_interpreter
from sandbox.errors import BackendMissing, SandboxBroken

_NOTHING = PythonCode(source="")
_KNOWN_GOOD = FunctionCase(
    id="known-good",
    prompt="",
    entry_point="double",
    canonical_solution="def double(n):\n    return 2 * n\n",
    test="def check(candidate):\n    assert candidate(21) == 42\n",
)
"""Known good solution for cases without a canonical answer."""
_REOPENINGS = 3
"""Most sandboxes for one sample; a candidate that breaks all of them fails."""


class Judge(CasePlans):
    """Made by `open_judge`. Judges any number of samples concurrently."""

    def __init__(self, policy: Policy, backend: str, known: KnownModes | None) -> None:
        super().__init__(Places(policy, backend), Exclusive(), known)

    async def judge(self, case: Case, code: str, *, sample: int = 0, retry: bool = True) -> Verdict:
        """The final verdict on one answer: a module, a script, or a unified diff, by the kind of the case.

        `retry`: repeat a timeout that may be due to a busy machine, with few others beside it.
        """
        plan = await self.plan(case)
        async with self._turns.shared():
            judged = await self._try(plan, code)
        if retry and judged.outcome == "timeout" and not judged.had_a_processor(case.timeout_s):
            async with self._turns.quiet():
                judged = await self._try(plan, code)
        if judged.incomplete and not await self._is_sound(plan):
            judged.outcome = "infrastructure"
        return judged.verdict(case.id, sample, plan.strength or "weaker")

    async def lacking(self, suite: Suite) -> dict[str, int]:
        """Missing packages that repository cases need, pytest first, with the number of cases."""
        needing = needed_packages(suite)
        if not needing:
            return {}
        try:
            missing = await missing_packages((await self.sandboxes()).candidate, (*needing,), {})
        except SandboxBroken:  # judging opens another one, or reports it for each case
            return {}
        return {name: count for name, count in needing.items() if name in missing}

    @property
    def isolation(self) -> str:
        """The mechanism that isolates candidates."""
        return self._places.isolation

    @property
    def image(self) -> str | None:
        """Id of the candidates' image, if any; a case's own image is reported by the case."""
        return self._places.image

    async def sandboxes(self) -> Pair:
        """Sandboxes for judging; reopened once broken."""
        return await self._places.pair()

    async def close(self) -> None:
        """Cancel pending searches and close the sandboxes."""
        await super().close()
        await self._places.close()

    async def _try(self, plan: CasePlan, code: str) -> Judged:
        detail = ""
        for _ in range(_REOPENINGS):
            try:
                return await self._judged(plan, code)
            except SandboxBroken as error:
                detail = str(error)
        return Judged("error", detail, incomplete=True)

    async def _judged(self, plan: CasePlan, code: str) -> Judged:
        case, mode = plan.case, plan.mode
        if plan.strength is None:
            return Judged("infrastructure", plan.reason)
        if isinstance(case, RepositoryCase):
            assert isinstance(mode, RepositoryMode)
            try:
                async with self._places.of(case) as place:
                    judged = await judge_repository(place.sandbox, place.opened, place.case, code, mode)
                    return await seen_alive(place.sandbox, judged)
            except BackendMissing as error:
                if case.image is None:
                    raise
                return Judged("infrastructure", str(error))  # the image was removed meanwhile
        async with self._places.shared() as pair:
            if isinstance(case, ScriptCase):
                judged = await judge_script(pair.candidate, case, code)
            else:
                assert isinstance(mode, Mode)
                judged = await judge_function(pair, case, code, mode)
            return await seen_alive(pair.candidate, judged)

    async def _is_sound(self, plan: CasePlan) -> bool:
        if plan.good is None:
            plan = CasePlan(_KNOWN_GOOD, Mode(how="isolated"))
        async with self._turns.shared():
            judged = await self._try(plan, plan.good or "")
        return judged.outcome == "passed"


async def seen_alive(sandbox: Sandbox, judged: Judged) -> Judged:
    """The same verdict if its sandbox still works. Raises SandboxBroken if it doesn't."""
    if judged.died:
        seen = await sandbox.run(_NOTHING, fresh=True)
        if not seen.ok:  # a program that died with the sandbox may be reported first
            raise SandboxBroken(f"A program that does nothing ended as {seen.status} where a candidate died.")
    return judged


@contextlib.asynccontextmanager
async def open_judge(
    suite: Suite,
    *,
    backend: str = "auto",
    python: Path | None = None,
    memory_mb: int = 512,
    image: str | None = None,
    cache: Path | None = None,
) -> AsyncIterator[Judge]:
    """Open a judge for the cases of a suite, for as long as the block lasts.

    Args:
        python: the interpreter of candidates and tests.
        memory_mb: limit of each of the two processes.
        image: Docker image for cases that name none; None is the one that `coder sandbox build` makes.
        cache: a folder that stores how each case is judged.

    Raises:
        BackendMissing: there is no sandbox on this machine; the message says what helps.
    """
    if python is None and any(isinstance(case, RepositoryCase) for case in suite.cases):
        # The interpreter with pytest and the cases' packages.
        python = find_interpreter(None, Path.cwd(), os.environ).path
    longest = max((case.timeout_s for case in suite.cases), default=10.0)
    policy = Policy(
        python=python,
        memory_mb=memory_mb,
        image=image,
        cpu_s=longest + 2,
        wall_s=3 * longest + 10,
        output_bytes=1 << 16,
    )
    about = (suite.digest, str(python), _packages(python), backend, *([image] if image else []))
    known = KnownModes(cache, *about) if cache is not None else None
    judge = Judge(policy, backend, known)
    try:
        yield judge
        if known is not None:
            known.save()
    finally:
        await judge.close()


def _packages(python: Path | None) -> str:
    """When packages beside an interpreter were last installed or removed."""
    found = python.parent.parent.glob("lib/python*/site-packages") if python is not None else ()
    return ",".join(str(folder.stat().st_mtime_ns) for folder in found)
