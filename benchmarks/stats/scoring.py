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
    strange = next((item.id for item in judged if item.id not in order), None)
    if strange is not None:
        raise ValueError(f"The suite {suite.name} has no case {strange!r}")
    judged.sort(key=lambda item: (order[item.id], item.sample))
    _refuse_twins(judged)
    answered = {item.id for item in judged}
    repeated = len(answered) < len(judged)
    independent = independent and not (greedy and repeated)
    weaker = set() if count_weaker else answered - {item.id for item in judged if not _is_weaker(item)}
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
    named = {verdict.id for verdict in report.verdicts}
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
    for item in judged:
        samples.get(item.id, []).append(item)
    of_case = list(samples.values())
    counts = [(len(some), _passes(some)) for some in of_case]
    base = [(len(some), sum(item.base == "passed" for item in some)) for some in of_case]
    has_base = any(item.base is not None for item in judged)
    has_costs = usage and all(item.cost_usd is not None for item in usage)
    return {
        "samples": len(judged),
        "pass_at": _pass_at(counts, ks, independent=independent),
        "base_pass_at": _pass_at(base, ks, independent=independent) if has_base else None,
        "interval": score_interval(counts) if counts else None,
        "interval_method": "wilson" if counts else None,
        "standard_error": standard_error(counts),
        "bounds": _bounds(of_case),
        "outcomes": dict(Counter(item.verdict for item in judged)),
        "strengths": dict(Counter(item.strength for item in judged)),
        "cost_usd": sum(item.cost_usd or 0.0 for item in usage) if has_costs else None,
    }


def _passes(samples: Sequence[Verdict]) -> int:
    """Number of passing samples of a case; `weaker` ones count only if all are `weaker`."""
    passed = [sample for sample in samples if sample.verdict == "passed"]
    is_mixed = not all(map(_is_weaker, samples))
    return sum(not (is_mixed and _is_weaker(item)) for item in passed)


def _pass_at(
    counts: Sequence[tuple[int, int]], ks: Sequence[int], *, independent: bool
) -> dict[str, float | None]:
    return {str(k): mean_pass_at_k(counts, k) if k == 1 or independent else None for k in ks}


def _bounds(of_case: Sequence[Sequence[Verdict]]) -> tuple[float, float] | None:
    """pass@1 if every missing or unjudged sample had failed, and if it had passed."""
    if not of_case:
        return None
    outcomes = [Counter(item.verdict for item in some) for some in of_case]
    least = sum(outcome["passed"] / outcome.total() for outcome in outcomes if outcome)
    unknown = sum(outcome["infrastructure"] / outcome.total() if outcome else 1.0 for outcome in outcomes)
    return least / len(of_case), (least + unknown) / len(of_case)


def _is_weaker(verdict: Verdict) -> bool:
    """Judged in one process only; unjudged cases stay in the denominator."""
    return verdict.strength in ("weaker", "weak") and verdict.verdict != "infrastructure"


def _refuse_twins(verdicts: Iterable[Verdict]) -> None:
    (key, count), *_ = [
        *Counter((verdict.id, verdict.sample) for verdict in verdicts).most_common(1),
        (("", 0), 0),
    ]
    if count > 1:
        raise ValueError(f"Two verdicts of sample {key[1]} of {key[0]!r}")
