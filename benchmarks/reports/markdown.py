"""A report as Markdown for the summary of a CI job; text of models is escaped."""

from collections.abc import Sequence

from benchmarks.report import Report
from benchmarks.reports.figures import facts, p_text, points, points_interval, scores, share, title
from benchmarks.reports.inert import markdown_text as text
from benchmarks.stats.comparison import Comparison
from benchmarks.stats.gate import Gate
from coder.base.text.sanitize import count_of

SHOWN = 100
"""Most samples listed: a job's summary is limited."""


def markdown(report: Report, *, comparison: Comparison | None = None, gate: Gate | None = None) -> str:
    """The document: gate result, scores, comparison, then the samples that didn't pass."""
    parts = [f"## {text(title(report))}"]
    if gate is not None:
        parts.append(_gate(gate))
    parts.append(_table(("", ""), [(name, text(value)) for name, value in [*scores(report), *facts(report)]]))
    if comparison is not None:
        parts.append(_comparison(comparison))
    failed = [verdict for verdict in report.verdicts if verdict.verdict != "passed"]
    if failed:
        rows = [(text(item.id), str(item.sample), item.verdict, text(item.detail)) for item in failed[:SHOWN]]
        more = f"\n\nand {len(failed) - SHOWN:,} more" if len(failed) > SHOWN else ""
        table = _table(("case", "sample", "verdict", "reason"), rows)
        parts.append(_folded(f"{count_of(len(failed), 'sample')} not passed", table + more))
    return "\n\n".join(parts) + "\n"


def _gate(gate: Gate) -> str:
    lines = [f"**{'✓ Gate passed' if gate.passed else '✗ Gate not passed'}**", ""]
    return "\n".join(lines + [f"- {text(condition.sentence, width=600)}" for condition in gate.conditions])


def _comparison(found: Comparison) -> str:
    rows = [
        ("before", share(found.before)),
        ("after", share(found.after)),
        ("difference", f"{points(found.difference)} (95 % {points_interval(found.interval)})"),
        (
            "test",
            f"{p_text(found.p_value).replace('<', '&lt;')} ({found.method}, {count_of(found.cases, 'case')})",
        ),
    ]
    changes = [
        (
            text(change.id),
            f"{change.before.passed}/{change.before.samples}",
            f"{change.after.passed}/{change.after.samples}",
            change.kind,
        )
        for change in found.changes[:SHOWN]
    ]
    table = _table(("compared", ""), rows)
    if not changes:
        return table
    return f"{table}\n\n" + _folded(
        f"{count_of(len(found.changes), 'case')} changed",
        _table(("case", "before", "after", "change"), changes),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
