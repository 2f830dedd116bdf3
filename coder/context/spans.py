"""Spans: the lines of each definition in a file, and the lines to show of a definition."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from coder.context.definition_facts import DefinitionFacts
from coder.context.docstrings import docstring_end, without_docstrings
from coder.context.quoting import Range, depth_of

MAX_LINES = 70
"""Definitions with at most this many lines (without long docstrings) are shown whole."""
_MAX_HEAD = 6
"""Lines to show of a long definition's decorators and signature."""
_WINDOW, _MAX_WINDOWS = 24, 2
"""Lines per part of a long definition, and number of parts to show."""
_MAX_ABOVE, _MAX_DECORATOR = 60, 12
"""Lines above a definition to search for its decorators, and lines to show of longer decorators."""
_MAX_CONSTRUCTOR = 40
"""Maximum lines of a constructor that is shown with its class."""
_MAX_VALUES, _MAX_VALUE = 8, 6
"""Maximum constants to show for the definitions of a file, and lines of one constant."""
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Span:
    """One definition, or the text above the first one."""

    name: str
    line: int
    depth: int
    after: int
    """Line of the next definition, which may be inside of this one."""
    extent: Range
    """The definition's lines, with decorators."""

    length: int
    """Number of lines without long docstrings."""


def spans(lines: Sequence[str], facts: DefinitionFacts) -> list[Span]:
    """Return the definitions of one file; the text above the first one is a span without a name."""
    starts = [(line, name) for name, line in facts.definitions() if line <= len(lines)]
    if lines and (not starts or starts[0][0] > 1):
        starts.insert(0, (1, ""))
    depths = [depth_of(lines[line - 1]) for line, _ in starts]
    definitions: list[Span] = []
    for index, (line, name) in enumerate(starts):
        next_line = starts[index + 1][0] if index + 1 < len(starts) else len(lines) + 1
        next_starts = (
            starts[next_index][0]
            for next_index in range(index + 1, len(starts))
            if depths[next_index] <= depths[index]
        )
        end = next(next_starts, len(lines) + 1) if name else next_line
        extent = _extent(lines, line, end)
        length = without_docstrings(lines, *extent).count("\n") + 1
        definitions.append(Span(name, line, depths[index], next_line, extent, length))
    return definitions


def shown_ranges(
    line: int,
    lines: Sequence[str],
    facts: DefinitionFacts,
    *,
    weigh: Callable[[str], float],
    most: int = MAX_LINES,
) -> list[tuple[int, Range]]:
    """Return the ranges that show the definition around a line, each with its main line.

    The outermost definition that is short enough is shown whole. Of a longer one, the signature and the part
    around the line are shown; if the line is the definition's first, the parts with the highest weight.

    Args:
        line: line number, from 1.
        weigh: returns the relevance of a line of text, from 0.
        most: maximum lines of a definition that is shown whole.
    """
    enclosing = [
        span for span in spans(lines, facts) if span.name and span.extent[0] <= line <= span.extent[1]
    ]
    for span in enclosing:
        if span.length <= most:
            return [(line, span.extent)]
    if not enclosing:
        return []
    span = enclosing[-1]
    first, last = span.extent
    before_inner = span.after - 1 if span.after - 1 < last else last
    head = (max(first, span.line - _MAX_HEAD), min(before_inner, _signature_end(lines, span.line)))
    if line > head[1]:
        return [(span.line, head), (line, _window(line, head[1] + 1, last))]
    if before_inner < last:  # a class is shown up to its first method
        last = _without_blank_end(lines, head[0], before_inner)
    begin = min(head[1] + 1, last)
    begin = min((docstring_end(lines, begin) or begin - 1) + 1, last)
    if without_docstrings(lines, head[0], last).count("\n") < min(most, _MAX_HEAD + _WINDOW):
        return [(span.line, (head[0], last))]
    main_lines = _heaviest(lines, begin, last, weigh)
    return [(span.line, head), *((main_line, _window(main_line, begin, last)) for main_line in main_lines)]


