"""Change: a file's lines with hunks put in, each at the place it was found at."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, takewhile

from coder.edits.edit import Hunk, Sign
from coder.edits.lines import BOM, bare, joined, split_lines, usual_end
from coder.edits.locate import Place


@dataclass(order=True, slots=True)
class _Span:
    """Old lines from start to end go; new ones come."""

    start: int
    end: int
    order: int
    new: list[str] = field(compare=False)


class Changed:
    """One file, and what hunks do to it. The lines that they are looked for in stay the file's own.

    A byte order mark is no part of them: nobody sees it, so that few answers have it in the first line.
    """

    def __init__(self, text: str) -> None:
        self._mark = BOM if text.startswith(BOM) else ""
        self.lines = split_lines(text.removeprefix(BOM))
        self._end = usual_end(self.lines)
        self._spans: list[_Span] = []
        self._added = 0

    @property
    def is_touched(self) -> bool:
        """Whether any hunk was put in."""
        return bool(self._spans)

    def read(self, hunk: Hunk) -> Hunk:
        """A hunk as these lines are, where its own has the mark of this file."""
        if not self._mark or not _is_marked(line for _, line in hunk.lines):
            return hunk
        # A line that is the mark alone is none: the file is empty beside it.
        lines = tuple((sign, line.removeprefix(BOM)) for sign, line in hunk.lines if line != BOM)
        return replace(hunk, lines=lines, others=tuple(self.read(other) for other in hunk.others))

    def mark_as(self, hunk: Hunk) -> None:
        """Take the byte order mark away where a hunk does."""
        if _is_marked(hunk.old) and not _is_marked(hunk.new):
            self._mark = ""

    def put(self, hunk: Hunk, place: Place) -> bool:
        """Put a hunk in; False, and nothing done, where it goes over lines that another one has changed."""
        spans = self._runs(hunk, place)
        if any(_meet(span, other) for span in spans for other in self._near(span)):
            return False
        for span in spans:
            insort(self._spans, span)
        return True

    def text(self) -> str:
        """The file with all hunks in."""
        done = 0
        parts: list[str] = []
        for span in self._spans:
            parts += self.lines[done : span.start]
            parts += span.new
            done = max(done, span.end)
        return self._mark + joined(parts + self.lines[done:], self._end)

    def _runs(self, hunk: Hunk, place: Place) -> list[_Span]:
        """The changed lines of a hunk, run by run; what stays is the file's, not the answer's."""
        spans: list[_Span] = []
        at = place.start
        is_open = False
        lines = hunk.lines if place.aligned else as_there(hunk, self.lines[place.start : place.end])
        for sign, line in lines:
            if sign == " ":
                at, is_open = at + 1, False
                continue
            if not is_open:
                spans.append(self._span(at, at))
                is_open = True
            if sign == "-":
                at += 1
                spans[-1].end = at
            else:
                spans[-1].new.append(line)
        for span in spans:
            span.new = self._fitted(span.new, place, span.end)
        return spans

    def _span(self, start: int, end: int) -> _Span:
        self._added += 1
        return _Span(start, end, self._added, [])

    def _fitted(self, new: Sequence[str], place: Place, end: int) -> list[str]:
        """New lines as the file would have them: its line ends and its indentation."""
        if place.exact:
            return list(new)
        fitted = [bare(place.shift.applied(line) if place.shift else line) + self._end for line in new]
        has_no_end = bool(new) and not new[-1].endswith("\n")  # only where the answer says so
        is_last = end == len(self.lines) and self.lines
        if fitted and is_last and (has_no_end or not self.lines[-1].endswith("\n")):
            fitted[-1] = bare(fitted[-1])
        return fitted

    def _near(self, span: _Span) -> Iterator[_Span]:
        """Those that may meet it. They are in order and apart, so that few are looked at."""
        i = bisect_right(self._spans, span.end, key=lambda other: other.start) - 1
        while i >= 0 and self._spans[i].end >= span.start:
            yield self._spans[i]
            i -= 1


def _is_marked(lines: Iterable[str]) -> bool:
    return any(line.startswith(BOM) for line in lines)


def _meet(one: _Span, other: _Span) -> bool:
    """Whether two spans change the same lines, or one puts lines into those that the other removes."""
    if one.start == one.end or other.start == other.end:
        first, second = (one, other) if one.start == one.end else (other, one)
        return second.start < first.start < second.end
    return one.start < other.end and other.start < one.end


def as_there(hunk: Hunk, there: Sequence[str]) -> tuple[tuple[Sign, str], ...]:
    """The lines of a hunk, with exactly these old ones.

    The hunk may have more or fewer blank lines than the file: those that it left out stay, and those that it
    has in addition remove nothing.

    Args:
        hunk: its old lines are those of the file, but for blank ones.
        there: the file's lines, from the first to the last that isn't blank.
    """
    signed: list[tuple[Sign, str]] = []
    left_out: set[int] = set()
    at = 0
    last: Sign = " "
    for sign, line in hunk.lines:
        if sign == "+":
            signed.append((sign, line))
            continue
        while line.strip() and not there[at].strip():  # between lines that go it goes too
            left_out.add(len(signed))
            signed.append(("-" if sign == last == "-" else " ", there[at]))
            at += 1
        if at < len(there) and (line.strip() or not there[at].strip()):
            signed.append((sign, there[at]))
            at += 1
        last = sign
    for i in list(_replaced(signed, left_out)):
        signed[i] = ("-", signed[i][1])
    return tuple(signed)


def _replaced(signed: Sequence[tuple[Sign, str]], left_out: set[int]) -> Iterator[int]:
    """Those left out beside new lines that begin or end with blank ones: these stand for them."""
    for is_change, run in groupby(range(len(signed)), key=lambda i: signed[i][0] != " "):
        changed = list(run)
        new = [signed[i][1] for i in changed if signed[i][0] == "+"]
        if not is_change or not new:
            continue
        if not new[0].strip():
            yield from takewhile(left_out.__contains__, range(changed[0] - 1, -1, -1))
        if not new[-1].strip():
            yield from takewhile(left_out.__contains__, range(changed[-1] + 1, len(signed)))
