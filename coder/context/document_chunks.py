"""Cut documents into chunks: by headings, by definitions, or by paragraphs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_CHUNK = 1_500
"""Longest chunk in characters, unless one line is longer."""
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_UNDERLINE = re.compile(r"^([=\-~^\"'`#*+])\1{2,}\s*$")
"""Line below a heading of reStructuredText or Markdown."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document."""

    path: str
    line: int
    """The first line, from 1."""
    title: str
    """Headings or name above the text; may be empty."""
    text: str


def chunks_by_heading(path: str, text: str) -> list[Chunk]:
    """Cut Markdown or reStructuredText at its headings; a long section is cut at blank lines."""
    lines = text.split("\n")
    chunks: list[Chunk] = []
    for start, end, title in _sections(lines):
        chunks += _pieces(path, lines[start:end], first=start + 1, title=title)
    return chunks


def chunks_by_definition(path: str, text: str, definitions: Sequence[tuple[str, int]]) -> list[Chunk]:
    """Cut source code at its definitions; `definitions` has each name with its line, from 1.

    A title holds the names of the definitions around it, by their indentation, too.
    """
    lines = text.split("\n")
    titles: dict[int, str] = {1: ""}
    around: list[tuple[int, str]] = []
    for name, line in sorted(definitions, key=lambda definition: definition[1]):
        if not 1 <= line <= len(lines) or titles.get(line):
            continue
        indent = len(lines[line - 1]) - len(lines[line - 1].lstrip())
        around = [(outer_indent, outer) for outer_indent, outer in around if outer_indent < indent]
        around.append((indent, name))
        titles[line] = " > ".join(name for _, name in around)
    starts = sorted(titles)
    chunks: list[Chunk] = []
    for start, end in pairwise([*starts, len(lines) + 1]):
        chunks += _pieces(path, lines[start - 1 : end - 1], first=start, title=titles[start])
    return chunks


def chunks_by_paragraph(path: str, text: str) -> list[Chunk]:
    """Cut other text at blank lines."""
    return _pieces(path, text.split("\n"), first=1, title="")


def _sections(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and title of each section; the title holds the headings above, too."""
    start, title, is_code = 0, "", False
    above: list[tuple[int, str]] = []
    underlines: list[str] = []
    for index, line in enumerate(lines):
        if _FENCE.match(line):
            is_code = not is_code
        if is_code:
            continue
        heading = _HEADING.match(line)
        if heading:
            level, words = len(heading[1]), heading[2]
        elif index and _UNDERLINE.match(line) and _is_heading(lines, index):
            if line[0] not in underlines:
                underlines.append(line[0])
            level, words, index = underlines.index(line[0]) + 1, lines[index - 1].strip(), index - 1
        else:
            continue
        if index > start:
            yield start, index, title
        above = [(above_level, above_words) for above_level, above_words in above if above_level < level]
        above.append((level, words))
        start, title = index, " > ".join(words for _, words in above)
    if len(lines) > start:
        yield start, len(lines), title


def _is_heading(lines: Sequence[str], index: int) -> bool:
    """Return whether the line above an underline is a heading: not blank, and not longer."""
    words = lines[index - 1].strip()
    return bool(words) and len(words) <= len(lines[index].strip()) and not _UNDERLINE.match(words)


def _pieces(path: str, lines: Sequence[str], *, first: int, title: str) -> list[Chunk]:
    """Return lines as chunks of limited length, cut at a blank line if there is one."""
    chunks: list[Chunk] = []
    begin = 0
    while begin < len(lines):
        end, size, blank = begin, 0, 0
        while end < len(lines) and (end == begin or size + len(lines[end]) < MAX_CHUNK):
            size += len(lines[end]) + 1
            end += 1
            if end < len(lines) and not lines[end].strip():
                blank = end
        if end < len(lines) and blank > begin:
            end = blank
        start = next((number for number in range(begin, end) if lines[number].strip()), end)
        if start < end:
            text = "\n".join(lines[start:end]).rstrip("\n")
            chunks.append(Chunk(path, first + start, title, text))
        begin = end
    return chunks
