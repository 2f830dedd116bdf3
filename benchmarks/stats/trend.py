"""Follow the score of repeated runs over the cases that all of them have judged."""

from collections.abc import Sequence
from statistics import fmean, stdev

from benchmarks.report import Report
from benchmarks.stats.comparison import judged_tallies
from coder.base.errors import UsageError
from sandbox.result import Value


class TrendRow(Value):
    """Scores of all cases, or of one group, in the order of the runs."""

    of: str
    """`all`, or what it is a group of: kind, difficulty, category or tag."""
    name: str
    cases: int
    scores: tuple[float, ...]
    mean: float
    spread: float | None
    """Standard deviation of the scores; None of a single run."""


def trend_of(reports: Sequence[Report]) -> list[TrendRow]:
    """Return the row of all cases, then one for each group where there are several. Raises UsageError."""
    runs = [judged_tallies([report]) for report in reports]
    cases = [case for case in runs[-1] if all(case in run and run[case].samples for run in runs)]
    if not cases:
        raise UsageError("The reports have no case that all of them judged. Give runs over one suite.")

    def row(of: str, name: str, some: Sequence[str]) -> TrendRow:
        scores = [fmean(float(run[case].share) for case in some) for run in runs]
        return TrendRow(
            of=of,
            name=name,
            cases=len(some),
            scores=tuple(scores),
            mean=fmean(scores),
            spread=stdev(scores) if len(scores) > 1 else None,
        )

    rows = [row("all", "", cases)]
    for of, names_by_case in reports[-1].groups.items():
        members: dict[str, list[str]] = {}
        for case in cases:
            for name in names_by_case.get(case, ()):
                members.setdefault(name, []).append(case)
        rows += [row(of, name, some) for name, some in members.items() if len(some) < len(cases)]
    return rows
