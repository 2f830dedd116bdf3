"""Check a report against conditions and a baseline, so that CI can refuse a regression."""

from collections.abc import Iterator, Sequence

from benchmarks.report import Report
from benchmarks.stats.comparison import Comparison, compare, require_one_suite, tallies
from benchmarks.stats.scores import mean_pass_at_k
from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of
from sandbox.result import Value

ROUNDING = 1e-9
"""Tolerance for rounding errors of shares, so that 8 of 10 cases are at least 0.8."""


class Condition(Value):
    """Condition of a gate, and whether the condition holds."""

    name: str
    passed: bool
    text: str

    @property
    def sentence(self) -> str:
        """Measured and required value, and whether the condition holds."""
        return f"{self.text}: {'passed' if self.passed else 'not passed'}"


class Gate(Value):
    """Result of a gate: whether it passes, and each condition."""

    passed: bool
    conditions: tuple[Condition, ...]
    comparison: Comparison | None = None


def gate(
    reports: Sequence[Report],
    *,
    min_pass: float | None = None,
    k: int = 1,
    baseline: Sequence[Report] = (),
    tolerance: float = 0.0,
    max_regressions: int = 0,
    max_cost: float | None = None,
) -> Gate:
    """Check a run, or its repeats, against conditions. Raises UsageError if the report lacks a figure.

    Args:
        min_pass: minimum pass@k, as a share.
        baseline: an earlier run, or its repeats; pass@1 may be lower than the baseline's by `tolerance`.
        max_regressions: maximum number of regressed cases; a regression needs three samples on each side.
        max_cost: maximum cost of all reports together, in US dollars.
    """
    require_one_suite(reports)
    if min_pass is None and not baseline and max_cost is None:
        raise UsageError("There is nothing to check against. Give --min-pass, --baseline or --max-cost.")
    comparison = compare(baseline, reports) if baseline else None
    conditions: list[Condition] = []
    if min_pass is not None:
        conditions.append(_check_min_pass(reports, min_pass, k))
    if comparison is not None:
        conditions += _check_baseline(comparison, tolerance, max_regressions)
    if max_cost is not None:
        conditions.append(_check_cost(reports, max_cost))
    passed = all(condition.passed for condition in conditions)
    return Gate(passed=passed, conditions=tuple(conditions), comparison=comparison)


def _check_min_pass(reports: Sequence[Report], min_pass: float, k: int) -> Condition:
    score = mean_pass_at_k([(tally.samples, tally.passed) for tally in tallies(reports).values()], k)
    are_dependent = not all(report.independent for report in reports) or (
        len(reports) > 1 and any(report.greedy for report in reports)
    )
    if score is None or (k > 1 and are_dependent):
        raise UsageError(
            f"The report has no pass@{k}: each case needs {k} samples that don't depend on one another."
        )
    unjudged = sum(report.outcomes.get("infrastructure", 0) for report in reports)
    note = f"; {count_of(unjudged, 'sample')} not judged, which counts as not passed" if unjudged else ""
    return Condition(
        name="min-pass",
        passed=score >= min_pass - ROUNDING,
        text=f"pass@{k} {_percent(score)} (required: {_percent(min_pass)}{note})",
    )


def _check_baseline(comparison: Comparison, tolerance: float, max_regressions: int) -> Iterator[Condition]:
    yield Condition(
        name="baseline",
        passed=comparison.difference >= -tolerance - ROUNDING,
        text=f"pass@1 {_percent(comparison.after)} (baseline {_percent(comparison.before)}, may fall by "
        f"{100 * tolerance:.1f} points; p = {comparison.p_value:.2g}, {comparison.method})",
    )
    regressions = comparison.named("regressed")
    worse_cases = [
        change.id
        for change in comparison.changes
        if change.kind == "changed" and change.after.share < change.before.share
    ]
    case_list = f": {', '.join(regressions[:20])}" if regressions else ""
    chance_note = f"; worse, which may be chance: {', '.join(worse_cases[:20])}" if worse_cases else ""
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


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
