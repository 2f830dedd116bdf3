"""Plots as SVG, drawn here: no script, no style attribute, every text escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

from benchmarks.verdict import Outcome
from coder.text.sanitize import count_of

WIDTH, ROW, LEFT, RIGHT = 640, 30, 190, 60
HEIGHT, BOTTOM, TOP = 260, 36, 14


@dataclass(frozen=True, slots=True)
class Point:
    """A score with its interval, and what it cost."""

    name: str
    score: float
    low: float
    high: float
    cost: float | None = None


def bars(points: Sequence[Point]) -> str:
    """Scores from 0 to 100 %, each with its interval as a line."""
    reach = WIDTH - LEFT - RIGHT
    parts = [_grid(LEFT + reach * i / 4, 8, ROW * len(points) + 4, f"{25 * i} %") for i in range(5)]
    for i, one in enumerate(points):
        y = ROW * i + 10
        middle = y + 9
        parts += [
            _text(LEFT - 10, middle + 4, _short(one.name), anchor="end"),
            f'<rect class="bar" x="{LEFT}" y="{y}" width="{reach * one.score:.1f}" height="18" rx="2"/>',
            f'<path class="whisker" d="M{LEFT + reach * one.low:.1f} {middle}H{LEFT + reach * one.high:.1f}'
            f'm0 -5v10M{LEFT + reach * one.low:.1f} {middle - 5}v10"/>',
            _text(WIDTH - RIGHT + 8, middle + 4, f"{100 * one.score:.1f} %"),
        ]
    label = "; ".join(f"{one.name} {100 * one.score:.1f} %" for one in points)
    return _svg(ROW * len(points) + 40, parts, f"Pass rate: {label}")


def stacked(runs: Sequence[tuple[str, Mapping[Outcome, int]]], letters: Mapping[Outcome, str]) -> str:
    """A bar of 100 % a run, of its samples by outcome, and a legend.

    Args:
        letters: of the outcomes, in the order in which they are drawn.
    """
    reach = WIDTH - LEFT - RIGHT
    parts = []
    for i, (name, counts) in enumerate(runs):
        y, x, total = ROW * i + 10, float(LEFT), sum(counts.values())
        parts += [
            _text(LEFT - 10, y + 13, _short(name), anchor="end"),
            _text(WIDTH - RIGHT + 8, y + 13, f"{total:,}"),
        ]
        for outcome in (one for one in letters if counts.get(one)):
            wide = reach * counts[outcome] / total
            parts.append(_part(x, y, wide, outcome, f"{counts[outcome]:,}", f"{letters[outcome]} "))
            x += wide
    legend = [one for one in letters if any(counts.get(one) for _, counts in runs)]
    for i, outcome in enumerate(legend):
        x, y = LEFT + reach * (i % 3) / 3, ROW * len(runs) + 20 + 24 * (i // 3)
        parts += [_part(x, y, 18, outcome, letters[outcome]), _text(x + 26, y + 13, outcome)]
    told = "; ".join(f"{name} " + ", ".join(f"{one} {count}" for one, count in c.items()) for name, c in runs)
    return _svg(
        ROW * len(runs) + 24 * -(-len(legend) // 3) + 24, parts, f"What became of the samples: {told}"
    )


def _part(x: float, y: float, wide: float, outcome: Outcome, text: str, letter: str = "") -> str:
    inside = f"{letter}{text}" if wide >= 8 * len(text) + 26 else text if wide >= 8 * len(text) + 6 else ""
    return (
        f'<g class="{outcome}"><title>{outcome}: {text}</title>'
        f'<rect class="part" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="18"/>'
        f'<text x="{x + wide / 2:.1f}" y="{y + 13}" text-anchor="middle">{inside}</text></g>'
    )


def scatter(points: Sequence[Point], *, across: str) -> str:
    """Scores over costs in US dollars; points without a known cost are left out.

    Args:
        across: what the horizontal axis says.
    """
    known = [(one, one.cost) for one in points if one.cost is not None]
    most = max((cost for _, cost in known), default=0.0) or 1.0
    top = _round_up(most)
    reach, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [_level(TOP + tall * (1 - i / 4), f"{25 * i} %") for i in range(5)]
    parts += [
        _text(LEFT + reach * i / 4, HEIGHT - 18, f"${_tick(top * i / 4)}", anchor="middle") for i in range(5)
    ]
    parts.append(_text(LEFT + reach / 2, HEIGHT - 3, across, anchor="middle"))
    for one, cost in known:
        x, y = LEFT + reach * cost / top, TOP + tall * (1 - one.score)
        low, high = TOP + tall * (1 - one.low), TOP + tall * (1 - one.high)
        parts += [
            f'<path class="whisker" d="M{x:.1f} {low:.1f}V{high:.1f}"/>' if low != high else "",
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5">'
            f"<title>{escape(_short(one.name, 80))}: {100 * one.score:.1f} %, ${cost:.4g}</title></circle>",
        ]
        if len(known) <= 6:
            below = sum(other < cost for _, other in known) % 2  # so that neighbours don't cover each other
            parts.append(_text(x + 8, y + (16 if below else -7), _short(one.name)))
    return _svg(HEIGHT, parts, f"Score against cost, {len(known)} points")


def histogram(seconds: Sequence[float], *, buckets: int = 24) -> str:
    """How many samples took how long, in seconds."""
    top = _round_up(max(seconds, default=1.0) or 1.0)
    counts = [0] * buckets
    for one in seconds:
        counts[min(buckets - 1, floor(one / top * buckets))] += 1
    most = max(counts) or 1
    reach, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    wide = reach / buckets
    parts = [_level(TOP + tall * (1 - i / 2), f"{most * i / 2:g}") for i in range(3)]
    parts += [
        _text(LEFT + reach * i / 4, HEIGHT - 18, f"{_tick(top * i / 4)} s", anchor="middle") for i in range(5)
    ]
    for i, count in enumerate(counts):
        high = tall * count / most
        parts.append(
            f'<rect class="bar" x="{LEFT + wide * i + 1:.1f}" y="{TOP + tall - high:.1f}" '
            f'width="{wide - 2:.1f}" height="{high:.1f}"><title>{count_of(count, "sample")}</title></rect>'
        )
    return _svg(HEIGHT, parts, f"Seconds of {count_of(len(seconds), 'sample')}")


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    inside = "".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label[:400], quote=True)}">'
        f"{inside}</svg>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _grid(x: float, top: float, bottom: float, label: str) -> str:
    line = f'<path class="grid" d="M{x:.1f} {top:g}V{bottom:g}"/>'
    return line + _text(x, bottom + 18, label, anchor="middle")


def _level(y: float, label: str) -> str:
    line = f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    return line + _text(LEFT - 10, y + 4, label, anchor="end")


def _short(name: str, width: int = 24) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _tick(value: float) -> str:
    """Three digits, and never an exponent that would have to be worked out."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** floor(log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))
