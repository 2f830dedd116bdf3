"""EditedFile: a file's lines with hunks applied at the places where they were located."""

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import groupby

from coder.edits.edit import Hunk, Sign
from coder.edits.lines import BOM, bare, end_of, joined, split_lines, usual_end
from coder.edits.locate import HunkPlace

_MAX_COMPARED = 1_000_000
"""Maximum product of removed and added lines to compare with each other."""


@dataclass(order=True, slots=True)
class _Span:
    """Old lines from start to end, and the new lines that replace them."""

    start: int
    end: int
    order: int
    new: list[str] = field(compare=False)


class EditedFile:
    """One file without BOM, and hunks that were located in its original lines."""

    def __init__(self, text: str) -> None:
        self._mark = BOM if text.startswith(BOM) else ""
        self.lines = split_lines(text.removeprefix(BOM))
        self._end = usual_end(self.lines)
        self._spans: list[_Span] = []
        self._added = 0

    @property
    def is_touched(self) -> bool:
        """Whether any hunk was applied."""
        return bool(self._spans)

    def unmarked(self, hunk: Hunk) -> Hunk:
        """Return a hunk without the file's byte order mark."""
        if not self._mark or not any(line.startswith(BOM) for _, line in hunk.lines):
            return hunk
        # A line with only the mark is dropped, because the file is otherwise empty.
        lines = tuple((sign, line.removeprefix(BOM)) for sign, line in hunk.lines if line != BOM)
        return replace(hunk, lines=lines)

    def put(self, hunk: Hunk, place: HunkPlace) -> bool:
        """Apply a hunk; return False, without effect, if it overlaps lines that another hunk has changed."""
        spans = self._runs(hunk, place)
        if any(_overlap(span, other) for span in spans for other in self._near(span)):
            return False
        for span in spans:
            insort(self._spans, span)
        return True

    def text(self) -> str:
        """Return the file with all hunks applied."""
        copied = 0
        parts: list[str] = []
        for span in self._spans:
            parts += self.lines[copied : span.start]
            parts += span.new
            copied = max(copied, span.end)
        return self._mark + joined(parts + self.lines[copied:], self._end)

    def _runs(self, hunk: Hunk, place: HunkPlace) -> list[_Span]:
        """Return the changed lines of a hunk as spans, without its context lines."""
        spans: list[_Span] = []
        line_number = place.start
        is_open = False
        for sign, line in hunk.lines if place.exact else _changed_lines(hunk.lines):
            if sign == " ":
                line_number, is_open = line_number + 1, False
                continue
            if not is_open:
                self._added += 1
                spans.append(_Span(line_number, line_number, self._added, []))
                is_open = True
            if sign == "-":
                line_number += 1
                spans[-1].end = line_number
            else:
                spans[-1].new.append(line)
        for span in spans:
            span.new = self._fit(span, place)
        return spans

    def _fit(self, span: _Span, place: HunkPlace) -> list[str]:
        """Return new lines with the indentation and the line ends of those that they replace or follow."""
        new = span.new
        if place.exact or not new:
            return new
        near = self.lines[span.start : span.end] or self.lines[max(span.start - 1, 0) :][:1]
        ends = [end_of(line) or self._end for line in near] or [self._end]
        ends += ends[-1:] * (len(new) - len(ends))
        shifted = [place.shift.applied(line) if place.shift else line for line in new]
        fitted_lines = [bare(line) + end for line, end in zip(shifted, ends, strict=False)]
        has_no_end = not new[-1].endswith("\n")  # only if the answer says so
        is_last = span.end == len(self.lines) and self.lines
        if is_last and (has_no_end or not self.lines[-1].endswith("\n")):
            fitted_lines[-1] = bare(fitted_lines[-1])
        return fitted_lines

    def _near(self, span: _Span) -> Iterator[_Span]:
        """Yield spans that may overlap a span; they are sorted and disjoint, so few are examined."""
        index = bisect_right(self._spans, span.end, key=lambda other: other.start) - 1
        while index >= 0 and self._spans[index].end >= span.start:
            yield self._spans[index]
            index -= 1


def _changed_lines(lines: Sequence[tuple[Sign, str]]) -> Iterator[tuple[Sign, str]]:
    """Yield a hunk's lines; a line that is both removed and added again is context, so that it stays.

    The file's line may differ from it by blanks, dashes or its end, which the answer doesn't mean to change.
    """
    for is_context, group in groupby(lines, lambda line: line[0] == " "):
        signed_lines = list(group)
        old = [text for sign, text in signed_lines if sign == "-"]
        new = [text for sign, text in signed_lines if sign == "+"]
        if is_context or len(old) * len(new) > _MAX_COMPARED:
            yield from signed_lines
            continue
        for kind, start, end, new_start, new_end in SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes():
            if kind == "equal":
                yield from ((" ", text) for text in old[start:end])
                continue
            yield from (("-", text) for text in old[start:end])
            yield from (("+", text) for text in new[new_start:new_end])


def _overlap(span: _Span, other: _Span) -> bool:
    """Whether two spans change the same lines, or one inserts among lines that the other removes."""
    if span.start == span.end or other.start == other.end:
        insertion, replaced = (span, other) if span.start == span.end else (other, span)
        return replaced.start < insertion.start < replaced.end
    return span.start < other.end and other.start < span.end
