"""Score verdicts and make one report over all samples."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.report import Report, SampleUsage
from benchmarks.stats.scores import mean_pass_at_k, score_interval, standard_error
from benchmarks.suite import Suite
from benchmarks.verdict import Verdict, is_as_strong

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
    **other_fields: Any,  # noqa: ANN401 - pydantic checks them
) -> Report:
    """Score verdicts and return the report. The denominator is all cases of the suite, answered or not.

    Raises ValueError if a verdict's case isn't in the suite, or a sample has two verdicts.

    Args:
        digests: digests of judge, image, samples and parameters; the digest of the suite is added.
        count_weaker: also count cases that were judged in one process with the candidate.
        other_fields: other fields of the report.
    """
    order = {case.id: number for number, case in enumerate(suite.cases)}
    sorted_verdicts = list(verdicts)
    unknown_case = next((verdict.id for verdict in sorted_verdicts if verdict.id not in order), None)
    if unknown_case is not None:
        raise ValueError(f"The suite {suite.name} has no case {unknown_case!r}")
    sorted_verdicts.sort(key=lambda verdict: (order[verdict.id], verdict.sample))
    _refuse_duplicates(sorted_verdicts)
    answered_cases = {verdict.id for verdict in sorted_verdicts}
    has_repeats = len(answered_cases) < len(sorted_verdicts)
    independent = independent and not (greedy and has_repeats)
    judged = [] if count_weaker else _judged(sorted_verdicts)
    weaker_cases = {verdict.id for verdict in judged} - {
        verdict.id for verdict in judged if not _is_weaker(verdict)
    }
    return Report(
        suite=suite.name,
        suite_version=suite.version,
        cases=len(suite.cases),
        missing=tuple(case for case in order if case not in answered_cases),
        left_out=tuple(case for case in order if case in weaker_cases),
        kinds={case.id: case.kind for case in suite.cases},
        difficulties={case.id: case.difficulty for case in suite.cases if case.difficulty},
        digests={"suite": suite.digest, **digests},
        independent=independent,
        greedy=greedy,
        usage=tuple(usage),
        verdicts=tuple(sorted_verdicts),
        **other_fields,
        **_figures(sorted_verdicts, order.keys() - weaker_cases, ks, independent=independent, usage=usage),
    )


def recompute_figures(report: Report) -> Report:
    """Return the report with recomputed figures. Raises ValueError if the report contradicts itself."""
    judged_cases = {verdict.id for verdict in report.verdicts}
    cases = judged_cases | set(report.missing)
    if len(cases) != report.cases:
        raise ValueError(f"it says that there are {report.cases:,} cases and names {len(cases):,}")
    if judged_cases & set(report.missing) or not cases.issuperset(report.left_out):
        raise ValueError("a case that is missing has a verdict, or one that is left out isn't there")
    _refuse_duplicates(report.verdicts)
    invalid_k = next((k for k in report.pass_at if not k.isdecimal() or int(k) < 1), None)
    if invalid_k is not None:
        raise ValueError(f"there is no pass@{invalid_k}")
    figures = _figures(
        report.verdicts,
        cases - set(report.left_out),
        [int(k) for k in report.pass_at],
        independent=report.independent,
        usage=report.usage,
    )
    return report.model_copy(update=figures)


def _figures(
    verdicts: Sequence[Verdict],
    cases: Iterable[str],
    ks: Sequence[int],
    *,
    independent: bool,
    usage: Sequence[SampleUsage],
) -> dict[str, Any]:
    """Return the fields of a report that follow from verdicts and usage; `cases` is the denominator."""
    samples: dict[str, list[Verdict]] = {case: [] for case in cases}
    for verdict in verdicts:
        samples.get(verdict.id, []).append(verdict)
    samples_by_case = list(samples.values())
    counts = [(len(case_samples), _passes(case_samples)) for case_samples in samples_by_case]
    base_counts = [
        (len(case_samples), sum(verdict.base == "passed" for verdict in case_samples))
        for case_samples in samples_by_case
    ]
    has_base = any(verdict.base is not None for verdict in verdicts)
    has_costs = usage and all(sample_usage.cost_usd is not None for sample_usage in usage)
    return {
        "samples": len(verdicts),
        "pass_at": _pass_at(counts, ks, independent=independent),
        "base_pass_at": _pass_at(base_counts, ks, independent=independent) if has_base else None,
        "interval": score_interval(counts) if counts else None,
        "interval_method": "wilson" if counts else None,
        "standard_error": standard_error(counts),
        "bounds": _bounds(samples_by_case),
        "outcomes": dict(Counter(verdict.verdict for verdict in verdicts)),
        "strengths": dict(Counter(verdict.strength for verdict in verdicts)),
        "cost_usd": sum(sample_usage.cost_usd or 0.0 for sample_usage in usage) if has_costs else None,
    }


def _passes(samples: Sequence[Verdict]) -> int:
    """Return the number of passing samples of a case; weaker ones count only if all judged samples are."""
    passing = [sample for sample in samples if sample.verdict == "passed"]
    is_mixed = not all(map(_is_weaker, _judged(samples)))
    return sum(not (is_mixed and _is_weaker(verdict)) for verdict in passing)


def _pass_at(
    counts: Sequence[tuple[int, int]], ks: Sequence[int], *, independent: bool
) -> dict[str, float | None]:
    return {str(k): mean_pass_at_k(counts, k) if k == 1 or independent else None for k in ks}


def _bounds(samples_by_case: Sequence[Sequence[Verdict]]) -> tuple[float, float] | None:
    """Return pass@1 if all missing or unjudged samples had failed, and if they had passed."""
    if not samples_by_case:
        return None
    outcomes = [Counter(verdict.verdict for verdict in case_samples) for case_samples in samples_by_case]
    minimum = sum(outcome["passed"] / outcome.total() for outcome in outcomes if outcome)
    unjudged = sum(outcome["infrastructure"] / outcome.total() if outcome else 1.0 for outcome in outcomes)
    return minimum / len(samples_by_case), (minimum + unjudged) / len(samples_by_case)


def _judged(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts without those that the machine kept from being formed."""
    return [verdict for verdict in verdicts if verdict.verdict != "infrastructure"]


def _is_weaker(verdict: Verdict) -> bool:
    """Return whether a verdict is below `apart-system`."""
    return not is_as_strong(verdict.strength, "apart-system")


def _refuse_duplicates(verdicts: Iterable[Verdict]) -> None:
    (key, count), *_ = [
        *Counter((verdict.id, verdict.sample) for verdict in verdicts).most_common(1),
        (("", 0), 0),
    ]
    if count > 1:
        raise ValueError(f"Two verdicts of sample {key[1]} of {key[0]!r}")