def constructor_of(line: int, lines: Sequence[str], facts: DefinitionFacts) -> int | None:
    """Return the line of a Python class's constructor if it is short; None if the line begins no class."""
    if not "".join(lines[line - 1 : line]).lstrip().startswith("class "):
        return None
    iterator = iter(spans(lines, facts))
    class_span = next((span for span in iterator if span.line == line), None)
    for span in iterator:
        if class_span is None or span.line > class_span.extent[1]:
            return None
        if span.name == "__init__":
            return span.line if span.length <= _MAX_CONSTRUCTOR else None
    return None


def values_used(ranges: Iterable[Range], lines: Sequence[str], facts: DefinitionFacts) -> list[Range]:
    """Return the lines of a file's constants, such as tables and patterns, that these ranges use."""
    ranges = list(ranges)
    used_words = {
        word for first, last in ranges for word in _WORD.findall("\n".join(lines[first - 1 : last]))
    }
    values = []
    for name, line in facts.definitions():
        is_shown = any(first <= line <= last for first, last in ranges)
        if (
            name in used_words
            and not is_shown
            and lines[line - 1 : line]
            and lines[line - 1].startswith(name)
        ):
            last = line
            while last < min(len(lines), line + _MAX_VALUE - 1) and _continues(lines[last]):
                last += 1
            values.append((line, last))
    return values[:_MAX_VALUES]


def _continues(line: str) -> bool:
    return line.startswith((" ", "\t", ")", "]", "}"))


def _extent(lines: Sequence[str], line: int, after: int) -> Range:
    """Return the lines of a definition with its decorators, without those of the next one."""
    first, depth = line, depth_of(lines[line - 1])
    for number in range(
        line - 1, max(0, line - _MAX_ABOVE), -1
    ):  # longer decorators would leave no room for the definition
        line_above = lines[number - 1]
        if depth_of(line_above) <= depth and line_above.lstrip().startswith("@"):
            first = number
        elif not (depth_of(line_above) > depth or line_above.lstrip().startswith((")", "]", "}"))):
            break  # else the line may belong to a decorator
    else:
        if line > _MAX_ABOVE:
            first = min(first, line - _MAX_DECORATOR)
    decorators = (number for number in range(line + 1, after) if lines[number - 1].lstrip().startswith("@"))
    next_decorators = (number for number in decorators if depth_of(lines[number - 1]) <= depth)
    return first, _without_blank_end(lines, line, next(next_decorators, after) - 1)


def _without_blank_end(lines: Sequence[str], first: int, last: int) -> int:
    """Return the number of the last line, before trailing blank lines and comments outside the definition."""
    depth = depth_of(lines[first - 1])
    while last > first:
        line = lines[last - 1]
        if line.strip() and not (depth_of(line) <= depth and line.lstrip().startswith(("#", "//"))):
            break
        last -= 1
    return last


def _signature_end(lines: Sequence[str], line: int) -> int:
    """Return the line that ends a definition's signature, or the first line if none is found."""
    for number in range(line, min(len(lines), line + _MAX_HEAD - 1) + 1):
        if lines[number - 1].rstrip().endswith((":", "{")):
            return number
    return line


def _window(line: int, first: int, last: int) -> Range:
    begin = max(first, min(line - _WINDOW // 2, last - _WINDOW + 1))
    return begin, min(last, begin + _WINDOW - 1)


def _heaviest(lines: Sequence[str], first: int, last: int, weigh: Callable[[str], float]) -> list[int]:
    """Return the middle lines of the heaviest windows of lines, in file order."""
    weights = [weigh(line) for line in lines[first - 1 : last]]
    middles: list[int] = []
    for _ in range(_MAX_WINDOWS):
        sums = [
            sum(weights[number : number + _WINDOW]) for number in range(max(1, len(weights) - _WINDOW + 1))
        ]
        start = max(range(len(sums)), key=lambda number: (sums[number], -number))
        if not sums[start] and middles:
            break
        middles.append(first + start + _WINDOW // 2)
        weights[start : start + _WINDOW] = [0.0] * len(weights[start : start + _WINDOW])
    return sorted(middles)
