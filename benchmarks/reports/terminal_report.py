"""Format reports as lines and tables for a terminal: first the result, then the details."""

from collections.abc import Mapping, Sequence

from benchmarks.report import Report
from benchmarks.reports.figures import (
    SIGNS,
    WORDS,
    facts,
    gate_notes,
    left_out,
    method,
    p_text,
    points,
    points_interval,
    rule,
    scores,
    share,
    title,
)
from benchmarks.reports.inert import line
from benchmarks.runner.runlog import BenchEnded, BenchJudged, BenchStarted
from benchmarks.stats.comparison import KINDS, Comparison
from benchmarks.stats.gate import Gate
from benchmarks.stats.trend import TrendRow
from benchmarks.verdict import Verdict
from coder.base.text.sanitize import count_of
from coder.show.render import age
from coder.show.tables import Block, Column, TextTable, pairs
from coder.store import SqliteLog
from coder.store.run_list import RunSummary
from sandbox.result import Value

MAX_SHOWN = 10
"""List at most this many cases; the others are only counted."""


def report_blocks(report: Report, *, max_shown: int = MAX_SHOWN) -> list[Block]:
    """Return the blocks of a report: scores, facts, and the first samples that didn't pass."""
    rows = [(name, line(value)) for name, value in (*scores(report), *facts(report))]
    failures = [verdict for verdict in report.verdicts if not report.is_pass(verdict)]
    blocks: list[Block] = [line(title(report)), pairs(rows)]
    if failures:
        cells = [_sample_cells(verdict) for verdict in failures[:max_shown]]
        lines = [f"    {line('  '.join(row))}" for row in cells]
        blocks += ["  not passed", TextTable(_SAMPLE_COLUMNS, cells, indent=4, plain=lines)]
        if len(failures) > max_shown:
            blocks.append(f"    and {len(failures) - max_shown:,} more")
    return blocks


def comparison_blocks(comparisons: Mapping[str, Comparison], *, max_shown: int = MAX_SHOWN) -> list[Block]:
    """Return the blocks of comparisons, by run name: difference, p-value, and changes."""
    rows, changes, lines = [], [], []
    for name, comparison in comparisons.items():
        shares = (share(comparison.before), share(comparison.after))
        gains = (points(comparison.difference), points_interval(comparison.interval))
        p = f"{p_text(comparison.p_value).removeprefix('p = ')} {comparison.method}"
        rows.append((line(name), *shares, *(gain.removesuffix(" points") for gain in gains), p))
        changes += [(line(name), *change) for change in _changes(comparison, max_shown)]
        lines += _comparison_lines(comparison, name, max_shown)
    return [TextTable(_COMPARED_COLUMNS, rows, plain=lines), TextTable(_CHANGE_COLUMNS, changes, plain=())]


_COMPARED_COLUMNS = (
    Column("run"),
    *(Column(name, is_number=True, is_whole=True) for name in ("before", "after", "points", "95 %", "p")),
)
_CHANGE_COLUMNS = (Column("run"), Column("change", is_whole=True), Column("cases", wraps=True))


def _changes(comparison: Comparison, max_shown: int) -> list[tuple[str, str]]:
    """Return each kind of change with its cases."""
    changes: list[tuple[str, str]] = [
        (kind, _list_cases(comparison.named(kind), max_shown)) for kind in KINDS if comparison.named(kind)
    ]
    if comparison.min_strength is not None:
        changes.append(("counted", f"{rule(comparison.min_strength)}, in both runs"))
    changes += [("moved", moved) for moved in _moved_groups(comparison)]
    changes += [(what, _list_cases(names, max_shown)) for what, names in left_out(comparison) if names]
    if comparison.other:
        changes.append(("differs in", line(", ".join(comparison.other))))
    return (
        changes
        if comparison.flaky is None
        else [*changes, ("flaky", _flaky_text(comparison, comparison.flaky, max_shown))]
    )


def _moved_groups(comparison: Comparison) -> list[str]:
    """Return the groups whose interval lacks 0."""
    return [
        line(
            f"{group.of} {group.name}, {count_of(group.cases, 'case')}: {share(group.before)} → "
            f"{share(group.after)}, {points_interval(group.interval)}"
        )
        for group in comparison.groups
        if group.has_moved
    ]


def _list_cases(names: Sequence[str], max_shown: int) -> str:
    note = f" and {len(names) - max_shown:,} more" if len(names) > max_shown else ""
    return line(f"{len(names)}: {', '.join(names[:max_shown])}{note}", width=400)


def _flaky_text(comparison: Comparison, names: Sequence[str], max_shown: int) -> str:
    counts = f"{len(names)} of {count_of(comparison.cases, 'case')} ({share(len(names) / comparison.cases)})"
    return line(f"{counts}{': ' if names else ''}{', '.join(names[:max_shown])}", width=400)


