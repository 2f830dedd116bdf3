"""The judge of a suite: gives one answer its verdict, and is sure before it says so.

A timeout is tried again before it is final, unless the sample had a processor to itself. A trial that gave no
verdict is the candidate's fault, unless a solution that is known to be good fails in the same place.
"""

import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.judge.case_plan import CasePlan, CasePlans
from benchmarks.judge.check_sources import canonical_module, prelude, with_setup
from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.function import Pair
from benchmarks.judge.judging_sandboxes import Places
from benchmarks.judge.mode import KnownModes, Mode
from benchmarks.judge.packages import missing_packages, needed_packages
from benchmarks.judge.repository_mode import RepositoryMode
from benchmarks.judge.verdicts import Judged, had_a_processor, one_line
from benchmarks.suite import Case, FunctionCase, RepositoryCase, Suite
from benchmarks.verdict import Strength, Verdict
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


@dataclass(frozen=True, slots=True)
class Audited:
    """How an answer that passed did on inputs that the tests don't have."""

    inputs: int
    """On which the canonical answer had a plain value."""
    differing: int
    example: str

    @property
    def overfits(self) -> bool | None:
        """None where nothing could be compared."""
        if not self.inputs:
            return None
        return self.differing >= max(_LEAST_DIFFERING, _DIFFERING_SHARE * self.inputs)


@dataclass(frozen=True, slots=True)
class Known:
    """Of a case: how strong verdicts on it are (None: it judges nobody), why not stronger, its own answer."""

    strength: Strength | None
    reason: str
    good: str | None


class Judge:
    """Made by `open_judge`. Any number of samples may be judged at once."""

    def __init__(self, policy: Policy, backend: str, known: KnownModes | None) -> None:
        self._turns = Exclusive()
        self._places = Places(policy, backend)
        self._ways = CasePlans(self._places, self._turns, known)

    async def judge(self, case: Case, code: str, *, sample: int = 0) -> Verdict:
        """What became of one answer, for good.

        Args:
            code: a whole module, a script, or a unified diff, as the kind of the case asks.
            sample: its number among those of its case.
        """
        way = await self._ways.of(case)
        if isinstance(way, Verdict):
            return way.model_copy(update={"sample": sample})
        async with self._turns.shared():
            judged = await self._try(way, code, sample)
        if judged.verdict.verdict == "timeout" and not had_a_processor(judged.verdict, case.timeout_s):
            async with self._turns.quiet():
                judged = await self._try(way, code, sample)
        if judged.incomplete and not await self._is_sound(way):
            return judged.verdict.model_copy(update={"verdict": "infrastructure"})
        return judged.verdict

    async def audit(self, case: Case, code: str, verdict: Verdict) -> Verdict:
        """A verdict with what a second look says: whether an answer that passed holds on fresh inputs."""
        if verdict.verdict != "passed" or not isinstance(case, FunctionCase):
            return verdict
        mode = await self.mode(case)
        async with self._turns.shared():
            found = await audit_function(await self.sandboxes(), case, code, mode)
        if found is None or found.overfits is None:
            return verdict
        share = f"{found.differing} of {found.inputs} fresh inputs differ: {found.example}"
        detail = one_line(share) if found.overfits else ""
        return verdict.model_copy(update={"overfits": found.overfits, "detail": detail})

    async def way(self, case: Case) -> Known:
        """What is known of a case before anybody is judged by it."""
        way = await self._ways.of(case)
        if isinstance(way, Verdict):
            return Known(strength=None, reason=way.detail, good=None)
        return Known(strength=way.strength, reason=way.reason, good=way.good)

    async def lacking(self, suite: Suite) -> dict[str, int]:
        """Packages that repository cases need and the interpreter lacks, pytest first: how many need each."""
        needing = needed_packages(suite)
        if not needing:
            return {}
        try:
            missing = await missing_packages((await self._places.pair()).candidate, (*needing,), {})
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

    async def mode(self, case: FunctionCase) -> Mode:
        """How a function's case is judged."""
        return await self._ways.mode(case)

    async def repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        """How a repository's case is judged."""
        return await self._ways.repository_mode(case)

    async def sandboxes(self) -> Pair:
        """Where samples are judged; opened anew where they stopped working."""
        return await self._places.pair()

    async def close(self) -> None:
        """End what still runs, and the sandboxes."""
        await self._ways.close()
        await self._places.close()

    async def _try(self, way: CasePlan, code: str, sample: int) -> Judged:
        for _ in range(_REOPENINGS):
            try:
                return await way.judge(code, sample)
            except SandboxBroken as error:
                reason = str(error)
        verdict = Verdict(
            id=way.case, sample=sample, verdict="error", strength=way.strength, detail=one_line(reason)
        )
        return Judged(verdict, incomplete=True)

    async def _is_sound(self, way: CasePlan) -> bool:
        """Whether a solution that is known to be good passes here and now."""
        if way.good is None:
            way = self._ways.by_mode(_KNOWN_GOOD, Mode(how="isolated"))
        async with self._turns.shared():
            judged = await self._try(way, way.good or "", 0)
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
        python = find_interpreter(
            None, Path.cwd(), os.environ
        ).path  # the one with pytest and what the cases need
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


async def audit_function(pair: Pair, case: FunctionCase, code: str, mode: Mode) -> Audited | None:
    """Compare an answer with the case's own one; None where they can't be called apart."""
    reference = canonical_module(case)
    if reference is None or mode.how != "isolated" or mode.stateful:
        return None
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
    said = (await hold_trial(pair.candidates, pair.checkers, trial, limits=limits)).outcome
    return Audited(said.explored, said.astray, said.example)
