"""Check a report against conditions and a baseline, so that CI can refuse a regression."""

from collections.abc import Iterator, Sequence

from benchmarks.report import Report
from benchmarks.stats.comparison import Comparison, compare, require_one_suite, tallies
from benchmarks.stats.scores import ROUNDING, mean_pass_at_k, percent
from benchmarks.stats.strong_passes import passes_below, strictest_of, with_min_strength
from benchmarks.verdict import Strength
from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of
from sandbox.result import Value

MAX_NAMED = 20
"""Name at most this many cases in a condition."""


class Condition(Value):
    """Condition of a gate, and whether the condition holds."""

    name: str
    passed: bool
    text: str

    @property
    def sentence(self) -> str:
        """Sentence with measured and required value, and whether the condition holds."""
        return f"{self.text}: {'passed' if self.passed else 'not passed'}"


class Gate(Value):
    """Result of a gate: whether it passes, and each condition."""

    passed: bool
    conditions: tuple[Condition, ...]
    comparison: Comparison | None = None
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed; None if all passes count."""
    too_weak: bool = False
    """Whether the gate would pass if passes weaker than its least strength counted."""


def gate(
    reports: Sequence[Report],
    *,
    min_pass: float | None = None,
    k: int = 1,
    baseline: Sequence[Report] = (),
    tolerance: float = 0.0,
    max_regressions: int = 0,
    max_cost: float | None = None,
    min_strength: Strength | None = None,
) -> Gate:
    """Check a run, or its repeats, against conditions. Raises UsageError if the report lacks a figure.

    Args:
        min_pass: minimum pass@k, as a share.
        baseline: an earlier run, or its repeats; pass@1 may be lower than the baseline's by `tolerance`.
        max_regressions: maximum number of regressed cases; a regression needs three samples on each side.
        max_cost: maximum cost of all reports together, in US dollars.
        min_strength: passes with a weaker verdict count as not passed, in the run and in the baseline; by
            default the strictest minimum of the reports. If given without `min_pass` and `baseline`, the
            condition fails if there are weaker passes.
    """
    require_one_suite(reports)
    if min_pass is None and not baseline and max_cost is None and min_strength is None:
        message = (
            "There is nothing to check against. Give --min-pass, --min-strength, --baseline or --max-cost."
        )
        raise UsageError(message)

    def check(least: Strength | None) -> Gate:
        counted, before = (
            [with_min_strength(report, least) for report in side] for side in (reports, baseline)
        )
        comparison = compare(before, counted) if before else None
        conditions: list[Condition] = []
        if min_pass is not None:
            conditions.append(_check_min_pass(counted, min_pass, k))
        if comparison is not None:
            conditions += _check_baseline(
                comparison, tolerance, max_regressions, unjudged=_unjudged([*reports, *baseline])
            )
        if max_cost is not None:
            conditions.append(_check_cost(reports, max_cost))
        return Gate(
            passed=all(condition.passed for condition in conditions),
            conditions=tuple(conditions),
            comparison=comparison,
            min_strength=least,
        )

    least = min_strength or strictest_of([*reports, *baseline])
    result = check(least)
    if least is None:
        return result
    decides_alone = min_strength is not None and min_pass is None and not baseline
    condition = _check_strength(reports, least, decides_alone=decides_alone)
    passed = result.passed and condition.passed
    return result.model_copy(
        update={
            "passed": passed,
            "conditions": (*result.conditions, condition),
            "too_weak": not passed and check(None).passed,
        }
    )


def _check_strength(reports: Sequence[Report], least: Strength, *, decides_alone: bool) -> Condition:
    """Return a condition that names weaker passes; they fail it only if no score is required."""
    weaker_passes = [verdict for report in reports for verdict in passes_below(report, least)]
    names = [
        f"{verdict.id} ({verdict.strength}{f': {verdict.detail}' if verdict.detail else ''})"
        for verdict in weaker_passes[:MAX_NAMED]
    ]
    more = f" and {len(weaker_passes) - MAX_NAMED:,} more" if len(weaker_passes) > MAX_NAMED else ""
    listed = f", not counted: {', '.join(names)}{more}" if names else ""
    passes = "1 pass" if len(weaker_passes) == 1 else f"{len(weaker_passes):,} passes"
    return Condition(
        name="min-strength",
        passed=not (decides_alone and weaker_passes),
        text=f"{passes} weaker than {least}{listed}",
    )


def _check_min_pass(reports: Sequence[Report], min_pass: float, k: int) -> Condition:
    score = mean_pass_at_k([(tally.samples, tally.passed) for tally in tallies(reports).values()], k)
    are_dependent = not all(report.independent for report in reports) or (
        len(reports) > 1 and any(report.greedy for report in reports)
    )
    if score is None or (k > 1 and are_dependent):
        raise UsageError(
            f"The report has no pass@{k}: each case needs {k} samples that don't depend on one another."
        )
    return Condition(
        name="min-pass",
        passed=score >= min_pass - ROUNDING,
        text=f"pass@{k} {percent(score)} (required: {percent(min_pass)}{_unjudged(reports)})",
    )


def _unjudged(reports: Sequence[Report]) -> str:
    """Return a note on samples that the machine kept from being judged; empty without any."""
    count = sum(report.outcomes.get("infrastructure", 0) for report in reports)
    return f"; {count_of(count, 'sample')} not judged, which counts as not passed" if count else ""


def _check_baseline(
    comparison: Comparison, tolerance: float, max_regressions: int, *, unjudged: str
) -> Iterator[Condition]:
    yield Condition(
        name="baseline",
        passed=comparison.difference >= -tolerance - ROUNDING,
        text=f"pass@1 {percent(comparison.after)} (baseline {percent(comparison.before)}, may fall by "
        f"{100 * tolerance:.1f} points; p = {comparison.p_value:.2g}, {comparison.method}{unjudged})",
    )
    regressions = comparison.named("regressed")
    worse_cases = [
        change.id
        for change in comparison.changes
        if change.kind == "changed" and change.after.share < change.before.share
    ]
    case_list = f": {', '.join(regressions[:MAX_NAMED])}" if regressions else ""
    chance_note = f"; worse, which may be chance: {', '.join(worse_cases[:MAX_NAMED])}" if worse_cases else ""
    text = f"{count_of(len(regressions), 'regression')}{case_list} (allowed: {max_regressions}{chance_note})"
    yield Condition(name="regressions", passed=len(regressions) <= max_regressions, text=text)


def _check_cost(reports: Sequence[Report], max_cost: float) -> Condition:
    costs = [report.cost_usd for report in reports]
    if any(cost is None for cost in costs):
        raise UsageError(
            "The report doesn't say what it cost, so --max-cost can't be decided.\n"
            "Graded answers have no cost; a run has one where the model's price is known (--price)."
        )
    cost = sum(cost or 0.0 for cost in costs)
    return Condition(
        name="max-cost",
        passed=cost <= max_cost + ROUNDING,
        text=f"cost ${cost:.4g} (allowed: ${max_cost:.4g})",
    )
