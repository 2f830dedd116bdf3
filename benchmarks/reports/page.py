"""A report, or several side by side, as one HTML page that needs nothing else.

What models and programs wrote reaches the page as JSON in a data block and is shown as text only. A content
security policy lets run the one script that stands here, by its hash, and nothing load from anywhere.
"""

import base64
import hashlib
import json
from collections import ChainMap
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from benchmarks.report import Report, Usage
from benchmarks.reports.case_answers import Answers
from benchmarks.reports.figures import (
    LETTERS,
    facts,
    grouped,
    p_text,
    points,
    points_interval,
    scores,
    share,
    title,
)
from benchmarks.reports.plots import Point, bars, histogram, scatter, stacked
from benchmarks.stats.comparison import KINDS, Comparison, compare_several, tallies
from benchmarks.verdict import Verdict
from coder.text.sanitize import printable


def page(reports: Sequence[Report], *, answers: Sequence[Answers] = (), names: Sequence[str] = ()) -> str:
    """The page of one report, or of several over one suite, of which the first is compared with.

    Args:
        answers: of each report, to show the code of its samples.
        names: of each report; by default its model, or its number.

    Raises:
        BadReport: the reports are of different suites.
    """
    comparisons = compare_several(reports[0], reports[1:]) if len(reports) > 1 else []
    names = names or [report.model or f"run {number}" for number, report in enumerate(reports, 1)]
    names = [printable(name) for name in names]
    style, script = _part("page.css"), _part("page.js")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
    policy += "base-uri 'none'; form-action 'none'"
    heading = title(reports[0]) if len(reports) == 1 else f"{reports[0].suite}: {len(reports)} runs"
    groups = {
        "kind": dict(ChainMap(*(report.kinds for report in reports))),
        "difficulty": dict(ChainMap(*(report.difficulties for report in reports))),
    }
    suite = f"{reports[0].suite} {reports[0].suite_version}" if len(reports) == 1 else heading
    body = [
        f"<h1>{_escaped(suite)}</h1>",
        *(_summary(*one) for one in zip(reports, names if len(reports) > 1 else [""], strict=True)),
        *(_compared(one, name, names[0]) for one, name in zip(comparisons, names[1:], strict=True)),
        '<section class="groups">',
        *(_group(reports, names, *one) for one in groups.items()),
        "</section>",
        _plots(reports, names),
        _part("cases.html"),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escaped(heading)}</title>\n<style>{style}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + '\n</main><script type="application/json" id="data">'
        + _data(reports, names, answers, groups)
        + f"</script>\n<script>{script}</script></body></html>\n"
    )


def _summary(report: Report, name: str) -> str:
    rows = "".join(
        f"<tr><th>{_escaped(key)}</th><td>{_escaped(value)}</td></tr>"
        for key, value in [*scores(report), *facts(report)]
    )
    heading = f"<h2>{_escaped(name)}</h2>" if name else ""
    model = report.model if report.model != name else None
    date = (report.times.started or "").replace("T", " ").replace("Z", " UTC")
    said = " · ".join(_escaped(text) for text in (model, date) if text)
    command = f"<code>{_escaped(report.command)}</code>" if report.command else ""
    return (
        f'<section>{heading}<p class="run">{said}{command}</p><table class="facts">{rows}</table></section>'
    )


