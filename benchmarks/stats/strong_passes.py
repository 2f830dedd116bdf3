"""Count only passes whose verdict is strong enough."""

from benchmarks.report import Report
from benchmarks.verdict import Strength, Verdict, is_as_strong, least_strength


def passes_below(report: Report, least: Strength) -> list[Verdict]:
    """Return the passes whose verdict is weaker than `least`."""
    return [
        verdict
        for verdict in report.verdicts
        if verdict.verdict == "passed" and not is_as_strong(verdict.strength, least)
    ]


def least_of_passes(report: Report) -> Strength | None:
    """Return the weakest strength among passes that count; None if none does."""
    left_out = set(report.left_out)
    return least_strength(
        verdict.strength
        for verdict in report.verdicts
        if verdict.verdict == "passed" and verdict.id not in left_out
    )


def with_strong_passes(report: Report, least: Strength) -> Report:
    """Return the report with passes weaker than `least` as failures, and with no case left out.

    Only `verdicts` and `left_out` change; figures of the report aren't computed again.
    """
    weaker = {(verdict.id, verdict.sample) for verdict in passes_below(report, least)}
    verdicts = tuple(
        verdict.model_copy(update={"verdict": "failed"})
        if (verdict.id, verdict.sample) in weaker
        else verdict
        for verdict in report.verdicts
    )
    return report.model_copy(update={"verdicts": verdicts, "left_out": ()})