def _comparison_lines(result: Comparison, name: str, max_shown: int) -> list[str]:
    """Return the lines of a comparison for output to a pipe."""
    p, interval_text = p_text(result.p_value), points_interval(result.interval)
    lines = [
        line(f"{name}: {share(result.before)} → {share(result.after)}  {points(result.difference)}"),
        f"  {p} ({method(result)})  95 % {interval_text}",
    ]
    lines += [
        f"  {kind:<10} {_list_cases(result.named(kind), max_shown)}" for kind in KINDS if result.named(kind)
    ]
    if result.min_strength is not None:
        lines.append(f"  {rule(result.min_strength)}, in both runs")
    lines += [f"  moved: {moved}" for moved in _moved_groups(result)]
    lines += [f"  {what}: {_list_cases(names, max_shown)}" for what, names in left_out(result) if names]
    if result.other:
        lines.append(line(f"  they differ in more than the answers: {', '.join(result.other)}"))
    if result.flaky is not None:
        flaky = _flaky_text(result, result.flaky, max_shown)
        note = f"  the same answers judged again: other verdicts in {flaky}"
        lines.append(line(note, width=400))
    return lines


def gate_blocks(gate: Gate) -> list[Block]:
    """Return the blocks of a gate: the result, and each condition."""
    rows = [(SIGNS[condition.decision], line(condition.sentence, width=400)) for condition in gate.conditions]
    rows += [("", line(remark, width=400)) for remark in gate.remarks]
    lines = [f"  {sentence}" for _, sentence in rows]
    notes = "".join(f"  ({note})" for note in gate_notes(gate))
    first = f"{SIGNS[gate.decision]} {WORDS[gate.decision]}{notes}"
    return [first, TextTable(_SIGNED, rows, indent=2, plain=lines)]


def suite_blocks(summaries: Mapping[str, str]) -> list[Block]:
    """Return the blocks that list available suites with their descriptions."""
    rows = [(name, line(summaries[name])) for name in sorted(summaries)]
    return [
        pairs(rows, indent=0),
        "",
        "Or give a file or a folder: docs/reference/suites.md says of which formats.",
    ]


_STEPS = "▁▂▃▄▅▆▇█"


def trend_blocks(rows: Sequence[TrendRow]) -> list[Block]:
    """Return the table of a trend, with the scores of each row as a line from its lowest to its highest."""
    cells = [
        (
            line(f"{row.of} {row.name}".strip()),
            str(row.cases),
            share(row.mean),
            "–" if row.spread is None else f"{100 * row.spread:.1f}",
            share(row.scores[0]),
            share(row.scores[-1]),
            _line_plot(row.scores),
        )
        for row in rows
    ]
    return [TextTable(_TREND_COLUMNS, cells)]


def _line_plot(scores: Sequence[float]) -> str:
    low, high = min(scores), max(scores)
    if low == high:
        return _STEPS[0] * len(scores)
    top = len(_STEPS) - 1
    return "".join(_STEPS[round((score - low) / (high - low) * top)] for score in scores)


_TREND_COLUMNS = (
    Column("cases of"),
    *(Column(name, is_number=True, is_whole=True) for name in ("cases", "mean", "± points", "first", "last")),
    Column("line", is_whole=True),
)


class ListedBench(Value):
    """Row of the list of runs."""

    run: str
    state: str
    """`done`, `cost` if the budget is used up, or `unfinished`."""
    started: float
    """Seconds since the epoch."""
    samples: int
    suite: str
    model: str | None


async def list_runs(log: SqliteLog, *, limit: int | None) -> list[ListedBench]:
    """Return at most `limit` runs, newest first."""
    summaries = [summary for summary in await log.runs() if summary.first.type == BenchStarted.type]
    return [await _row(summary, log) for summary in summaries[:limit]]


async def _row(summary: RunSummary, log: SqliteLog) -> ListedBench:
    started, ended = BenchStarted.model_validate(summary.first.body), None
    if summary.last.type == BenchEnded.type:
        ended = BenchEnded.model_validate(summary.last.body)
    samples = None if ended is None else ended.samples
    return ListedBench(
        run=summary.run,
        state="unfinished" if ended is None else ended.reason,
        started=summary.first.time,
        samples=await _count_judged(summary.run, log) if samples is None else samples,
        suite=started.suite,
        model=started.model,
    )


async def _count_judged(run: str, log: SqliteLog) -> int:
    """Return the number of samples with a verdict in a run that hasn't ended, or in an older log."""
    judged, seq = set[tuple[str, int]](), 0
    while events := await log.read(run, after=seq, limit=_PAGE):
        seq = events[-1].seq
        judged |= {
            BenchJudged.model_validate(event.body).key for event in events if event.type == BenchJudged.type
        }
    return len(judged)


_PAGE = 500


_RUN_COLUMNS = (
    Column("run", is_whole=True),
    Column("state", width=10, is_whole=True),
    Column("started", width=6, is_number=True, is_whole=True),
    Column("samples", width=9, is_number=True, is_whole=True),
    Column("model"),
    Column("suite"),
)


def run_table(rows: Sequence[ListedBench]) -> TextTable:
    """Return the table of runs."""
    return TextTable(_RUN_COLUMNS, [_run_cells(row) for row in rows])


def _run_cells(row: ListedBench) -> tuple[str, ...]:
    return (row.run, row.state, age(row.started), f"{row.samples:,}", line(row.model or ""), line(row.suite))


_SIGNED = (Column(), Column(wraps=True))
_SAMPLE_COLUMNS = (
    Column("sample", is_whole=True),
    Column("verdict", is_whole=True),
    Column("detail", wraps=True),
)


def _sample_cells(verdict: Verdict) -> tuple[str, ...]:
    strength_note = "" if verdict.strength == "strong" else f" ({verdict.strength})"
    return (
        line(f"{verdict.id} #{verdict.sample}"),
        f"{verdict.verdict}{strength_note}",
        line(verdict.detail),
    )
