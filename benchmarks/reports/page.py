"""Write one report, or several side by side, as one self-contained HTML page.

Text of models and programs is escaped by the template, or is JSON that the page's script shows as text.
A content security policy allows that script alone, by its hash, and loads nothing.
"""

import base64
import hashlib
from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import floor, log10
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmarks.report import Report, SampleUsage
from benchmarks.reports import figures
from benchmarks.stats.comparison import KINDS, compare_several, tallies
from benchmarks.suites.samples import read_samples
from benchmarks.verdict import Verdict
from coder.base.errors import MissingExtra
from coder.base.text.sanitize import count_of, printable

if TYPE_CHECKING:
    from jinja2 import Environment

_BUCKETS = 24
_SHOWN_FIELDS = ("sample", "verdict", "strength", "detail", "output", "base", "cpu_s", "wall_s")
MAX_CODE = 20_000
"""Show at most this many characters of one answer."""
MAX_ALL = 30 << 20
"""Show at most this many characters of all answers: a browser must be able to open the page."""
Answers = Mapping[tuple[str, int], str]
"""Text of each answer, by case and sample."""
Links = Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class Point:
    """Point of a plot: a score with its interval and its cost in US dollars."""

    name: str
    score: float
    low: float
    high: float
    cost: float | None = None


def read_answers(path: Path, report: Report) -> Answers:
    """Read the answers of a samples file that a report judged, shortened, up to the page's limit."""
    sample_keys = {(verdict.id, verdict.sample) for verdict in report.verdicts}
    answers: dict[tuple[str, int], str] = {}
    characters_left = MAX_ALL
    for sample in read_samples(path, [*(verdict.id for verdict in report.verdicts), *report.missing]):
        text = sample.text if len(sample.text) <= MAX_CODE else f"{sample.text[:MAX_CODE]}\n… shortened"
        if (sample.id, sample.sample) in sample_keys and characters_left >= len(text):
            answers[sample.id, sample.sample] = text
            characters_left -= len(text)
    return answers


def page(
    reports: Sequence[Report],
    *,
    answers: Sequence[Answers] = (),
    names: Sequence[str] = (),
    links: Links = MappingProxyType({}),
) -> str:
    """Return the page of reports over one suite; later reports are compared with the first.

    Args:
        answers: answers of each report, to show the code of samples.
        names: name of each report; by default its model, or its number.
        links: address of the page of each sample, if it has one, by case and sample.
    """
    environment = page_environment()
    first = reports[0]
    names = names or [report.model or f"run {number}" for number, report in enumerate(reports, 1)]
    groups = {name: dict(ChainMap(*(report.groups[name] for report in reports))) for name in first.groups}
    heading = f"{first.suite}: {len(reports)} runs"
    comparisons = compare_several(first, reports[1:]) if len(reports) > 1 else []
    return environment.get_template("page.html.j2").render(
        heading=figures.title(first) if len(reports) == 1 else heading,
        suite=f"{first.suite} {first.suite_version}" if len(reports) == 1 else heading,
        names=list(names),
        runs=list(zip(names, reports, strict=True)),
        comparisons=list(zip(names[1:], comparisons, strict=True)),
        tables=[
            (name.capitalize(), figures.group_rows(reports, of))
            for name, of in groups.items()
            if len({group for names in of.values() for group in names}) > 1
        ],
        **_plots(reports, names),
        data={
            "names": list(map(printable, names)),
            "letters": figures.LETTERS,
            "cases": _cases(reports, answers, groups, links),
            "costs": any(usage.cost_usd is not None for report in reports for usage in report.usage),
        },
        style=read_part("page.css"),
        script=read_part("page.js"),
    )


def page_environment() -> "Environment":
    """Return the environment of the templates, which escapes every value.

    Raises MissingExtra if jinja2 isn't installed.
    """
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError as error:
        raise MissingExtra("jinja2, which an HTML report needs,", "report") from error
    environment = Environment(
        loader=PackageLoader("benchmarks", "reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {
        "count_of": count_of,
        "counted": lambda names, order: ", ".join(
            f"{Counter(names)[outcome]} {outcome}" for outcome in order if outcome in names
        ),
        "hash": lambda text: f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}",
        "round_up": _round_up,
        "share": figures.share,
        "short": lambda name, width=24: name if len(name) <= width else f"{name[: width - 1]}…",
        "tick": lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.3g}",
    }
    for function in (
        figures.facts,
        figures.method,
        figures.p_text,
        figures.points,
        figures.points_interval,
        figures.rule,
        figures.scores,
    ):
        environment.globals[function.__name__] = function
    environment.globals["kinds"] = KINDS
    return environment


