"""Spans: the lines of each definition of a file, and which of them a prompt shows."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from coder.context.definition_facts import DefinitionFacts
from coder.context.docstrings import docstring_end, without_docstrings
from coder.context.quoting import Range, depth_of

MOST_LINES = 70
"""Of a definition that is shown whole, without its long docstrings."""
_MOST_OF_HEAD = 6
"""Lines of a long definition's decorators and signature."""
_WINDOW, _MOST_WINDOWS = 24, 2
"""Lines of a part of a long definition, and how many parts are shown."""
_MOST_ABOVE, _MOST_OF_A_TABLE = 60, 12
"""Lines above a definition that are searched for its decorators, and shown of one that is longer."""
_MOST_OF_A_CONSTRUCTOR = 40
"""Lines of one that is shown with its class."""
_MOST_VALUES, _MOST_OF_A_VALUE = 8, 6
"""Values that shown definitions of a file use, and lines of one."""
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Span:
    """One definition, or what stands above the first."""

    name: str
    line: int
    depth: int
    after: int
    """Line of the next definition, which may be inside of this one."""
    extent: Range
    """Its lines, decorators included."""

    length: int
    """Number of lines that are shown for all of it, long docstrings left out."""


def spans(lines: Sequence[str], facts: DefinitionFacts) -> list[Span]:
    """The definitions of one file, and what stands above the first, without a name."""
    starts = [(line, name) for name, line in facts.definitions() if line <= len(lines)]
    if lines and (not starts or starts[0][0] > 1):
        starts.insert(0, (1, ""))
    depths = [depth_of(lines[line - 1]) for line, _ in starts]
    definitions: list[Span] = []
    for i, (line, name) in enumerate(starts):
        after = starts[i + 1][0] if i + 1 < len(starts) else len(lines) + 1
        beside = (starts[j][0] for j in range(i + 1, len(starts)) if depths[j] <= depths[i])
        end = next(beside, len(lines) + 1) if name else after
        extent = _extent(lines, line, end)
        length = without_docstrings(lines, *extent).count("\n") + 1
        definitions.append(Span(name, line, depths[i], after, extent, length))
    return definitions


def shown_ranges(
    line: int,
    lines: Sequence[str],
    facts: DefinitionFacts,
    *,
    weigh: Callable[[str], float],
    most: int = MOST_LINES,
) -> list[tuple[int, Range]]:
    """The ranges that show what is defined around a line, each with the line that it is about.

    The outermost definition that is short enough is shown whole. A longer one is shown by its signature and
    by the part around the line; where the line is the definition's own, by the parts with the most weight.

    Args:
        line: its number, from 1.
        weigh: how telling a line of text is; 0 is not at all.
        most: lines of a definition that is shown whole.
    """
    around = [span for span in spans(lines, facts) if span.name and span.extent[0] <= line <= span.extent[1]]
    for span in around:
        if span.length <= most:
            return [(line, span.extent)]
    if not around:
        return []
    span = around[-1]
    first, last = span.extent
    above = span.after - 1 if span.after - 1 < last else last
    head = (max(first, span.line - _MOST_OF_HEAD), min(above, _signature_end(lines, span.line)))
    if line > head[1]:
        return [(span.line, head), (line, _window(line, head[1] + 1, last))]
    if above < last:  # of a class, what stands above its first method
        last = _without_blank_end(lines, head[0], above)
    begin = min(head[1] + 1, last)
    begin = min((docstring_end(lines, begin) or begin - 1) + 1, last)
    if without_docstrings(lines, head[0], last).count("\n") < min(most, _MOST_OF_HEAD + _WINDOW):
        return [(span.line, (head[0], last))]
    hits = _heaviest(lines, begin, last, weigh)
    return [(span.line, head), *((hit, _window(hit, begin, last)) for hit in hits)]


