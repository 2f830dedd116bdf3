"""`coder gate`: an exit code for CI, from a report and its conditions."""

from inspect import signature
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import write_report
from benchmarks.reports.markdown import markdown
from benchmarks.reports.read_report import read_report
from benchmarks.reports.terminal_report import gate_lines
from benchmarks.stats.gate import gate as hold
from benchmarks.written import append_text
from coder.console import flags
from coder.console.flags import takes
from coder.errors import UsageError

NOT_PASSED = 1


def conditions(
    min_pass: Annotated[
        float | None,
        typer.Option("--min-pass", metavar="SHARE", min=0, max=1, help="Least pass@k: 0.8 is 80 %."),
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="K", min=1, help="k of --min-pass (1).")] = 1,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", metavar="SHARE", min=0, max=1, help="Largest drop (0): 0.02 is 2 points."
        ),
    ] = 0.0,
    max_regressions: Annotated[
        int,
        typer.Option("--max-regressions", metavar="N", min=0, help="Cases that may be worse by name (0)."),
    ] = 0,
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", metavar="USD", min=0, help="Largest cost of all calls.")
    ] = None,
) -> None:
    """Conditions of a report, beside a baseline."""


@takes(conditions)
def gate(
    context: typer.Context,
    reports: Annotated[
        list[Path], typer.Argument(metavar="REPORT...", help="Of one run; several are its repeats.")
    ],
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            "--baseline", metavar="FILE", help="A report not to fall below. Repeatable: its repeats."
        ),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", metavar="FILE", help="Add a Markdown summary to this file.")
    ] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="Make the report the baseline where the gate passes.")
    ] = False,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
) -> None:
    """Hold a report to thresholds and to a baseline.

    Exit codes: 0 every condition holds, 1 one doesn't, 2 an unreadable file, another suite, or a figure
    that the report lacks.
    """
    found = [read_report(path) for path in reports]
    targets = baseline or []
    if update_baseline and (len(targets) != 1 or len(reports) != 1):
        raise UsageError("--update-baseline takes one report and one --baseline FILE.")
    first = update_baseline and not targets[0].exists()
    held_to = {name: context.params[name] for name in signature(conditions).parameters}
    answer = hold(found, baseline=found if first else [read_report(path) for path in targets], **held_to)
    if summary is not None:
        append_text(summary, markdown(found[0], comparison=answer.comparison, gate=answer))
    if json:
        typer.echo(answer.model_dump_json())
    elif not quiet:
        typer.echo("\n".join(gate_lines(answer)))
    if not answer.passed:
        raise typer.Exit(NOT_PASSED)
    if update_baseline:
        write_report(found[0], targets[0])
