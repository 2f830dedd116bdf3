"""`coder bench report`, `compare` and `list`: show the results of runs."""

import asyncio
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.sample_pages import links_to_pages
from benchmarks.report import Report
from benchmarks.reports.badge import badge
from benchmarks.reports.junit import junit
from benchmarks.reports.markdown import markdown
from benchmarks.reports.page import page, read_answers
from benchmarks.reports.read_report import read_report
from benchmarks.reports.terminal_report import (
    comparison_blocks,
    list_runs,
    report_blocks,
    run_table,
    suite_blocks,
    trend_blocks,
)
from benchmarks.runner.bench_session import open_log
from benchmarks.stats.comparison import compare_several
from benchmarks.stats.trend import trend_of
from benchmarks.suites.load import suite_names
from benchmarks.written import write_text
from coder.base.errors import own_command
from coder.base.fs.same_place import require_separate
from coder.run.option_table import File
from coder.show import flags
from coder.show.flags import option
from coder.show.tables import print_blocks

HtmlFile = Annotated[File, option("--html", "Write one page that needs nothing else.", "FILE")]


def report(
    path: Annotated[Path, typer.Argument(metavar="REPORT", help="JSON that bench run or grade wrote.")],
    samples: Annotated[
        File, option("--samples", "The answers, to show their code in --html.", "FILE")
    ] = None,
    html: HtmlFile = None,
    pages: Annotated[File, option("--pages", "Pages of samples, to link them in --html.", "FOLDER")] = None,
    markdown_file: Annotated[File, option("--markdown", "Write a summary for a CI job.", "FILE")] = None,
    junit_file: Annotated[
        File, option("--junit", "Write JUnit XML, one test case per sample.", "FILE")
    ] = None,
    badge_file: Annotated[
        File, option("--badge", "Write the score and its least strength as an SVG.", "FILE")
    ] = None,
    json: flags.Json = False,
) -> None:
    """Show a report, or write it as HTML, Markdown, JUnit XML or a badge."""
    require_separate([html, markdown_file, junit_file, badge_file], [path, samples])
    run_report = read_report(path)
    answers = read_answers(samples, run_report) if samples is not None else {}
    if html is not None:
        links = links_to_pages(pages, run_report, html) if pages is not None else {}
        write_text(html, page([run_report], answers=[answers], links=links))
    if markdown_file is not None:
        write_text(markdown_file, markdown(run_report))
    if junit_file is not None:
        write_text(junit_file, junit(run_report))
    if badge_file is not None:
        write_text(badge_file, badge(run_report))
    if json:
        typer.echo(run_report.model_dump_json())
    elif not any((html, markdown_file, junit_file, badge_file)):
        print_blocks(report_blocks(run_report))


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="The report to compare with.")],
    others: Annotated[list[Path], typer.Argument(metavar="B...", help="Later reports over the same suite.")],
    html: HtmlFile = None,
    json: flags.Json = False,
) -> None:
    """Compare runs over one suite case by case: the difference, its p-value, and what changed.

    Several later runs are each compared with the first; p-values and intervals are then corrected by
    Bonferroni.
    """
    require_separate([html], [first, *others])
    reports = [read_report(path) for path in (first, *others)]
    names = _names([first, *others], reports)
    comparisons = compare_several(reports[0], reports[1:])
    if html is not None:
        write_text(html, page(reports, names=names))
    if json:
        typer.echo(f"[{','.join(comparison.model_dump_json() for comparison in comparisons)}]")
        return
    comparison_by_name = dict(zip(names[1:], comparisons, strict=True))
    print_blocks([f"{reports[0].suite}  compared with {names[0]}", *comparison_blocks(comparison_by_name)])


def trend(
    paths: Annotated[
        list[Path], typer.Argument(metavar="REPORT...", help="Reports over one suite, the oldest first.")
    ],
    json: flags.Json = False,
) -> None:
    """Show how the score of repeated runs moves: mean, spread and a line, in all and by group of cases."""
    rows = trend_of([read_report(path) for path in paths])
    if json:
        typer.echo(f"[{','.join(row.model_dump_json() for row in rows)}]")
    else:
        print_blocks(trend_blocks(rows))


def list_suites(
    runs: Annotated[bool, option("--runs", "List runs of this machine instead.")] = False,
    limit: Annotated[int, option("--limit -n", "The newest N runs; 0 is all.", "N", min=0)] = 20,
    json: flags.Json = False,
) -> None:
    """List the built-in suites, or with --runs the runs of this machine, newest first."""
    if runs:
        _list_runs(limit or None, as_json=json)
        return
    summaries = {
        name: (entry.load().__doc__ or "").partition("\n")[0] for name, entry in suite_names().items()
    }
    if json:
        typer.echo(dumps(summaries))
    else:
        print_blocks(suite_blocks(summaries))


def _list_runs(limit: int | None, *, as_json: bool) -> None:
    with open_log() as log:
        rows = asyncio.run(list_runs(log, limit=limit))
    if as_json:
        typer.echo(f"[{', '.join(row.model_dump_json() for row in rows)}]")
        return
    print_blocks([run_table(rows)])
    if not rows:
        typer.echo(f"No runs yet. Start one with: {own_command()} bench run starter", err=True)


def _names(paths: list[Path], reports: list[Report]) -> list[str]:
    """Return distinct names of the reports: their models if these differ, else their files."""
    models = [report.model for report in reports]
    if len(set(models)) == len(models) and None not in models:
        return [str(model) for model in models]
    return [str(path) for path in paths]
