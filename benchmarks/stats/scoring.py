"""Score verdicts: one report of what the judge said of every sample."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

from benchmarks.report import Report, Times, Usage
from benchmarks.stats.scores import IntervalMethod, mean_pass_at_k, score_interval, standard_error
from benchmarks.suite import Suite
from benchmarks.verdict import Outcome, Strength, Verdict

KS = (1, 10, 100)
"""Of pass@k where nobody says otherwise: those of Chen et al. 2021."""


@dataclass(slots=True)
class _Tally:
    """Of the samples of one case."""

    samples: int = 0
    passed: int = 0
    base: int = 0
    unjudged: int = 0

    def count(self, verdict: Verdict) -> None:
        self.samples += 1
        self.passed += verdict.verdict == "passed"
        self.base += verdict.base == "passed"
        self.unjudged += verdict.verdict == "infrastructure"


def make_report(
    suite: Suite,
    verdicts: Iterable[Verdict],
    *,
    digests: Mapping[str, str],
    ks: Sequence[int] = KS,
    model: str | None = None,
    command: str | None = None,
    isolation: str | None = None,
    usage: Sequence[Usage] = (),
    times: Times | None = None,
    independent: bool = True,
    greedy: bool = False,
    count_weaker: bool = False,
) -> Report:
    """Score verdicts. The denominator is all cases of the suite, answered or not.

    Args:
        digests: of the judge, image, samples, parameters; the suite's own is added.
        independent: samples are drawn alike and apart; where they aren't, pass@k for k > 1 is None.
        greedy: samples are drawn without randomness; where there are several of a case, they aren't apart.
        count_weaker: cases that were judged in one process with the candidate count, too.
    """
    order = {case.id: number for number, case in enumerate(suite.cases)}
    judged = _ordered(verdicts, order, suite)
    repeated = len({one.id for one in judged}) < len(judged)
    independent = independent and not (greedy and repeated)
    weaker = set() if count_weaker else {one.id for one in judged if _is_weaker(one)}
    return Report(
        suite=suite.name,
        suite_version=suite.version,
        model=model,
        command=command,
        cases=len(suite.cases),
        missing=_in_order(order.keys() - {one.id for one in judged}, order),
        left_out=_in_order(weaker, order),
        kinds={case.id: case.kind for case in suite.cases},
        difficulties={case.id: case.difficulty for case in suite.cases if case.difficulty},
        digests={"suite": suite.digest, **digests},
        isolation=isolation,
        independent=independent,
        greedy=greedy,
        usage=tuple(usage),
        times=times or Times(),
        verdicts=tuple(judged),
        **_figures(judged, order.keys() - weaker, ks, independent=independent, usage=usage),
    )


def rescored(report: Report) -> Report:
    """The same report with every figure made anew from its verdicts, whatever stood there.

    Raises:
        ValueError: it doesn't have as many cases as it says, has two verdicts of one sample, or a k that
            can't be a number of samples.
    """
    named = {one.id for one in report.verdicts}
    cases = named | set(report.missing)
    if len(cases) != report.cases:
        raise ValueError(f"it says that there are {report.cases:,} cases and names {len(cases):,}")
    if named & set(report.missing) or not cases.issuperset(report.left_out):
        raise ValueError("a case that is missing has a verdict, or one that is left out isn't there")
    _refuse_twins(sorted(report.verdicts, key=lambda one: (one.id, one.sample)))
    strange = next((k for k in report.pass_at if not k.isdecimal() or int(k) < 1), None)
    if strange is not None:
        raise ValueError(f"there is no pass@{strange}")
    figures = _figures(
        report.verdicts,
        cases - set(report.left_out),
        [int(k) for k in report.pass_at],
        independent=report.independent,
        usage=report.usage,
    )
    return report.model_copy(update=dict(figures))


class _Figures(TypedDict):
    """What follows from verdicts and what was spent on them."""

    samples: int
    pass_at: dict[str, float | None]
    base_pass_at: dict[str, float | None] | None
    interval: tuple[float, float] | None
    interval_method: IntervalMethod | None
    standard_error: float | None
    bounds: tuple[float, float] | None
    outcomes: dict[Outcome, int]
    strengths: dict[Strength, int]
    cost_usd: float | None


def _figures(
    judged: Sequence[Verdict],
    cases: Iterable[str],
    ks: Sequence[int],
    *,
    independent: bool,
    usage: Sequence[Usage],
) -> _Figures:
    """Of these cases, which are the denominator."""
    tallies = {case: _Tally() for case in cases}
    for one in judged:
        if one.id in tallies:
            tallies[one.id].count(one)
    counted = list(tallies.values())
    counts = [(tally.samples, tally.passed) for tally in counted]
    interval, method = score_interval(counts) if counts else (None, None)
    return _Figures(
        samples=len(judged),
        pass_at=_pass_at(counts, ks, independent=independent),
        base_pass_at=_base(judged, counted, ks, independent=independent),
        interval=interval,
        interval_method=method,
        standard_error=standard_error(counts),
        bounds=_bounds(counted),
        outcomes=dict(Counter(one.verdict for one in judged)),
        strengths=dict(Counter(one.strength for one in judged)),
        cost_usd=_cost(usage),
    )


def _is_weaker(verdict: Verdict) -> bool:
    """Judged, but only as well as one process can; what nobody judged stays in the denominator."""
    return verdict.strength in ("weaker", "weak") and verdict.verdict != "infrastructure"


def _ordered(verdicts: Iterable[Verdict], order: Mapping[str, int], suite: Suite) -> list[Verdict]:
    judged = list(verdicts)
    strange = next((one.id for one in judged if one.id not in order), None)
    if strange is not None:
        raise ValueError(f"The suite {suite.name} has no case {strange!r}")
    judged.sort(key=lambda one: (order[one.id], one.sample))
    _refuse_twins(judged)
    return judged


def _refuse_twins(judged: Sequence[Verdict]) -> None:
    for one, after in pairwise(judged):
        if (one.id, one.sample) == (after.id, after.sample):
            raise ValueError(f"Two verdicts of sample {one.sample} of {one.id!r}")


def _in_order(cases: Iterable[str], order: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(cases, key=order.__getitem__))


def _pass_at(
    counts: Sequence[tuple[int, int]], ks: Sequence[int], *, independent: bool
) -> dict[str, float | None]:
    return {str(k): mean_pass_at_k(counts, k) if k == 1 or independent else None for k in ks}


def _base(
    judged: Sequence[Verdict], counted: Sequence[_Tally], ks: Sequence[int], *, independent: bool
) -> dict[str, float | None] | None:
    if all(one.base is None for one in judged):
        return None
    return _pass_at([(tally.samples, tally.base) for tally in counted], ks, independent=independent)


def _bounds(counted: Sequence[_Tally]) -> tuple[float, float] | None:
    if not counted:
        return None
    least = sum(tally.passed / tally.samples for tally in counted if tally.samples)
    unknown = sum(tally.unjudged / tally.samples if tally.samples else 1.0 for tally in counted)
    return least / len(counted), (least + unknown) / len(counted)


def _cost(usage: Sequence[Usage]) -> float | None:
    """US dollars of all samples; None where one of them is unknown."""
    if not usage or any(one.cost_usd is None for one in usage):
        return None
    return sum(one.cost_usd or 0.0 for one in usage)
