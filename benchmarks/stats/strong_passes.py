"""Apply a minimum strength of passes to reports."""

from collections.abc import Iterable

from benchmarks.report import Report
from benchmarks.verdict import STRENGTHS, Strength, Verdict, least_strength


def passes_below(report: Report, min_strength: Strength) -> list[Verdict]:
    """Return the passes whose verdict is weaker than `min_strength`."""
    counting = with_min_strength(report, min_strength)
    return [
        verdict
        for verdict in report.verdicts
        if verdict.verdict == "passed" and not counting.is_pass(verdict)
    ]


def least_of_passes(report: Report) -> Strength | None:
    """Return the weakest strength among passes that count; None if none does."""
    return least_strength(verdict.strength for verdict in report.verdicts if report.is_pass(verdict))


def with_min_strength(report: Report, min_strength: Strength | None) -> Report:
    """Return the report with another minimum strength; its figures aren't computed again."""
    return report.model_copy(update={"min_strength": min_strength})


def strictest_of(reports: Iterable[Report]) -> Strength | None:
    """Return the strictest minimum strength of the reports, by which they are compared; None without any."""
    minimums = [report.min_strength for report in reports if report.min_strength is not None]
    return min(minimums, key=STRENGTHS.index, default=None)
