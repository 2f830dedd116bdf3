"""`coder gate`: an exit code for CI, from a report and its conditions."""

from collections.abc import Sequence
from inspect import signature
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.baseline_cases import judged_samples
from benchmarks.cli.bench_endings import NOT_PASSED, UNDECIDED
from benchmarks.cli.fresh_samples import take_fresh
from benchmarks.report import Report, write_report
from benchmarks.reports.markdown import markdown
from benchmarks.reports.read_report import read_report
from benchmarks.reports.terminal_report import gate_blocks
from benchmarks.stats.gate import Gate, require_condition
from benchmarks.stats.gate import gate as check_gate
from benchmarks.stats.scoring import recompute_figures
from benchmarks.stats.strong_passes import with_min_strength
from benchmarks.suites.load import load_suite
from benchmarks.written import append_text
from coder.base.errors import UsageError
from coder.base.fs.same_place import require_separate
from coder.run.option_table import File, Number, Text
from coder.show import flags
from coder.show.flags import option, takes
from coder.show.tables import print_blocks

TOO_WEAK = 8
_FEWEST_ALIKE = 8
"""Fewer verdicts may have taken the same milliseconds by chance."""


def conditions(
    min_pass: Annotated[
        Number, option("--min-pass", "Least pass@k: 0.8 is 80 %.", "SHARE", min=0, max=1)
    ] = None,
    min_strength: bench_options.MinStrength = None,
    k: Annotated[int, option("-k", "k of --min-pass (1).", "K", min=1)] = 1,
    max_drop: Annotated[
        Number, option("--max-drop", "Drop to exclude: 0.05 is 5 points.", "SHARE", min=0, max=1)
    ] = None,
    alpha: Annotated[
        float, option("--alpha", "Probability of an error (0.05).", "P", min=0.0001, max=0.5)
    ] = 0.05,
    strict: Annotated[bool, option("--strict", "Compare scores alone, for answers that don't vary.")] = False,
    max_cost: Annotated[Number, option("--max-cost", "Largest cost of all calls.", "USD", min=0)] = None,
) -> None:
    """Declare the flags of the gate's conditions, apart from the baseline."""


UndecidedIs = Literal["own", "fail"]


def _exit_code(result: Gate, *, fails_undecided: bool) -> int:
    if result.too_weak:
        return TOO_WEAK
    return UNDECIDED if result.decision == "undecided" and not fails_undecided else NOT_PASSED


def _require_distinct(paths: Sequence[Path]) -> None:
    """Raise UsageError if two reports are one: the same samples would count twice, or confirm themselves."""
    by_content: dict[bytes, Path] = {}
    for path in paths:
        content = path.read_bytes() if path.is_file() else str(path).encode()
        if content in by_content:
            raise UsageError(f"{path} and {by_content[content]} are one report, and its samples count once.")
        by_content[content] = path


def _require_own_samples(paths: Sequence[Path], reports: Sequence[Report]) -> None:
    """Raise UsageError if two reports hold the same samples, as those of a run and of its continuation do."""
    for (first, one), (second, other) in combinations(zip(paths, reports, strict=True), 2):
        sides = [
            {(verdict.id, verdict.sample): verdict for verdict in each.verdicts} for each in (one, other)
        ]
        common = [key for key in sides[0] if key in sides[1] and sides[0][key].wall_s]
        # The times that a verdict took tell it from that of any other sample.
        if len(common) >= _FEWEST_ALIKE and all(sides[0][key] == sides[1][key] for key in common):
            raise UsageError(
                f"{first} and {second} share samples, which count once: one continues the other's run. "
                "Give the later one alone."
            )


