"""Score verdicts and make one report over all samples."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from benchmarks.report import Report, SampleUsage
from benchmarks.stats.scores import mean_pass_at_k, score_interval, standard_error
from benchmarks.suite import Suite
from benchmarks.verdict import STRENGTHS, Outcome, Strength, Verdict, is_pass


def make_report(
    suite: Suite,
    verdicts: Iterable[Verdict],
    *,
    digests: Mapping[str, str],
    ks: Sequence[int] | None = None,
    usage: Sequence[SampleUsage] = (),
    independent: bool = True,
    greedy: bool = False,
    min_strength: Strength | None = None,
    rows: Sequence[str] = (),
    samples: int = 1,
    **other_fields: Any,  # noqa: ANN401 - pydantic checks them
) -> Report:
    """Score verdicts and return the report. The denominator is all cases of the suite, answered or not.

    Raises ValueError if a verdict's case isn't in the suite, or a sample has two verdicts.

    Args:
        ks: k of each pass@k; by default 1, the number of samples that each answered case has, and what lies
            between of 10 and 100 as in Chen et al. 2021.
        digests: digests of judge, image, samples and parameters; the digest of the suite is added.
        min_strength: passes with a weaker verdict count as not passed.
        samples: number of samples that each case is to have.
        rows: damaged rows that name no case; they aren't in the denominator.
        other_fields: other fields of the report.
    """
    cases = [case.id for case in suite.cases]
    order = {name: number for number, name in enumerate([*cases, *rows])}
    sorted_verdicts = list(verdicts)
    unknown_case = next((verdict.id for verdict in sorted_verdicts if verdict.id not in order), None)
    if unknown_case is not None:
        raise ValueError(f"The suite {suite.name} has no case {unknown_case!r}")
    sorted_verdicts.sort(key=lambda verdict: (order[verdict.id], verdict.sample))
    _refuse_duplicates(sorted_verdicts)
    counts = Counter(verdict.id for verdict in sorted_verdicts)
    answered_cases = set(counts)
    missing_samples = {case: samples - counts[case] for case in cases if 0 < counts[case] < samples}
    has_repeats = len(answered_cases) < len(sorted_verdicts)
    independent = independent and not (greedy and has_repeats)
    if ks is None:
        most = min((counts[case] for case in answered_cases.difference(rows)), default=1)
        ks = sorted({1, most, *(k for k in (10, 100) if k < most)})
    return Report(
        suite=suite.name,
        suite_version=suite.version,
        cases=len(suite.cases),
        missing=tuple(case for case in cases if case not in answered_cases),
        missing_samples=missing_samples,
        rows=tuple(rows),
        kinds={case.id: case.kind for case in suite.cases},
        difficulties={case.id: case.difficulty for case in suite.cases if case.difficulty},
        categories={case.id: case.category for case in suite.cases if case.category},
        tags={case.id: case.tags for case in suite.cases if case.tags},
        case_digests={case.id: case.digest for case in suite.cases},
        digests={"suite": suite.digest, **digests},
        independent=independent,
        greedy=greedy,
        min_strength=min_strength,
        usage=tuple(usage),
        verdicts=tuple(sorted_verdicts),
        **other_fields,
        **_figures(
            sorted_verdicts,
            cases,
            ks,
            min_strength=min_strength,
            independent=independent,
            greedy=greedy,
            usage=usage,
            missing_samples=missing_samples,
        ),
    )


def recompute_figures(report: Report) -> Report:
    """Return the report with recomputed figures. Raises ValueError if the report contradicts itself."""
    judged_cases = {verdict.id for verdict in report.verdicts} - set(report.rows)
    cases = judged_cases | set(report.missing)
    if len(cases) != report.cases:
        raise ValueError(f"it says that there are {report.cases:,} cases and names {len(cases):,}")
    if any(case not in judged_cases or count < 1 for case, count in report.missing_samples.items()):
        raise ValueError("samples are missing of a case that has none, or fewer than one")
    if judged_cases & set(report.missing):
        raise ValueError("a case that is missing has a verdict")
    _refuse_duplicates(report.verdicts)
    invalid_k = next((k for k in report.pass_at if not k.isdecimal() or int(k) < 1), None)
    if invalid_k is not None:
        raise ValueError(f"there is no pass@{invalid_k}")
    figures = _figures(
        report.verdicts,
        cases,
        [int(k) for k in report.pass_at],
        min_strength=report.min_strength,
        independent=report.independent,
        greedy=report.greedy,
        usage=report.usage,
        missing_samples=report.missing_samples,
    )
    if report.anchor is not None:
        figures["anchor"] = recompute_figures(report.anchor)
    return report.model_copy(update=figures)


def _figures(
    verdicts: Sequence[Verdict],
    cases: Iterable[str],
    ks: Sequence[int],
    *,
    min_strength: Strength | None,
    independent: bool,
    greedy: bool,
    usage: Sequence[SampleUsage],
    missing_samples: Mapping[str, int],
) -> dict[str, Any]:
    """Return the fields of a report that follow from verdicts and usage; `cases` is the denominator."""
    samples: dict[str, list[Verdict]] = {case: [] for case in cases}
    for verdict in verdicts:
        of_case = samples.get(verdict.id)
        if of_case is None:  # it is a damaged row's
            continue
        if greedy and of_case:  # copies of one draw: one that was judged counts
            of_case[:] = of_case if of_case[0].verdict != "infrastructure" else [verdict]
        else:
            of_case.append(verdict)
    samples_by_case = list(samples.values())

    def count(outcome: Callable[[Verdict], Outcome | None]) -> list[tuple[int, int]]:
        return [
            (len(one), sum(is_pass(outcome(verdict), verdict.strength, min_strength) for verdict in one))
            for one in samples_by_case
        ]

    counts = count(lambda verdict: verdict.verdict)
    has_base = any(verdict.base is not None for verdict in verdicts)
    has_costs = usage and all(sample_usage.cost_usd is not None for sample_usage in usage)
    return {
        "samples": len(verdicts),
        "pass_at": _pass_at(counts, ks, independent=independent),
        "shares": _shares(samples_by_case, min_strength),
        "base_pass_at": _pass_at(count(lambda verdict: verdict.base), ks, independent=independent)
        if has_base
        else None,
        "interval": score_interval(counts) if counts else None,
        "interval_method": "wilson" if counts else None,
        "standard_error": standard_error(counts),
        "bounds": _bounds(samples, counts, missing_samples),
        "outcomes": dict(Counter(verdict.verdict for verdict in verdicts)),
        "strengths": dict(Counter(verdict.strength for verdict in verdicts if not verdict.of_case)),
        "cost_usd": sum(sample_usage.cost_usd or 0.0 for sample_usage in usage) if has_costs else None,
    }


def _pass_at(
    counts: Sequence[tuple[int, int]], ks: Sequence[int], *, independent: bool
) -> dict[str, float | None]:
    return {str(k): mean_pass_at_k(counts, k) if k == 1 or independent else None for k in ks}


def _shares(
    samples_by_case: Sequence[Sequence[Verdict]], min_strength: Strength | None
) -> dict[Strength, float]:
    """Return the part of pass@1 of each strength, strongest first."""
    parts: dict[Strength, Fraction] = {}
    for samples in samples_by_case:
        for verdict in samples:
            if is_pass(verdict.verdict, verdict.strength, min_strength):
                part = Fraction(1, len(samples) * len(samples_by_case))
                parts[verdict.strength] = parts.get(verdict.strength, Fraction(0)) + part
    return {strength: float(parts[strength]) for strength in STRENGTHS if strength in parts}


def _bounds(
    samples: Mapping[str, Sequence[Verdict]], counts: Sequence[tuple[int, int]], missing: Mapping[str, int]
) -> tuple[float, float] | None:
    """Return pass@1 if all missing or unjudged samples had failed, and if they had passed."""
    if not samples:
        return None
    minimum = maximum = 0.0
    for (case, verdicts), (_, passed) in zip(samples.items(), counts, strict=True):
        planned = max(1, len(verdicts) + missing.get(case, 0))
        unjudged = sum(verdict.verdict == "infrastructure" for verdict in verdicts) + planned - len(verdicts)
        minimum += passed / planned
        maximum += (passed + unjudged) / planned
    return minimum / len(samples), maximum / len(samples)


def _refuse_duplicates(verdicts: Iterable[Verdict]) -> None:
    (key, count), *_ = [
        *Counter((verdict.id, verdict.sample) for verdict in verdicts).most_common(1),
        (("", 0), 0),
    ]
    if count > 1:
        raise ValueError(f"Two verdicts of sample {key[1]} of {key[0]!r}")
