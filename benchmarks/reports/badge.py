"""Draw a report's score as a badge: an SVG that loads nothing and has a text alternative."""

from xml.etree.ElementTree import Element, SubElement, tostring

from benchmarks.report import Report
from benchmarks.reports.inert import line, xml_text
from benchmarks.stats.scores import percent
from benchmarks.stats.strong_passes import least_of_passes

_COLOURS = ((0.9, "#1a7f37"), (0.6, "#9a6700"), (0.0, "#cf222e"))
"""Colour by minimum pass@1; white text on it has a contrast of at least 4.5 (WCAG 2.2, 1.4.3)."""
_UNKNOWN, _LABEL = "#57606a", "#24292f"
_CHARACTER, _PADDING, _HEIGHT = 6.8, 12.0, 20
"""Pixels of a character at font size 11, around a text, and of the badge; `textLength` fits other fonts."""
_MAX_NAME = 40


def badge(report: Report) -> str:
    """Return the SVG: the suite's name, the share of solved cases, and the least strength of the passes."""
    name = xml_text(line(report.suite, width=_MAX_NAME)) or "suite"
    score, least = report.pass_at.get("1"), least_of_passes(report)
    value = "no score" if score is None else f"{percent(score, digits=0)} solved"
    if least is not None:
        value += f", {least}"
    colour = _UNKNOWN if score is None else next(fill for limit, fill in _COLOURS if score >= limit - 1e-9)
    left, right = (len(text) * _CHARACTER + _PADDING for text in (name, value))
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": f"{left + right:.0f}",
            "height": str(_HEIGHT),
            "role": "img",
            "aria-labelledby": "title",
        },
    )
    SubElement(root, "title", id="title").text = f"{name}: {value}"
    for x, width, fill, text in ((0.0, left, _LABEL, name), (left, right, colour, value)):
        SubElement(root, "rect", x=f"{x:g}", width=f"{width:g}", height=str(_HEIGHT), fill=fill)
        SubElement(
            root,
            "text",
            {
                "x": f"{x + width / 2:g}",
                "y": "14",
                "fill": "#fff",
                "font-family": "Verdana, DejaVu Sans, sans-serif",
                "font-size": "11",
                "text-anchor": "middle",
                "textLength": f"{width - _PADDING:g}",
                "aria-hidden": "true",
            },
        ).text = text
    return tostring(root, encoding="unicode") + "\n"