@takes(conditions)
def gate(
    context: typer.Context,
    reports: Annotated[
        list[Path] | None,
        typer.Argument(metavar="REPORT...", help="Report of a run; several are repeats of one run."),
    ] = None,
    baseline: Annotated[
        list[Path] | None,
        option("--baseline", "Report to compare with. Repeatable: repeats of one run.", "FILE"),
    ] = None,
    confirm: Annotated[
        list[Path] | None,
        option("--confirm", "Take N fresh samples of lost cases, or read FILE: they alone decide.", "N|FILE"),
    ] = None,
    confirm_baseline: Annotated[
        list[Path] | None,
        option("--confirm-baseline", "The same of the baseline's agent.", "FILE"),
    ] = None,
    summary: Annotated[File, option("--summary", "Add a Markdown summary to this file.", "FILE")] = None,
    update_baseline: Annotated[
        bool, option("--update-baseline", "Make the report the baseline where the gate passes.")
    ] = False,
    undecided: Annotated[
        UndecidedIs, option("--undecided", "What undecided is: fail, or an exit code of its own.", "WHAT")
    ] = "own",
    check: Annotated[
        bool, option("--check", "Check conditions and baseline alone, before a run is paid for.")
    ] = False,
    suite: Annotated[
        Text, option("--suite", "Suite of the run to come, whose cases --check looks for.", "SUITE")
    ] = None,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
) -> None:
    """Check reports against thresholds and a baseline.

    Exit codes: 0 every condition holds, 1 one doesn't, 2 an unreadable file, no case in common, or a figure
    that the report lacks, 8 all would hold if passes weaker than --min-strength counted, 11 the samples are
    too few to decide (--undecided fail: 1).
    """
    baseline_paths = baseline or []
    report_paths = reports or []
    if bool(report_paths) == check:
        raise UsageError("Give the report of a run, or --check without one.")
    if suite is not None and not check:
        raise UsageError("--suite is of --check: a report says which suite it is of.")
    require_separate([summary], [*report_paths, *baseline_paths])
    if update_baseline and (len(baseline_paths) != 1 or len(report_paths) > 1):
        raise UsageError("--update-baseline takes one report and one --baseline FILE.")
    is_new = update_baseline and not baseline_paths[0].exists()
    thresholds = {name: context.params[name] for name in signature(conditions).parameters}
    number = int(str(confirm[0])) if confirm and len(confirm) == 1 and str(confirm[0]).isdecimal() else None
    confirm = confirm if number is None else None
    _require_distinct([*report_paths, *(confirm or ())])
    _require_distinct([*baseline_paths, *(confirm_baseline or ())])
    is_alone = bool(confirm) != bool(confirm_baseline) or number == 0
    if is_alone or ((confirm or number is not None) and not baseline_paths):
        raise UsageError("Give --confirm N, or --confirm FILE with --confirm-baseline FILE, and --baseline.")
    earlier_reports = [] if is_new else [read_report(path) for path in baseline_paths]
    if check:
        require_condition(has_baseline=bool(baseline_paths), **thresholds)
        for path, report in zip(baseline_paths, earlier_reports, strict=not is_new):
            if suite is not None:
                judged_samples(path, report, load_suite(suite))
        return
    run_reports = [read_report(path) for path in report_paths]
    _require_own_samples(report_paths, run_reports)
    if not is_new:
        _require_own_samples(baseline_paths, earlier_reports)
    has_other = any(thresholds[name] is not None for name in ("min_pass", "max_cost", "min_strength"))
    if is_new and not has_other:
        write_report(run_reports[0], baseline_paths[0])
        remark = f"{baseline_paths[0]} is the first baseline"
        if json:
            typer.echo(Gate(decision="passed", conditions=(), remarks=(remark,)).model_dump_json())
        typer.echo(f"{remark}.", err=True)
        return
    if is_new:
        thresholds["max_drop"] = None
    fresh = None
    if confirm:
        fresh = (
            [read_report(path) for path in confirm_baseline or ()],
            [read_report(path) for path in confirm],
        )
    elif number is not None and earlier_reports:
        rules = {name: thresholds[name] for name in ("alpha", "min_strength")}
        fresh = take_fresh(earlier_reports, run_reports, number, **rules)
    result = check_gate(run_reports, baseline=earlier_reports, fresh=fresh, **thresholds)
    if summary is not None:
        counted = recompute_figures(with_min_strength(run_reports[0], result.min_strength))
        append_text(summary, markdown(counted, comparison=result.comparison, gate=result))
    if json:
        typer.echo(result.model_dump_json())
    elif not quiet:
        print_blocks(gate_blocks(result))
    if result.decision != "passed":
        raise typer.Exit(_exit_code(result, fails_undecided=undecided == "fail"))
    if update_baseline:
        first = next((report.anchor or report for report in earlier_reports), None)
        write_report(run_reports[0].model_copy(update={"anchor": first}), baseline_paths[0])
