"""`coder bench merge`: one report of the shards of a run."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.bench_endings import command_line
from benchmarks.report import Report, Times, differing_digests, write_report
from benchmarks.reports.read_report import read_report
from benchmarks.reports.terminal_report import report_blocks
from benchmarks.stats.looks import plan_of
from benchmarks.stats.scoring import make_report
from benchmarks.stats.strong_passes import strictest_of
from benchmarks.suite import Suite
from benchmarks.suites.load import load_suite
from benchmarks.suites.selection import Selection, parse_slice
from benchmarks.verdict import Strength
from coder.base.errors import UsageError
from coder.base.fs.same_place import require_separate
from coder.run.option_table import Text
from coder.show import flags
from coder.show.flags import option
from coder.show.tables import print_blocks


def merge(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")],
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="JSON, one of each shard.")],
    out: bench_options.Out = None,
    min_strength: bench_options.MinStrength = None,
    filter: Annotated[Text, option("--filter", "As in the run.", "GLOB")] = None,
    slice: Annotated[Text, option("--slice", "As in the run.", "FROM:TO")] = None,
    json: flags.Json = False,
) -> None:
    """Make one report of the shards of a run.

    All must have the same suite, judge, model and parameters. Exit code 2 where they aren't.
    """
    require_separate([out], [Path(suite), *reports])
    selection = Selection(filter=filter, slice=parse_slice(slice))
    merged = merge_reports(
        selection.within(load_suite(suite)),
        [read_report(path) for path in reports],
        min_strength=min_strength,
    ).model_copy(update={"command": command_line()})
    if out is not None:
        write_report(merged, out)
    if json:
        typer.echo(merged.model_dump_json())
    else:
        print_blocks(report_blocks(merged))


def merge_reports(suite: Suite, reports: Sequence[Report], *, min_strength: Strength | None = None) -> Report:
    """Merge the reports of all shards; times are added up. Raises UsageError if the reports don't match.

    Args:
        min_strength: passes with a weaker verdict count as not passed; by default the strictest minimum of
            the reports.
    """
    first = reports[0]
    if first.digests.get("suite") != suite.digest:
        raise UsageError(
            f"The reports aren't of the suite {suite.name} as it is here: its digest is another.\n"
            "Of a run with --filter or --slice, give merge the same ones."
        )
    isolation = next((report.isolation for report in reports if report.isolation is not None), None)
    for number, report in enumerate(reports[1:], 2):
        differences = differing_digests(first.digests, report.digests)
        differences += ["model"] if report.model != first.model else []
        differences += ["isolation"] if report.isolation not in (isolation, None) else []
        if differences:
            raise UsageError(f"Report {number} differs from the first one in {', '.join(differences)}.")
    seconds = [report.times.seconds for report in reports if report.times.seconds is not None]
    start_times = [report.times.started for report in reports if report.times.started is not None]
    try:
        return make_report(
            suite,
            [verdict for report in reports for verdict in report.verdicts],
            digests={name: value for name, value in first.digests.items() if name != "suite"},
            model=first.model,
            isolation=isolation,
            usage=sorted(
                (usage for report in reports for usage in report.usage),
                key=lambda usage: (usage.id, usage.sample),
            ),
            times=Times(started=min(start_times, default=None), seconds=sum(seconds) if seconds else None),
            independent=all(report.independent for report in reports),
            greedy=any(report.greedy for report in reports),
            samples=max(map(_samples_of, reports)),
            looks=plan_of(reports),
            min_strength=min_strength or strictest_of(reports),
            rows=[row for report in reports for row in report.rows],
        )
    except ValueError as error:
        raise UsageError(f"{error}: is one of the reports given twice?") from error


def _samples_of(report: Report) -> int:
    """Return the number of samples that each case of a report was to have."""
    counts = Counter(verdict.id for verdict in report.verdicts)
    return max((count + report.missing_samples.get(case, 0) for case, count in counts.items()), default=1)