def constructor_of(line: int, lines: Sequence[str], facts: DefinitionFacts) -> int | None:
    """The line of a Python class's constructor, if that is short; None where the line begins no class."""
    if not "".join(lines[line - 1 : line]).lstrip().startswith("class "):
        return None
    inside = iter(spans(lines, facts))
    own = next((span for span in inside if span.line == line), None)
    for span in inside:
        if own is None or span.line > own.extent[1]:
            return None
        if span.name == "__init__":
            return span.line if span.length <= _MOST_OF_A_CONSTRUCTOR else None
    return None


def values_used(ranges: Iterable[Range], lines: Sequence[str], facts: DefinitionFacts) -> list[Range]:
    """Lines of the file's constants, such as tables and patterns, that these ranges use."""
    ranges = list(ranges)
    used = {word for first, last in ranges for word in _WORD.findall("\n".join(lines[first - 1 : last]))}
    values = []
    for name, line in facts.definitions():
        is_shown = any(first <= line <= last for first, last in ranges)
        if name in used and not is_shown and lines[line - 1 : line] and lines[line - 1].startswith(name):
            last = line
            while last < min(len(lines), line + _MOST_OF_A_VALUE - 1) and _continues(lines[last]):
                last += 1
            values.append((line, last))
    return values[:_MOST_VALUES]


def _continues(line: str) -> bool:
    return line.startswith((" ", "\t", ")", "]", "}"))


def _extent(lines: Sequence[str], line: int, after: int) -> Range:
    """A definition with its decorators, without what belongs to the next one."""
    first, depth = line, depth_of(lines[line - 1])
    for n in range(line - 1, max(0, line - _MOST_ABOVE), -1):  # a longer table would leave no room for it
        above = lines[n - 1]
        if depth_of(above) <= depth and above.lstrip().startswith("@"):
            first = n
        elif not (depth_of(above) > depth or above.lstrip().startswith((")", "]", "}"))):
            break  # else it may be the table of a decorator
    else:
        if line > _MOST_ABOVE:
            first = min(first, line - _MOST_OF_A_TABLE)
    decorators = (n for n in range(line + 1, after) if lines[n - 1].lstrip().startswith("@"))
    beside = (n for n in decorators if depth_of(lines[n - 1]) <= depth)
    return first, _without_blank_end(lines, line, next(beside, after) - 1)


def _without_blank_end(lines: Sequence[str], first: int, last: int) -> int:
    """The last line that isn't blank, nor a comment of what surrounds a definition."""
    depth = depth_of(lines[first - 1])
    while last > first:
        line = lines[last - 1]
        if line.strip() and not (depth_of(line) <= depth and line.lstrip().startswith(("#", "//"))):
            break
        last -= 1
    return last


def _signature_end(lines: Sequence[str], line: int) -> int:
    """The line that ends a definition's signature; a few lines on where none seems to."""
    for n in range(line, min(len(lines), line + _MOST_OF_HEAD - 1) + 1):
        if lines[n - 1].rstrip().endswith((":", "{")):
            return n
    return line


def _window(line: int, first: int, last: int) -> Range:
    begin = max(first, min(line - _WINDOW // 2, last - _WINDOW + 1))
    return begin, min(last, begin + _WINDOW - 1)


def _heaviest(lines: Sequence[str], first: int, last: int, weigh: Callable[[str], float]) -> list[int]:
    """The lines with the most weight around them, in the order of the file."""
    weights = [weigh(line) for line in lines[first - 1 : last]]
    middles: list[int] = []
    for _ in range(_MOST_WINDOWS):
        sums = [sum(weights[n : n + _WINDOW]) for n in range(max(1, len(weights) - _WINDOW + 1))]
        at = max(range(len(sums)), key=lambda n: (sums[n], -n))
        if not sums[at] and middles:
            break
        middles.append(first + at + _WINDOW // 2)
        weights[at : at + _WINDOW] = [0.0] * len(weights[at : at + _WINDOW])
    return sorted(middles)
