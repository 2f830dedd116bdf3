"""`coder gate`: an exit code for CI, from a report and its conditions."""

from inspect import signature
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import bench_options
from benchmarks.report import write_report
from benchmarks.reports.markdown import markdown
from benchmarks.reports.read_report import read_report
from benchmarks.reports.terminal_report import gate_blocks
from benchmarks.stats.gate import gate as check_gate
from benchmarks.stats.scoring import recompute_figures
from benchmarks.stats.strong_passes import with_min_strength
from benchmarks.written import append_text
from coder.base.errors import UsageError
from coder.base.fs.same_place import require_separate
from coder.run.option_table import File, Number
from coder.show import flags
from coder.show.flags import option, takes
from coder.show.tables import print_blocks

NOT_PASSED, TOO_WEAK = 1, 8


def conditions(
    min_pass: Annotated[
        Number, option("--min-pass", "Least pass@k: 0.8 is 80 %.", "SHARE", min=0, max=1)
    ] = None,
    min_strength: bench_options.MinStrength = None,
    k: Annotated[int, option("-k", "k of --min-pass (1).", "K", min=1)] = 1,
    tolerance: Annotated[
        float, option("--tolerance", "Largest drop (0): 0.02 is 2 points.", "SHARE", min=0, max=1)
    ] = 0.0,
    max_regressions: Annotated[
        int, option("--max-regressions", "Regressed cases that are allowed (0).", "N", min=0)
    ] = 0,
    max_cost: Annotated[Number, option("--max-cost", "Largest cost of all calls.", "USD", min=0)] = None,
) -> None:
    """Declare the flags of the gate's conditions, apart from the baseline."""


@takes(conditions)
def gate(
    context: typer.Context,
    reports: Annotated[
        list[Path],
        typer.Argument(metavar="REPORT...", help="Report of a run; several are repeats of one run."),
    ],
    baseline: Annotated[
        list[Path] | None,
        option("--baseline", "Report to compare with. Repeatable: repeats of one run.", "FILE"),
    ] = None,
    summary: Annotated[File, option("--summary", "Add a Markdown summary to this file.", "FILE")] = None,
    update_baseline: Annotated[
        bool, option("--update-baseline", "Make the report the baseline where the gate passes.")
    ] = False,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
) -> None:
    """Check reports against thresholds and a baseline.

    Exit codes: 0 every condition holds, 1 one doesn't, 2 an unreadable file, another suite, or a figure
    that the report lacks, 8 all would hold if passes weaker than --min-strength counted.
    """
    baseline_paths = baseline or []
    require_separate([summary], [*reports, *baseline_paths])
    run_reports = [read_report(path) for path in reports]
    if update_baseline and (len(baseline_paths) != 1 or len(reports) != 1):
        raise UsageError("--update-baseline takes one report and one --baseline FILE.")
    is_new = update_baseline and not baseline_paths[0].exists()
    thresholds = {name: context.params[name] for name in signature(conditions).parameters}
    result = check_gate(
        run_reports,
        baseline=run_reports if is_new else [read_report(path) for path in baseline_paths],
        **thresholds,
    )
    if summary is not None:
        counted = recompute_figures(with_min_strength(run_reports[0], result.min_strength))
        append_text(summary, markdown(counted, comparison=result.comparison, gate=result))
    if json:
        typer.echo(result.model_dump_json())
    elif not quiet:
        print_blocks(gate_blocks(result))
    if not result.passed:
        raise typer.Exit(TOO_WEAK if result.too_weak else NOT_PASSED)
    if update_baseline:
        write_report(run_reports[0], baseline_paths[0])
