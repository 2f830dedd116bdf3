"""The judge of a suite: gives one answer its verdict, and is sure before it says so.

A timeout is tried again before it is final, unless the sample had a processor to itself. A trial that gave no
verdict is the candidate's fault, unless a solution that is known to be good fails in the same place.
"""

import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.judge.case_plan import CasePlan, CasePlans
from benchmarks.judge.check_sources import canonical_module, prelude, with_setup
from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.function import Pair
from benchmarks.judge.imported import missing_packages, needed_packages
from benchmarks.judge.judging_sandboxes import Places
from benchmarks.judge.mode import KnownModes, Mode
from benchmarks.judge.verdicts import Judged, had_a_processor, one_line
from benchmarks.suite import Case, FunctionCase, RepositoryCase, Suite
from benchmarks.verdict import Verdict
from sandbox import Limits, Policy, find_interpreter
from sandbox.checks.trial import Trial, hold_trial
from sandbox.errors import SandboxBroken

_KNOWN_GOOD = FunctionCase(
    id="known-good",
    prompt="",
    entry_point="double",
    canonical_solution="def double(n):\n    return 2 * n\n",
    test="def check(candidate):\n    assert candidate(21) == 42\n",
)
"""Tried where a case has no canonical answer of its own."""
_REOPENINGS = 3
"""Of the sandboxes, for one sample; candidates that break them again and again are to blame themselves."""
_AUDIT_INPUTS = 60
"""Fresh inputs of an audit, made from those of the tests by one small change each."""
_LEAST_DIFFERING, _DIFFERING_SHARE = 2, 0.1
"""Differing answers, at least, and of all, before an answer is said to overfit: a fresh input may be one that
the task rules out, where any answer is right."""


class Judge(CasePlans):
    """Made by `open_judge`. Any number of samples may be judged at once."""

    def __init__(self, policy: Policy, backend: str, known: KnownModes | None) -> None:
        super().__init__(Places(policy, backend), Exclusive(), known)

    async def judge(self, case: Case, code: str, *, sample: int = 0) -> Verdict:
        """The final verdict on one answer.

        Args:
            code: a whole module, a script, or a unified diff, as the kind of the case asks.
            sample: its number among those of its case.
        """
        plan = await self.plan(case)
        async with self._turns.shared():
            judged = await self._try(plan, code, sample)
        if judged.verdict.verdict == "timeout" and not had_a_processor(judged.verdict, case.timeout_s):
            async with self._turns.quiet():
                judged = await self._try(plan, code, sample)
        if judged.incomplete and not await self._is_sound(plan):
            return judged.verdict.model_copy(update={"verdict": "infrastructure"})
        return judged.verdict

    async def audit(self, case: Case, code: str, verdict: Verdict) -> Verdict:
        """The verdict with whether an answer that passed agrees with the case's own on fresh inputs."""
        if verdict.verdict != "passed" or not isinstance(case, FunctionCase):
            return verdict
        mode, reference = await self.mode(case), canonical_module(case)
        if reference is None or mode.how != "isolated" or mode.stateful:
            return verdict
        trial = Trial(
            source=with_setup(case, code),
            entry_point=case.entry_point,
            tests=(case.test,),
            prelude=prelude(case),
            crossing=mode.crossing,
            reference=reference,
            explored=_AUDIT_INPUTS,
            seed=int.from_bytes(hashlib.sha256(case.id.encode()).digest()[:6]),
        )
        limits = Limits(cpu_s=case.timeout_s + 1, wall_s=4 * case.timeout_s + 10)
        async with self._turns.shared():
            pair = await self.sandboxes()
            found = (await hold_trial(pair.candidates, pair.checkers, trial, limits=limits)).outcome
        if not found.explored:
            return verdict
        overfits = found.astray >= max(_LEAST_DIFFERING, _DIFFERING_SHARE * found.explored)
        share = f"{found.astray} of {found.explored} fresh inputs differ: {found.example}"
        return verdict.model_copy(
            update={"overfits": overfits, "detail": one_line(share) if overfits else verdict.detail}
        )

    async def lacking(self, suite: Suite) -> dict[str, int]:
        """Packages that repository cases need and the interpreter lacks, pytest first: how many need each."""
        needing = needed_packages(suite)
        if not needing:
            return {}
        try:
            missing = await missing_packages((await self.sandboxes()).candidate, (*needing,), {})
        except SandboxBroken:  # judging opens another one, or says so of each case
            return {}
        return {name: count for name, count in needing.items() if name in missing}

    @property
    def isolation(self) -> str:
        """What keeps candidates apart here."""
        return self._places.isolation

    @property
    def image(self) -> str | None:
        """Id of the image that candidates were judged in, where there is one; a case's own is its own."""
        return self._places.image

    async def sandboxes(self) -> Pair:
        """Where samples are judged; opened anew where they stopped working."""
        return await self._places.pair()

    async def _try(self, plan: CasePlan, code: str, sample: int) -> Judged:
        for _ in range(_REOPENINGS):
            try:
                return await plan.judge(code, sample)
            except SandboxBroken as error:
                detail = one_line(str(error))
        strength = plan.strength or "weaker"
        verdict = Verdict(id=plan.case, sample=sample, verdict="error", strength=strength, detail=detail)
        return Judged(verdict, incomplete=True)

    async def _is_sound(self, plan: CasePlan) -> bool:
        """Whether a solution that is known to be good passes here and now."""
        if plan.good is None:
            plan = self.by_mode(_KNOWN_GOOD, Mode(how="isolated"))
        async with self._turns.shared():
            judged = await self._try(plan, plan.good or "", 0)
        return judged.verdict.verdict == "passed"


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
    """A judge for the cases of a suite, for as long as the block lasts.

    Args:
        python: the interpreter that candidates and tests get.
        memory_mb: of each of both processes.
        image: of Docker, for cases that name none; None is the one that `coder sandbox build` makes.
        cache: a folder where what was found of each case is kept for the next time.

    Raises:
        BackendMissing: there is no sandbox on this machine; the message says what helps.
    """
    if python is None and any(isinstance(case, RepositoryCase) for case in suite.cases):
        # The one with pytest and what the cases need.
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
    """When packages were last installed beside an interpreter, or removed."""
    found = python.parent.parent.glob("lib/python*/site-packages") if python is not None else ()
    return ",".join(str(folder.stat().st_mtime_ns) for folder in found)
