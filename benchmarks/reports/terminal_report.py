"""Reports as lines of a terminal: first the result, then the details."""

from collections.abc import Mapping

from benchmarks.report import Report
from benchmarks.reports.figures import facts, p_text, points, points_interval, scores, share, title
from benchmarks.reports.inert import line
from benchmarks.runner.runlog import BenchEnded, BenchJudged, BenchStarted
from benchmarks.stats.comparison import KINDS, Comparison
from benchmarks.stats.gate import Gate
from benchmarks.verdict import Value, Verdict
from coder.console.render import age
from coder.console.tables import Column
from coder.store import SqliteLog
from coder.store.run_list import RunSummary
from coder.text.sanitize import count_of

SHOWN = 10
"""Most cases listed; the others are counted."""


def report_lines(report: Report, *, shown: int = SHOWN) -> list[str]:
    """A report: scores, facts, and the first samples that didn't pass."""
    rows = [*scores(report), *facts(report)]
    failed = [one for one in report.verdicts if one.verdict != "passed"]
    width = max(len(name) for name, _ in rows) + 2
    lines = [line(title(report)), *(f"  {name:<{width}}{line(value)}" for name, value in rows)]
    if failed:
        lines.append("  not passed")
        lines += [f"    {line(_sample(one))}" for one in failed[:shown]]
        if len(failed) > shown:
            lines.append(f"    and {len(failed) - shown:,} more")
    return lines


def comparison_lines(found: Comparison, *, name: str, shown: int = SHOWN) -> list[str]:
    """A comparison: the difference with its p-value, and what changed."""
    p = found.p_value if found.corrected_p is None else found.corrected_p
    corrected = "" if found.corrected_p is None else ", corrected by Holm"
    lines = [
        line(f"{name}: {share(found.before)} → {share(found.after)}  {points(found.difference)}"),
        f"  {p_text(p)} ({found.method}{corrected})  95 % {points_interval(found.interval)}",
    ]
    for kind in KINDS:
        names = found.named(kind)
        if names:
            more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
            lines.append(
                f"  {kind:<10} " + line(f"{len(names)}: {', '.join(names[:shown])}{more}", width=400)
            )
    if found.other:
        lines.append(line(f"  they differ in more than the answers: {', '.join(found.other)}"))
    if found.flaky is not None:
        others = (
            f"{len(found.flaky)} of {count_of(found.cases, 'case')} ({share(len(found.flaky) / found.cases)})"
        )
        flaky = f": {', '.join(found.flaky[:shown])}" if found.flaky else ""
        lines.append(line(f"  the same answers judged again: other verdicts in {others}{flaky}", width=400))
    return lines


def gate_lines(gate: Gate) -> list[str]:
    """The gate's result, and each condition."""
    lines = ["✓ passed" if gate.passed else "✗ not passed"]
    return lines + [f"  {line(one.sentence, width=400)}" for one in gate.conditions]


def list_lines(told: Mapping[str, str]) -> list[str]:
    """Suites available by name, with their descriptions."""
    width = max(map(len, told), default=0) + 2
    lines = [line(f"{name:<{width}}{told[name]}") for name in sorted(told)]
    return [*lines, "", "Or give a file or a folder: docs/reference/suites.md says of which formats."]


class ListedBench(Value):
    """One row of the list."""

    run: str
    state: str
    """`done`, `cost` if the budget was used up, or `unfinished`."""
    started: float
    """Seconds since the epoch."""
    samples: int
    suite: str
    model: str | None


async def listed(log: SqliteLog, *, limit: int | None) -> list[ListedBench]:
    """Runs, newest first, at most `limit`."""
    rows = [_row(one) for one in await log.runs() if one.first.type == BenchStarted.type]
    return rows[:limit]


def _row(one: RunSummary) -> ListedBench:
    started, ended = BenchStarted.model_validate(one.first.body), one.last.type == BenchEnded.type
    return ListedBench(
        run=one.run,
        state=BenchEnded.model_validate(one.last.body).reason if ended else "unfinished",
        started=one.first.time,
        samples=one.last.seq - 1 - ended if one.last.type in (BenchJudged.type, BenchEnded.type) else 0,
        suite=started.suite,
        model=started.model,
    )


RUN_COLUMNS = (
    Column("run", is_whole=True),
    Column("state", width=10, is_whole=True),
    Column("started", width=6, is_number=True, is_whole=True),
    Column("samples", width=9, is_number=True, is_whole=True),
    Column("model"),
    Column("suite"),
)


def run_cells(row: ListedBench) -> tuple[str, ...]:
    """A run as a row of the list of runs."""
    return (row.run, row.state, age(row.started), f"{row.samples:,}", line(row.model or ""), line(row.suite))


def _sample(one: Verdict) -> str:
    weak = "" if one.strength == "strong" else f" ({one.strength})"
    return f"{one.id} #{one.sample}  {one.verdict}{weak}  {one.detail}"
