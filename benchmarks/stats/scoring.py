"""Score verdicts: one report over all samples."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.report import Report, SampleUsage
from benchmarks.stats.scores import mean_pass_at_k, score_interval, standard_error
from benchmarks.suite import Suite
from benchmarks.verdict import Verdict

KS = (1, 10, 100)
"""Default k of pass@k, as in Chen et al. 2021."""


def make_report(
    suite: Suite,
    verdicts: Iterable[Verdict],
    *,
    digests: Mapping[str, str],
    ks: Sequence[int] = KS,
    usage: Sequence[SampleUsage] = (),
    independent: bool = True,
    greedy: bool = False,
    count_weaker: bool = False,
    **about: Any,  # noqa: ANN401 - pydantic checks them
) -> Report:
    """Score verdicts. The denominator is all cases of the suite, answered or not.

    Raises ValueError: a verdict is of no case of the suite, or stands twice.

    Args:
        digests: of the judge, image, samples, parameters; the suite's own is added.
        count_weaker: also count cases that were judged in one process with the candidate.
        about: other fields of the report.
    """
    order = {case.id: number for number, case in enumerate(suite.cases)}
    judged = list(verdicts)
    strange = next((one.id for one in judged if one.id not in order), None)
    if strange is not None:
        raise ValueError(f"The suite {suite.name} has no case {strange!r}")
    judged.sort(key=lambda one: (order[one.id], one.sample))
    _refuse_twins(judged)
    answered = {one.id for one in judged}
    repeated = len(answered) < len(judged)
    independent = independent and not (greedy and repeated)
    weaker = set() if count_weaker else answered - {one.id for one in judged if not _is_weaker(one)}
    return Report(
        suite=suite.name,
        suite_version=suite.version,
        cases=len(suite.cases),
        missing=tuple(case for case in order if case not in answered),
        left_out=tuple(case for case in order if case in weaker),
        kinds={case.id: case.kind for case in suite.cases},
        difficulties={case.id: case.difficulty for case in suite.cases if case.difficulty},
        digests={"suite": suite.digest, **digests},
        independent=independent,
        greedy=greedy,
        usage=tuple(usage),
        verdicts=tuple(judged),
        **about,
        **_figures(judged, order.keys() - weaker, ks, independent=independent, usage=usage),
    )


def rescored(report: Report) -> Report:
    """The report with figures recomputed from its verdicts. Raises ValueError if it contradicts itself."""
    named = {one.id for one in report.verdicts}
    cases = named | set(report.missing)
    if len(cases) != report.cases:
        raise ValueError(f"it says that there are {report.cases:,} cases and names {len(cases):,}")
    if named & set(report.missing) or not cases.issuperset(report.left_out):
        raise ValueError("a case that is missing has a verdict, or one that is left out isn't there")
    _refuse_twins(report.verdicts)
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
    return report.model_copy(update=figures)


def _figures(
    judged: Sequence[Verdict],
    cases: Iterable[str],
    ks: Sequence[int],
    *,
    independent: bool,
    usage: Sequence[SampleUsage],
) -> dict[str, Any]:
    """Fields of a report that follow from its verdicts and usage; the denominator is the cases."""
    samples: dict[str, list[Verdict]] = {case: [] for case in cases}
    for one in judged:
        samples.get(one.id, []).append(one)
    of_case = list(samples.values())
    counts = [(len(some), _passes(some)) for some in of_case]
    base = [(len(some), sum(one.base == "passed" for one in some)) for some in of_case]
    has_base = any(one.base is not None for one in judged)
    has_costs = usage and all(one.cost_usd is not None for one in usage)
    return {
        "samples": len(judged),
        "pass_at": _pass_at(counts, ks, independent=independent),
        "base_pass_at": _pass_at(base, ks, independent=independent) if has_base else None,
        "interval": score_interval(counts) if counts else None,
        "interval_method": "wilson" if counts else None,
        "standard_error": standard_error(counts),
        "bounds": _bounds(of_case),
        "outcomes": dict(Counter(one.verdict for one in judged)),
        "strengths": dict(Counter(one.strength for one in judged)),
        "cost_usd": sum(one.cost_usd or 0.0 for one in usage) if has_costs else None,
    }


def _passes(samples: Sequence[Verdict]) -> int:
    """Number of passing samples of a case; `weaker` ones count only if all are `weaker`."""
    passed = [one for one in samples if one.verdict == "passed"]
    is_mixed = not all(map(_is_weaker, samples))
    return sum(not (is_mixed and _is_weaker(one)) for one in passed)


def _pass_at(
    counts: Sequence[tuple[int, int]], ks: Sequence[int], *, independent: bool
) -> dict[str, float | None]:
    return {str(k): mean_pass_at_k(counts, k) if k == 1 or independent else None for k in ks}


def _bounds(of_case: Sequence[Sequence[Verdict]]) -> tuple[float, float] | None:
    """pass@1 if every missing or unjudged sample had failed, and if it had passed."""
    if not of_case:
        return None
    outcomes = [Counter(one.verdict for one in some) for some in of_case]
    least = sum(one["passed"] / one.total() for one in outcomes if one)
    unknown = sum(one["infrastructure"] / one.total() if one else 1.0 for one in outcomes)
    return least / len(of_case), (least + unknown) / len(of_case)


def _is_weaker(verdict: Verdict) -> bool:
    """Judged in one process only; unjudged cases stay in the denominator."""
    return verdict.strength in ("weaker", "weak") and verdict.verdict != "infrastructure"


def _refuse_twins(verdicts: Iterable[Verdict]) -> None:
    (key, count), *_ = [*Counter((one.id, one.sample) for one in verdicts).most_common(1), (("", 0), 0)]
    if count > 1:
        raise ValueError(f"Two verdicts of sample {key[1]} of {key[0]!r}")
