"""Look at a suite itself: how each case is judged, and that its own answer passes and no answer fails."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from benchmarks.judge.judge import Judge
from benchmarks.reports.inert import line
from benchmarks.suite import Case, RepositoryCase, Suite
from benchmarks.verdict import Outcome, Strength
from coder.text.sanitize import count_of

_ORDER: tuple[Strength, ...] = ("strong", "decoyed", "weaker", "weak")


class Examined(BaseModel):
    """One case."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    strength: Strength | None
    """None: nobody can be judged by it."""
    reason: str
    """Why it isn't stronger, or can't be used."""
    own: Outcome | None
    """The verdict on its own answer; None where it has none."""
    nothing: Outcome | None
    """The verdict on no answer: for a repository, on the tree as it is."""

    @property
    def sound(self) -> bool:
        """Its own answer passes, so far as there is one, and no answer doesn't."""
        return self.strength is not None and self.own in ("passed", None) and self.nothing != "passed"


class Examination(BaseModel):
    """All cases of a suite."""

    model_config = ConfigDict(frozen=True)

    suite: str
    cases: tuple[Examined, ...]
    strengths: dict[str, int]
    """Cases by how strong verdicts on them are; `none` for those that judge nobody."""


async def examine(judge: Judge, suite: Suite, *, workers: int) -> Examination:
    """Judge the own answer of each case, and no answer."""
    turns = asyncio.Semaphore(workers)

    async def one(case: Case) -> Examined:
        async with turns:
            return await _examine(judge, case)

    cases = await asyncio.gather(*map(one, suite.cases))
    found = Counter[str](case.strength or "none" for case in cases)
    counts = {name: found[name] for name in (*_ORDER, "none") if found[name] or name == "strong"}
    return Examination(suite=suite.name, cases=tuple(cases), strengths=counts)


async def _examine(judge: Judge, case: Case) -> Examined:
    way = await judge.way(case)
    if way.strength is None:
        strength, own, nothing = None, None, None
    else:
        strength = way.strength
        own = (await judge.judge(case, way.good)).verdict if way.good is not None else None
        nothing = (await judge.judge(case, "")).verdict
    return Examined(
        id=case.id, kind=case.kind, strength=strength, reason=way.reason, own=own, nothing=nothing
    )


def examination_lines(found: Examination, suite: Suite) -> list[str]:
    """What a terminal shows: counts, shares, and each case that isn't strong or isn't sound."""
    total = len(found.cases)
    counts = ", ".join(f"{count:,} {name}" for name, count in found.strengths.items())
    with_own = [one for one in found.cases if one.own is not None]
    judged = [one for one in found.cases if one.nothing is not None]
    what = "bases" if all(isinstance(case, RepositoryCase) for case in suite.cases) else "empty answers"
    lines = [
        line(f"{found.suite}: {count_of(total, 'case')}: {counts} ({_share(found)} strong)"),
        f"  own answers that pass  {_of(sum(one.own == 'passed' for one in with_own), with_own)}",
        f"  {what + ' that fail':<21}  {_of(sum(one.nothing != 'passed' for one in judged), judged)}",
    ]
    for one in found.cases:
        if one.strength != "strong" or not one.sound:
            fault = "" if one.sound else f" (own answer: {one.own}, no answer: {one.nothing})"
            lines.append(
                line(f"  {one.id}  {one.strength or 'judges nobody'}{fault}: {one.reason}", width=400)
            )
    return lines


def _share(found: Examination) -> str:
    return f"{found.strengths['strong'] / max(len(found.cases), 1):.0%}"


def _of(count: int, cases: Sequence[Examined]) -> str:
    return f"{count:,} of {len(cases):,}"
