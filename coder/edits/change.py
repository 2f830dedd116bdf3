"""Change: a file's lines with hunks applied, each at the place where it was found."""

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from coder.edits.edit import Hunk
from coder.edits.lines import BOM, bare, joined, split_lines, usual_end
from coder.edits.locate import HunkPlace


@dataclass(order=True, slots=True)
class _Span:
    """Replace old lines from start to end with new ones."""

    start: int
    end: int
    order: int
    new: list[str] = field(compare=False)


class EditedFile:
    """One file with hunks, which are located in its original lines, without a BOM."""

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
        """A hunk without the byte order mark of this file."""
        if not self._mark or not any(line.startswith(BOM) for _, line in hunk.lines):
            return hunk
        # A line with only the mark counts as no line: the file is otherwise empty.
        lines = tuple((sign, line.removeprefix(BOM)) for sign, line in hunk.lines if line != BOM)
        return replace(hunk, lines=lines)

    def put(self, hunk: Hunk, place: HunkPlace) -> bool:
        """Apply a hunk; False, without effect, if it overlaps lines that another one has changed."""
        spans = self._runs(hunk, place)
        if any(_meet(span, other) for span in spans for other in self._near(span)):
            return False
        for span in spans:
            insort(self._spans, span)
        return True

    def text(self) -> str:
        """The file with all hunks applied."""
        done = 0
        parts: list[str] = []
        for span in self._spans:
            parts += self.lines[done : span.start]
            parts += span.new
            done = max(done, span.end)
        return self._mark + joined(parts + self.lines[done:], self._end)

    def _runs(self, hunk: Hunk, place: HunkPlace) -> list[_Span]:
        """The changed lines of a hunk, run by run; context lines stay the file's, not the answer's."""
        spans: list[_Span] = []
        at = place.start
        is_open = False
        for sign, line in hunk.lines:
            if sign == " ":
                at, is_open = at + 1, False
                continue
            if not is_open:
                self._added += 1
                spans.append(_Span(at, at, self._added, []))
                is_open = True
            if sign == "-":
                at += 1
                spans[-1].end = at
            else:
                spans[-1].new.append(line)
        for span in spans:
            span.new = self._fitted(span.new, place, span.end)
        return spans

    def _fitted(self, new: Sequence[str], place: HunkPlace, end: int) -> list[str]:
        """New lines with the file's line ends and indentation."""
        if place.exact:
            return list(new)
        fitted = [bare(place.shift.applied(line) if place.shift else line) + self._end for line in new]
        has_no_end = bool(new) and not new[-1].endswith("\n")  # only where the answer says so
        is_last = end == len(self.lines) and self.lines
        if fitted and is_last and (has_no_end or not self.lines[-1].endswith("\n")):
            fitted[-1] = bare(fitted[-1])
        return fitted

    def _near(self, span: _Span) -> Iterator[_Span]:
        """Spans that may meet it: as they are sorted and disjoint, few are examined."""
        i = bisect_right(self._spans, span.end, key=lambda other: other.start) - 1
        while i >= 0 and self._spans[i].end >= span.start:
            yield self._spans[i]
            i -= 1


def _meet(one: _Span, other: _Span) -> bool:
    """Whether two spans change the same lines, or one inserts among lines that the other removes."""
    if one.start == one.end or other.start == other.end:
        first, second = (one, other) if one.start == one.end else (other, one)
        return second.start < first.start < second.end
    return one.start < other.end and other.start < one.end