def _group(reports: Sequence[Report], names: Sequence[str], heading: str, of: Mapping[str, str]) -> str:
    """A table of pass rates by kind or difficulty, where there are two of them or more."""
    if len(set(of.values())) < 2:
        return ""
    columns = [heading.capitalize(), "Cases", *(names if len(names) > 1 else ["Pass rate"])]
    head = "".join(f'<th scope="col">{_escaped(name)}</th>' for name in columns)
    rows = "".join(
        f'<tr><th scope="row">{_escaped(name)}</th>'
        + "".join(f"<td>{value}</td>" for value in (f"{cases:,}", *map(share, rates)))
        + "</tr>"
        for name, cases, rates in grouped(reports, of)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _compared(found: Comparison, name: str, first: str) -> str:
    p = found.p_value if found.corrected_p is None else found.corrected_p
    test = found.method + ("" if found.corrected_p is None else ", corrected by Holm")
    counts = {kind: len(found.named(kind)) for kind in KINDS}
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    text = (
        f"{name} against {first}: {share(found.before)} → {share(found.after)}, {points(found.difference)} "
        f"(95 % {points_interval(found.interval)}), {p_text(p)} ({test}); cases: {kinds or 'none changed'}"
    )
    if found.other:
        text += f"; they differ in more than the answers: {', '.join(found.other)}"
    return f'<p class="compared">{_escaped(text)}</p>'


def _plots(reports: Sequence[Report], names: Sequence[str]) -> str:
    scored = [
        Point(name, report.pass_at["1"] or 0.0, *(report.interval or (0.0, 0.0)), cost=report.cost_usd)
        for report, name in zip(reports, names, strict=True)
        if report.pass_at.get("1") is not None
    ]
    figures = [("Pass rate, with 95 % intervals", bars(scored))] if scored else []
    counts = [(name, one.outcomes) for name, one in zip(names, reports, strict=True) if one.outcomes]
    if counts:
        figures.append(("What became of the samples", stacked(counts, LETTERS)))
    if len(reports) == 1 and (spent := _case_points(reports[0])):
        figures.append(
            ("Cost against score, a point a case", scatter(spent, across="cost of the case's samples"))
        )
    elif any(one.cost for one in scored):
        figures.append(("Cost against score", scatter(scored, across="cost of the run")))
    seconds = [one.wall_s for report in reports for one in report.verdicts]
    if seconds:
        figures.append(("Time of the judging, by sample", histogram(seconds)))
    taken = [one.seconds for report in reports for one in report.usage]
    if any(taken):
        figures.append(("Time of the answers, by sample", histogram(taken)))
    shown = "".join(f"<figure><figcaption>{text}</figcaption>{svg}</figure>" for text, svg in figures)
    return f'<section class="plots">{shown}</section>'


def _case_points(report: Report) -> list[Point]:
    costs: dict[str, float] = {}
    for one in report.usage:
        if one.cost_usd is not None:
            costs[one.id] = costs.get(one.id, 0.0) + one.cost_usd
    if not any(costs.values()):
        return []  # a model that costs nothing makes no plot
    scored = {case: float(tally.share) for case, tally in tallies([report]).items()}
    return [
        Point(case, scored[case], scored[case], scored[case], costs[case]) for case in costs if case in scored
    ]


def _data(
    reports: Sequence[Report],
    names: Sequence[str],
    answers: Sequence[Answers],
    groups: Mapping[str, Mapping[str, str]],
) -> str:
    rows: dict[str, list[list[dict[str, object]]]] = {}
    for number, report in enumerate(reports):
        told = answers[number] if number < len(answers) else {}
        usage = {(one.id, one.sample): one for one in report.usage}
        for case in report.missing:
            rows.setdefault(case, [[] for _ in reports])
        for one in report.verdicts:
            rows.setdefault(one.id, [[] for _ in reports])[number].append(
                _sample(one, told, usage.get((one.id, one.sample)))
            )
    cases = [  # shown are printable signs; in a link an id stands as it is
        {"id": printable(case), "key": case, "runs": runs}
        | {name: printable(of[case]) for name, of in groups.items() if case in of}
        for case, runs in rows.items()
    ]
    shown = {"names": list(names), "letters": LETTERS, "cases": cases}
    text = json.dumps(shown, ensure_ascii=True, separators=(",", ":"))
    # Inside of a script element only these signs can end it, or begin a comment.
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sample(one: Verdict, told: Answers, usage: Usage | None) -> dict[str, object]:
    fields: dict[str, object] = {
        "n": one.sample,
        "verdict": one.verdict,
        "strength": one.strength,
        "detail": printable(one.detail),
        "cpu": one.cpu_s,
        "wall": one.wall_s,
    }
    if usage is not None:
        fields["seconds"] = usage.seconds
        if usage.cost_usd is not None:
            fields["cost"] = usage.cost_usd
    if one.output:
        fields["output"] = printable(one.output)
    if one.base is not None:
        fields["base"] = one.base
    if one.overfits is not None:
        fields["overfits"] = one.overfits
    if (answer := told.get((one.id, one.sample))) is not None:
        fields["code"] = printable(answer)
    return fields


def _escaped(text: str) -> str:
    return escape(printable(text), quote=True)


def _part(name: str) -> str:
    return files("benchmarks.reports").joinpath(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
