"""Write the rounds of a watched suite as a page that needs nothing else, and the latest one as JUnit XML."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from benchmarks.reports import figures
from benchmarks.reports.inert import xml_text
from benchmarks.reports.page import page_environment, read_part
from benchmarks.stats.watch import RoundScore, WatchResult
from coder.base.text.ci_commands import break_commands
from coder.show.render import money

_WIDTH, _HEIGHT, _LEFT, _EDGE = 460, 180, 54, 12
_STATES = {"learning": "learning", "quiet": "quiet", "alarm": "worse, confirmed by a fresh round"}


def watch_page(suite: str, result: WatchResult, scores: Sequence[RoundScore]) -> str:
    """Return the page: what the latest round says, plots of scores and sums, and a row for each round.

    Args:
        scores: rounds since the reference began, the oldest first.
    """
    facts = [
        ("state", _STATES[result.state]),
        ("latest", figures.share(result.score)),
        ("before", figures.share(result.reference)),
        *([("pass less often", ", ".join(result.cases))] if result.cases else []),
        *(("also changed", moved) for moved in result.moved),
    ]
    rows = [
        (
            number,
            one.started or "–",
            figures.share(one.score),
            figures.interval(one.interval),
            f"{one.sum:.1f}",
            f"{one.tokens:,}",
            "–" if one.latency_s is None else f"{one.latency_s:.1f} s",
            f"{one.refusals:,}",
            "–" if one.cost_usd is None else money(one.cost_usd),
        )
        for number, one in enumerate(scores, 1)
    ]
    return (
        page_environment()
        .get_template("watch.html.j2")
        .render(
            heading=f"{suite}: {len(scores)} rounds",
            facts=facts,
            plots=[_scores_plot(scores, result), _sums_plot(scores, result.limit)],
            rows=rows[::-1],
            width=_WIDTH,
            height=_HEIGHT,
            style=read_part("page.css"),
        )
    )


def _scores_plot(scores: Sequence[RoundScore], result: WatchResult) -> dict[str, object]:
    lines = [(_y(share, 1.0), f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0)]
    marks = [] if result.reference is None else [(_y(result.reference, 1.0), "before")]
    whiskers = [
        (_x(number, len(scores)), _y(each.interval[0], 1.0), _y(each.interval[1], 1.0))
        for number, each in enumerate(scores)
    ]
    points = [_point(number, scores, each.score, 1.0, result.limit) for number, each in enumerate(scores)]
    label = f"Scores of {len(scores)} rounds"
    parts = {"lines": lines, "marks": marks, "whiskers": whiskers, "points": points}
    return {"caption": "Score", "label": label, **parts}


def _sums_plot(scores: Sequence[RoundScore], limit: float | None) -> dict[str, object]:
    highest = max(1.0, 1.2 * (limit or 0.0), *(each.sum for each in scores))
    lines, marks = [(_y(0.0, highest), "0")], [(_y(limit, highest), "alarm")] if limit is not None else []
    points = [_point(number, scores, each.sum, highest, limit) for number, each in enumerate(scores)]
    label = f"Sums of {len(scores)} rounds"
    parts = {"lines": lines, "marks": marks, "whiskers": [], "points": points}
    return {"caption": "Sum of the CUSUM", "label": label, **parts}


def _point(
    number: int, scores: Sequence[RoundScore], value: float, highest: float, limit: float | None
) -> dict[str, object]:
    each = scores[number]
    return {
        "x": _x(number, len(scores)),
        "y": _y(value, highest),
        "is_alarm": limit is not None and each.sum > limit,
        "label": f"round {number + 1}: {figures.share(each.score)}, sum {each.sum:.1f}",
    }


def _x(number: int, count: int) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _EDGE) * number / max(1, count - 1), 1)


def _y(value: float, highest: float) -> float:
    return round(_EDGE + (_HEIGHT - 2 * _EDGE) * (1 - value / highest), 1)


def watch_junit(suite: str, result: WatchResult) -> str:
    """Return a JUnit document with one test case, which fails on an alarm."""
    is_alarm = result.state == "alarm"
    root = Element("testsuites")
    of_suite = SubElement(root, "testsuite", name=_clean(suite))
    for element in (root, of_suite):
        element.attrib |= {"tests": "1", "failures": str(int(is_alarm)), "errors": "0", "skipped": "0"}
    case = SubElement(of_suite, "testcase", classname=_clean(suite), name="the score isn't worse")
    case.set("time", "0.000")
    if is_alarm:
        text = f"{figures.share(result.score)}, {figures.share(result.reference)} before"
        details = "\n".join([text, *result.cases, *result.moved])
        SubElement(case, "failure", type="worse", message=_clean(text)).text = _clean(details)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return break_commands(xml_text(text))
