"""`coder bench plan`: how many samples a comparison needs, and what they cost, before anything is spent."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.reports.inert import line
from benchmarks.reports.read_report import read_report
from benchmarks.stats.comparison import judged_tallies
from benchmarks.stats.plan import MAX_SAMPLES, SamplePlan, Source
from benchmarks.stats.plan import plan as make_plan
from benchmarks.suites.load import load_suite
from benchmarks.suites.selection import Selection, parse_slice
from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of
from coder.run.option_table import Text
from coder.show import flags
from coder.show.flags import option
from coder.show.render import money
from coder.show.tables import Block, pairs, print_blocks

_SOURCES: dict[Source, str] = {
    "samples": "by the reports' samples of each case",
    "score": "at most, as each case has one sample: two runs, or --samples 2, say more",
    "nothing": "at most, as there is no report: give earlier runs with --from",
}


def plan(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")],
    drop: Annotated[float, option("--drop", "Drop to exclude: 0.05 is 5 points.", "SHARE", min=0, max=1)],
    power: Annotated[
        float, option("--power", "Probability that an unchanged agent passes (0.8).", "P", min=0.5, max=0.999)
    ] = 0.8,
    alpha: Annotated[
        float, option("--alpha", "Probability of an error (0.05).", "P", min=0.0001, max=0.5)
    ] = 0.05,
    earlier: Annotated[
        list[Path] | None, option("--from", "Report of an earlier run. Repeatable.", "FILE")
    ] = None,
    baseline: Annotated[Path | None, option("--baseline", "Report that stays the baseline.", "FILE")] = None,
    filter: Annotated[Text, option("--filter", "As in the run.", "GLOB")] = None,
    slice: Annotated[Text, option("--slice", "As in the run.", "FROM:TO")] = None,
    json: flags.Json = False,
) -> None:
    """Say how many samples `coder gate --baseline` needs on each side, and what they cost."""
    if drop <= 0:
        raise UsageError("A drop of 0 points can't be excluded by any number of samples. Give --drop 0.05.")
    selection = Selection(filter=filter, slice=parse_slice(slice))
    names = {case.id for case in selection.within(load_suite(suite)).cases}
    kept = read_report(baseline) if baseline is not None else None
    reports = [*map(read_report, earlier or []), *([kept] if kept is not None else [])]
    for path, report in zip([*(earlier or []), *([baseline] if baseline else [])], reports, strict=True):
        if names.isdisjoint(verdict.id for verdict in report.verdicts):
            raise UsageError(f"{path} has judged no case of {suite}.")
    counts = (
        [tally.samples for case, tally in judged_tallies([kept]).items() if case in names] if kept else []
    )
    if kept is not None and not any(counts):
        raise UsageError(f"{baseline} has judged no case of {suite}.")
    at_least = min((count for count in counts if count), default=None)
    result = make_plan(names, reports, drop=drop, power=power, alpha=alpha, baseline_samples=at_least)
    if json:
        typer.echo(result.model_dump_json())
        return
    both = make_plan(names, reports, drop=drop, power=power, alpha=alpha)
    print_blocks(_blocks(result, both))


def _blocks(result: SamplePlan, both: SamplePlan) -> list[Block]:
    power = result.power if result.expected_power is None else result.expected_power
    aim = f"excludes a drop of {100 * result.drop:g} points, for an unchanged agent in {power:.0%}"
    if result.samples is None:
        found = f"no number of samples up to {MAX_SAMPLES:,} suffices"
        if result.baseline_samples is not None and both.samples is not None:
            found += f" against a baseline with {count_of(result.baseline_samples, 'sample')} a case"
            found += f". Take the baseline again with {both.samples}: --samples {both.samples}"
        return [line(aim, width=400), line(f"  {found}.", width=400)]
    side = "in the new run" if result.baseline_samples is not None else "on each side"
    rows = [
        ("cases", f"{result.cases:,}"),
        ("samples of each", f"{result.samples:,} {side}  (--samples {result.samples})"),
        ("samples in all", f"{result.total:,}"),
        ("they vary", _SOURCES[result.source]),
    ]
    if result.least_power is not None and f"{result.least_power:.0%}" != f"{power:.0%}":
        rows.append(("at least", f"in {result.least_power:.0%}, if they vary as much as this leaves open"))
    if result.cost_usd is not None:
        rows.append(("cost", f"about {money(result.cost_usd)}"))
    if result.minutes is not None:
        rows.append(("time", f"about {result.minutes:,.0f} min, as in the reports"))
    return [line(aim, width=400), pairs(rows)]