def _plots(reports: Sequence[Report], names: Sequence[str]) -> dict[str, object]:
    points = [
        Point(name, report.pass_at["1"] or 0.0, *(report.interval or (0.0, 0.0)), cost=report.cost_usd)
        for report, name in zip(reports, names, strict=True)
        if report.pass_at.get("1") is not None
    ]
    by_case = _case_points(reports[0]) if len(reports) == 1 else []
    cost_points = by_case or [point for point in points if point.cost is not None]
    times = {
        "Time of the judging, by sample": [
            verdict.wall_s for report in reports for verdict in report.verdicts
        ],
        "Time of the answers, by sample": [usage.seconds for report in reports for usage in report.usage],
    }
    return {
        "scored": points,
        "outcomes": [
            (name, report.outcomes) for name, report in zip(names, reports, strict=True) if report.outcomes
        ],
        "spent": cost_points if any(point.cost for point in cost_points) else [],
        "spent_caption": "Cost against score" + (", a point a case" if by_case else ""),
        "across": "cost of the case's samples" if by_case else "cost of the run",
        "times": [(caption, *_histogram(seconds)) for caption, seconds in times.items() if any(seconds)],
    }


def _case_points(report: Report) -> list[Point]:
    costs: dict[str, float] = {}
    for usage in report.usage:
        if usage.cost_usd is not None:
            costs[usage.id] = costs.get(usage.id, 0.0) + usage.cost_usd
    shares = {case: float(tally.share) for case, tally in tallies([report]).items() if case in costs}
    return [Point(case, share, share, share, costs[case]) for case, share in shares.items()]


def _histogram(seconds: Sequence[float]) -> tuple[list[int], float]:
    """Return the number of samples in each column, and the seconds at the right end."""
    top = _round_up(max(seconds))
    counts = Counter(min(_BUCKETS - 1, floor(second / top * _BUCKETS)) for second in seconds)
    return [counts[bucket] for bucket in range(_BUCKETS)], top


def _round_up(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _cases(
    reports: Sequence[Report],
    answers: Sequence[Answers],
    groups: Mapping[str, Mapping[str, Sequence[str]]],
    links: Links,
) -> list[dict[str, object]]:
    """Return each case with its samples in each report."""
    rows: dict[str, list[list[dict[str, object]]]] = {}
    for number, report in enumerate(reports):
        texts = answers[number] if number < len(answers) else {}
        usage = {(sample_usage.id, sample_usage.sample): sample_usage for sample_usage in report.usage}
        for case in report.missing:
            rows.setdefault(case, [[] for _ in reports])
        for verdict in report.verdicts:
            key = (verdict.id, verdict.sample)
            row = rows.setdefault(verdict.id, [[] for _ in reports])
            sample = _sample(verdict, texts.get(key), usage.get(key), links.get(key))
            row[number].append({**sample, "passes": report.is_pass(verdict)})
    return [  # printable characters for display; the link keeps the id
        {
            **{"id": printable(case), "key": case, "runs": runs},
            **{name: printable(", ".join(of[case])) for name, of in groups.items() if case in of},
        }
        for case, runs in rows.items()
    ]


def _sample(
    verdict: Verdict, answer: str | None, usage: SampleUsage | None, link: str | None
) -> dict[str, object]:
    fields = verdict.model_dump(include=set(_SHOWN_FIELDS)) | {"code": answer, "page": link}
    if usage is not None:
        fields |= {"seconds": usage.seconds, "cost": usage.cost_usd}
    return {
        name: printable(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }


def read_part(name: str) -> str:
    """Return a file of the pages, such as their style."""
    return files("benchmarks.reports").joinpath(name).read_text(encoding="utf-8")
