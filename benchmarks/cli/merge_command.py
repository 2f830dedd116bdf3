"""`coder bench merge`: one report of the shards of a run."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.bench_endings import parsed
from benchmarks.report import write_report
from benchmarks.reports.read_report import read_report
from benchmarks.reports.terminal_report import report_lines
from benchmarks.runner.merging import merge_reports
from benchmarks.suites.load import load_suite
from benchmarks.suites.selection import Selection, parse_slice
from coder.console import options


def merge(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")],
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="JSON, one of each shard.")],
    out: bench_options.Out = None,
    include_weaker: bench_options.IncludeWeaker = False,
    filter: Annotated[str | None, typer.Option("--filter", metavar="GLOB", help="As the run had it.")] = None,
    slice: Annotated[
        str | None, typer.Option("--slice", metavar="FROM:TO", help="As the run had it.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Make one report of the shards of a run.

    They have to be of one suite, judge and model, with the same parameters. Exit code 2 where they aren't.
    """
    chosen = Selection(filter=filter, slice=parsed(parse_slice, slice, "--slice") if slice else (None, None))
    merged = merge_reports(
        chosen.within(load_suite(suite)),
        [read_report(path) for path in reports],
        include_weaker=include_weaker,
    )
    if out is not None:
        write_report(merged, out)
    typer.echo(merged.model_dump_json() if json else "\n".join(report_lines(merged)))
