"""One report of several: the shards of one run, judged apart."""

from collections.abc import Sequence

from benchmarks.errors import BadReport
from benchmarks.report import Report, Times
from benchmarks.stats.scoring import make_report
from benchmarks.suite import Suite


def merge_reports(suite: Suite, reports: Sequence[Report], *, include_weaker: bool = False) -> Report:
    """The report that one run over all shards would have given, apart from times.

    Raises:
        BadReport: they are of another suite, judge, model or parameters, or two of them have the same sample.
    """
    first = reports[0]
    if first.digests.get("suite") != suite.digest:
        raise BadReport(
            f"The reports aren't of the suite {suite.name} as it is here: its digest is another.\n"
            "Of a run with --filter or --slice, give merge the same ones."
        )
    for number, report in enumerate(reports[1:], 2):
        differing = _differing(first, report)
        if differing:
            raise BadReport(f"Report {number} differs from the first one in {', '.join(differing)}.")
    seconds = [report.times.seconds for report in reports if report.times.seconds is not None]
    begun = [report.times.started for report in reports if report.times.started is not None]
    try:
        return make_report(
            suite,
            [verdict for report in reports for verdict in report.verdicts],
            digests={name: value for name, value in first.digests.items() if name != "suite"},
            ks=tuple(int(k) for k in first.pass_at),
            model=first.model,
            isolation=first.isolation,
            usage=sorted(
                (one for report in reports for one in report.usage), key=lambda one: (one.id, one.sample)
            ),
            times=Times(started=min(begun, default=None), seconds=sum(seconds) if seconds else None),
            independent=all(report.independent for report in reports),
            count_weaker=include_weaker,
        )
    except ValueError as error:
        raise BadReport(f"{error}: is one of the reports given twice?") from error


def _differing(one: Report, other: Report) -> list[str]:
    names = sorted({*one.digests, *other.digests})
    found = [name for name in names if one.digests.get(name) != other.digests.get(name)]
    pairs = (("model", one.model, other.model), ("isolation", one.isolation, other.isolation))
    return [*found, *(name for name, value, its in pairs if value != its)]
