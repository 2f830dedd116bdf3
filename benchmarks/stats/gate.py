"""Gate: check a report against conditions and a baseline, so that CI can refuse a regression."""

from collections.abc import Iterator, Sequence

from benchmarks.report import Report
from benchmarks.stats.comparison import Comparison, compare, refuse_other_suites, tallies
from benchmarks.stats.scores import mean_pass_at_k
from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of
from sandbox.result import Value

ROUNDING = 1e-9
"""Shares are sums of fractions: tolerate rounding, so that 0.8 of 10 cases is at least 0.8."""


class Condition(Value):
    """One condition, and whether it holds."""

    name: str
    passed: bool
    text: str

    @property
    def sentence(self) -> str:
        """What was measured against what, and whether that passes."""
        return f"{self.text}: {'passed' if self.passed else 'not passed'}"


class Gate(Value):
    """The result of a gate."""

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
    """Check a run, or its repeats, against conditions. Raises UsageError if the report can't answer one.

    Args:
        min_pass: smallest pass@k, as a share.
        baseline: an earlier run, or its repeats; pass@1 may fall below its own by `tolerance`.
        max_regressions: most regressed cases; needs three samples on either side.
        max_cost: US dollars of all reports together.
    """
    refuse_other_suites(reports)
    if min_pass is None and not baseline and max_cost is None:
        raise UsageError("There is nothing to check against. Give --min-pass, --baseline or --max-cost.")
    comparison = compare(baseline, reports) if baseline else None
    conditions: list[Condition] = []
    if min_pass is not None:
        conditions.append(_least(reports, min_pass, k))
    if comparison is not None:
        conditions += _no_worse(comparison, tolerance, max_regressions)
    if max_cost is not None:
        conditions.append(_cheap(reports, max_cost))
    passed = all(condition.passed for condition in conditions)
    return Gate(passed=passed, conditions=tuple(conditions), comparison=comparison)


def _least(reports: Sequence[Report], min_pass: float, k: int) -> Condition:
    score = mean_pass_at_k([(tally.samples, tally.passed) for tally in tallies(reports).values()], k)
    alike = not all(report.independent for report in reports) or (
        len(reports) > 1 and any(report.greedy for report in reports)
    )
    if score is None or (k > 1 and alike):
        raise UsageError(
            f"The report has no pass@{k}: each case needs {k} samples that don't depend on one another."
        )
    judged = sum(report.outcomes.get("infrastructure", 0) for report in reports)
    note = f"; {count_of(judged, 'sample')} not judged, which counts as not passed" if judged else ""
    return Condition(
        name="min-pass",
        passed=score >= min_pass - ROUNDING,
        text=f"pass@{k} {_percent(score)} (required: {_percent(min_pass)}{note})",
    )


def _no_worse(found: Comparison, tolerance: float, max_regressions: int) -> Iterator[Condition]:
    yield Condition(
        name="baseline",
        passed=found.difference >= -tolerance - ROUNDING,
        text=f"pass@1 {_percent(found.after)} (baseline {_percent(found.before)}, may fall by "
        f"{100 * tolerance:.1f} points; p = {found.p_value:.2g}, {found.method})",
    )
    regressed = found.named("regressed")
    worse = [
        change.id
        for change in found.changes
        if change.kind == "changed" and change.after.share < change.before.share
    ]
    named = f": {', '.join(regressed[:20])}" if regressed else ""
    chance = f"; worse, which may be chance: {', '.join(worse[:20])}" if worse else ""
    text = f"{count_of(len(regressed), 'regression')}{named} (allowed: {max_regressions}{chance})"
    yield Condition(name="regressions", passed=len(regressed) <= max_regressions, text=text)


def _cheap(reports: Sequence[Report], max_cost: float) -> Condition:
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
