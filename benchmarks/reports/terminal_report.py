"""Reports as lines and tables of a terminal: first the result, then the details."""

from collections.abc import Mapping, Sequence

from benchmarks.report import Report
from benchmarks.reports.figures import facts, p_text, points, points_interval, scores, share, title
from benchmarks.reports.inert import line
from benchmarks.runner.runlog import BenchEnded, BenchJudged, BenchStarted
from benchmarks.stats.comparison import KINDS, Comparison
from benchmarks.stats.gate import Gate
from benchmarks.verdict import Verdict
from coder.base.text.sanitize import count_of
from coder.show.render import age
from coder.show.tables import Block, Column, TextTable, pairs
from coder.store import SqliteLog
from coder.store.run_list import RunSummary
from sandbox.result import Value

SHOWN = 10
"""Most cases listed; the others are counted."""


def report_blocks(report: Report, *, shown: int = SHOWN) -> list[Block]:
    """A report: scores, facts, and the first samples that didn't pass."""
    rows = [(name, line(value)) for name, value in (*scores(report), *facts(report))]
    failed = [verdict for verdict in report.verdicts if verdict.verdict != "passed"]
    blocks: list[Block] = [line(title(report)), pairs(rows)]
    if failed:
        cells = [_sample_cells(item) for item in failed[:shown]]
        lines = [f"    {line('  '.join(row))}" for row in cells]
        blocks += ["  not passed", TextTable(_SAMPLE_COLUMNS, cells, indent=4, plain=lines)]
        if len(failed) > shown:
            blocks.append(f"    and {len(failed) - shown:,} more")
    return blocks


def comparison_blocks(compared: Mapping[str, Comparison], *, shown: int = SHOWN) -> list[Block]:
    """Comparisons by the names of their runs: the difference with its p-value, and what changed."""
    rows, changes, lines = [], [], []
    for name, found in compared.items():
        shares = (share(found.before), share(found.after))
        gains = (points(found.difference), points_interval(found.interval))
        p = f"{p_text(_p_value(found)).removeprefix('p = ')} {found.method}"
        rows.append((line(name), *shares, *(gain.removesuffix(" points") for gain in gains), p))
        changes += [(line(name), *change) for change in _changes(found, shown)]
        lines += _comparison_lines(found, name, shown)
    return [TextTable(_COMPARED_COLUMNS, rows, plain=lines), TextTable(_CHANGE_COLUMNS, changes, plain=())]


_COMPARED_COLUMNS = (
    Column("run"),
    *(Column(name, is_number=True, is_whole=True) for name in ("before", "after", "points", "95 %", "p")),
)
_CHANGE_COLUMNS = (Column("run"), Column("change", is_whole=True), Column("cases", wraps=True))


def _p_value(found: Comparison) -> float:
    return found.p_value if found.corrected_p is None else found.corrected_p


def _changes(found: Comparison, shown: int) -> list[tuple[str, str]]:
    """What changed, and in which cases."""
    changes: list[tuple[str, str]] = [
        (kind, _named(found.named(kind), shown)) for kind in KINDS if found.named(kind)
    ]
    if found.other:
        changes.append(("differs in", line(", ".join(found.other))))
    return changes if found.flaky is None else [*changes, ("flaky", _flaky(found, found.flaky, shown))]


def _named(names: Sequence[str], shown: int) -> str:
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return line(f"{len(names)}: {', '.join(names[:shown])}{more}", width=400)


def _flaky(found: Comparison, names: Sequence[str], shown: int) -> str:
    others = f"{len(names)} of {count_of(found.cases, 'case')} ({share(len(names) / found.cases)})"
    return line(f"{others}{': ' if names else ''}{', '.join(names[:shown])}", width=400)


def _comparison_lines(found: Comparison, name: str, shown: int) -> list[str]:
    """A comparison in a pipe."""
    corrected = "" if found.corrected_p is None else ", corrected by Holm"
    p, sure = p_text(_p_value(found)), points_interval(found.interval)
    lines = [
        line(f"{name}: {share(found.before)} → {share(found.after)}  {points(found.difference)}"),
        f"  {p} ({found.method}{corrected})  95 % {sure}",
    ]
    lines += [f"  {kind:<10} {_named(found.named(kind), shown)}" for kind in KINDS if found.named(kind)]
    if found.other:
        lines.append(line(f"  they differ in more than the answers: {', '.join(found.other)}"))
    if found.flaky is not None:
        told = f"  the same answers judged again: other verdicts in {_flaky(found, found.flaky, shown)}"
        lines.append(line(told, width=400))
    return lines


def gate_blocks(gate: Gate) -> list[Block]:
    """The gate's result, and each condition."""
    rows = [
        ("✓" if condition.passed else "✗", line(condition.sentence, width=400))
        for condition in gate.conditions
    ]
    lines = [f"  {sentence}" for _, sentence in rows]
    return ["✓ passed" if gate.passed else "✗ not passed", TextTable(_SIGNED, rows, indent=2, plain=lines)]


def suite_blocks(told: Mapping[str, str]) -> list[Block]:
    """Suites available by name, with their descriptions."""
    rows = [(name, line(told[name])) for name in sorted(told)]
    return [
        pairs(rows, indent=0),
        "",
        "Or give a file or a folder: docs/reference/suites.md says of which formats.",
    ]


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
    rows = [_row(item) for item in await log.runs() if item.first.type == BenchStarted.type]
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


_RUN_COLUMNS = (
    Column("run", is_whole=True),
    Column("state", width=10, is_whole=True),
    Column("started", width=6, is_number=True, is_whole=True),
    Column("samples", width=9, is_number=True, is_whole=True),
    Column("model"),
    Column("suite"),
)


def run_table(rows: Sequence[ListedBench]) -> TextTable:
    """The list of runs."""
    return TextTable(_RUN_COLUMNS, [_run_cells(row) for row in rows])


def _run_cells(row: ListedBench) -> tuple[str, ...]:
    return (row.run, row.state, age(row.started), f"{row.samples:,}", line(row.model or ""), line(row.suite))


_SIGNED = (Column(), Column(wraps=True))
_SAMPLE_COLUMNS = (
    Column("sample", is_whole=True),
    Column("verdict", is_whole=True),
    Column("detail", wraps=True),
)


def _sample_cells(one: Verdict) -> tuple[str, ...]:
    weak = "" if one.strength == "strong" else f" ({one.strength})"
    return (line(f"{one.id} #{one.sample}"), f"{one.verdict}{weak}", line(one.detail))
