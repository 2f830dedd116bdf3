"""Write a report as Markdown for the summary of a CI job; text of models is escaped."""

from collections.abc import Sequence

from benchmarks.report import Report
from benchmarks.reports.figures import (
    SIGNS,
    WORDS,
    facts,
    gate_notes,
    method,
    p_text,
    points,
    points_interval,
    rule,
    scores,
    share,
    title,
)
from benchmarks.reports.inert import markdown_text as text
from benchmarks.stats.comparison import Comparison
from benchmarks.stats.gate import Gate
from benchmarks.verdict import Verdict
from coder.base.text.sanitize import count_of

MAX_SHOWN = 100
"""List at most this many samples: the size of a job's summary is limited."""


def markdown(report: Report, *, comparison: Comparison | None = None, gate: Gate | None = None) -> str:
    """Return the document: gate result, scores, comparison, then the samples that didn't pass."""
    parts = [f"## {text(title(report))}"]
    if gate is not None:
        parts.append(_gate(gate))
    parts.append(_table(("", ""), [(name, text(value)) for name, value in [*scores(report), *facts(report)]]))
    if comparison is not None:
        parts.append(_comparison(comparison))
    failures = [verdict for verdict in report.verdicts if not report.is_pass(verdict)]
    if failures:
        rows = [
            (text(verdict.id), str(verdict.sample), _outcome(verdict), text(verdict.detail))
            for verdict in failures[:MAX_SHOWN]
        ]
        note = f"\n\nand {len(failures) - MAX_SHOWN:,} more" if len(failures) > MAX_SHOWN else ""
        table = _table(("case", "sample", "verdict", "reason"), rows)
        parts.append(_folded(f"{count_of(len(failures), 'sample')} not passed", table + note))
    return "\n\n".join(parts) + "\n"


def _outcome(verdict: Verdict) -> str:
    return verdict.verdict if verdict.strength == "strong" else f"{verdict.verdict} ({verdict.strength})"


def _gate(gate: Gate) -> str:
    notes = "".join(f" ({note})" for note in gate_notes(gate))
    lines = [f"**{SIGNS[gate.decision]} Gate {WORDS[gate.decision]}**{notes}", ""]
    sentences = [*(condition.sentence for condition in gate.conditions), *gate.remarks]
    return "\n".join(lines + [f"- {text(sentence, width=600)}" for sentence in sentences])


def _comparison(result: Comparison) -> str:
    p_value = p_text(result.p_value).replace("<", "&lt;")
    rows = [
        ("before", share(result.before)),
        ("after", share(result.after)),
        ("difference", f"{points(result.difference)} (95 % {points_interval(result.interval)})"),
        *([("counted", rule(result.min_strength))] if result.min_strength is not None else []),
        ("test", f"{p_value} ({method(result)}, {count_of(result.cases, 'case')})"),
    ]
    changes = [
        (
            text(change.id),
            f"{change.before.passed}/{change.before.samples}",
            f"{change.after.passed}/{change.after.samples}",
            change.kind,
        )
        for change in result.changes[:MAX_SHOWN]
    ]
    table = _table(("compared", ""), rows)
    if not changes:
        return table
    return f"{table}\n\n" + _folded(
        f"{count_of(len(result.changes), 'case')} changed",
        _table(("case", "before", "after", "change"), changes),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
