"""Describe edits that don't fit, with the most similar lines of the file."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from unicodedata import category, name, normalize

from coder.base.text.sanitize import count_of
from coder.edits.edit import Hunk, Slip
from coder.edits.lines import bare
from coder.edits.syntax import block, numbered

NOT_THERE = "an edit doesn't fit: its lines aren't there."
_MARGIN = 2
_MIN_SIMILARITY = 0.3
"""Minimum similarity (0 to 1) of quoted lines."""
_MAX_LINE, _MAX_LINES, _MAX_WORDS = 400, 400, 400
"""Maximum characters of a line, lines of a hunk and words of a place to compare."""
_SEARCH_LINES, _MAX_COMPARED = 3, 8
"""Number of a hunk's longest lines with which places are found, and of places to compare."""

_MAX_SHOWN = 3
"""Maximum places to quote if a hunk fits several."""

_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Zs"))
"""Unicode's general categories of blanks, formats and marks that join the character before them."""
_WORD = re.compile(r"\w+|[^\w\s]")


def miss(path: str, hunk: Hunk, reason: str, excerpt: str = "") -> Slip:
    """Describe a hunk that was not applied."""
    old_lines = [bare(line) for line in hunk.old]
    quotation = f"The lines to be replaced were:\n{block(old_lines)}" if old_lines else ""
    return Slip(f"`{path}`: {reason}", path, lines=quotation, near=excerpt)


def summarize_misses(misses: Sequence[Slip], *, others: int = 0) -> str:
    """Return the first miss in a sentence, and the number of others."""
    other_count = len(misses) + others - 1
    return f"{misses[0].text} (and {other_count} more)" if other_count else misses[0].text


def reported(misses: Sequence[Slip], *, others: int = 0, changed_files: Sequence[str] = ()) -> str:
    """Return the message about an answer with edits that were not made.

    Args:
        others: number of edits besides the misses that were not made.
        changed_files: files in which the other edits were made.
    """
    parts = [f"{number}. {_describe(slip)}" for number, slip in enumerate(misses, start=1)]
    if others:
        reason = "do not fit either" if changed_files else "not tried after these"
        parts.append(f"{count_of(others, 'more edit')} of your answer: {reason}.")
    listing = "\n".join(parts)
    if changed_files:
        paths = ", ".join(f"`{path}`" for path in changed_files)
        return (
            f"Some of your edits could not be made. All others are made, in {paths}.\n{listing}\n"
            "Answer with these edits alone, each with lines that are in the file word for word."
        )
    return (
        "Your edits could not be made, so none of them was: the files are as they were.\n"
        f"{listing}\n"
        "Answer with all of your edits again, each with lines that are in the file word for word."
    )


def _describe(slip: Slip) -> str:
    quotation = "\n".join(filter(None, [slip.lines, slip.near]))
    return f"{slip.text} {quotation}".rstrip()


def around(lines: Sequence[str], places: Sequence[range]) -> str:
    """Return the file's lines around the first few of these places."""
    excerpts = [numbered(lines, place.start - _MARGIN, place.stop + _MARGIN) for place in places[:_MAX_SHOWN]]
    return "\n".join(["The file's lines there are:", *excerpts])


def nearest(lines: Sequence[str], old: Sequence[str]) -> str:
    """Return the file's lines that are most similar to `old`, or an empty text, in linear time."""
    file_lines, old_lines = _stripped(lines), _stripped(old[:_MAX_LINES])
    if not any(old_lines) or not file_lines:
        return ""
    shared_words: Counter[int] = Counter()
    for offset in sorted(range(len(old_lines)), key=lambda index: len(old_lines[index]))[-_SEARCH_LINES:]:
        words = set(old_lines[offset].split())
        for index, line in enumerate(file_lines):
            shared_words[max(0, index - offset)] += len(words.intersection(line.split()))
    size = len(old_lines)
    similarity = {
        start: _similarity(file_lines[start : start + size], old_lines)
        for start, _ in shared_words.most_common(_MAX_COMPARED)
    }
    best = max(sorted(similarity), key=similarity.__getitem__)
    if similarity[best] < _MIN_SIMILARITY:
        return ""
    shown = f"The nearest lines of the file are:\n{numbered(lines, best - _MARGIN, best + size + _MARGIN)}"
    return f"{shown}\n{unseen}" if (unseen := _unseen(lines[best : best + size], old, best + 1)) else shown


def _unseen(file_lines: Sequence[str], old_lines: Sequence[str], number: int) -> str:
    """Return the first difference of lines that look the same; "" if there is none.

    Args:
        number: line number of the first of the file's lines.
    """
    for at, (present, answered) in enumerate(zip(map(bare, file_lines), map(bare, old_lines), strict=False)):
        if present == answered or _visible(present) != _visible(answered):
            continue
        same = next(n for n, pair in enumerate(zip_longest(present, answered)) if pair[0] != pair[1])
        same = min(len(line[:same].rstrip(" \t")) for line in (present, answered))
        there, given = _name(present[same:]), _name(answered[same:])
        return f"Line {number + at} looks like yours, but has {there} where yours has {given}."
    return ""


def _visible(line: str) -> str:
    return "".join(char for char in normalize("NFKC", line) if category(char) not in _UNSEEN)


def _name(text: str) -> str:
    """Return the name of a text's first character; of blanks and tabs, also how many there are."""
    if not text or text[0].isalnum():
        return "no blank"
    word = {"\t": "tab", " ": "blank"}.get(text[0])
    count = len(text) - len(text.lstrip(text[0]))
    return count_of(count, word) if word is not None else name(text[0], f"U+{ord(text[0]):04X}")


def _stripped(lines: Sequence[str]) -> list[str]:
    return [line.strip()[:_MAX_LINE] for line in lines]


def _similarity(file_lines: Sequence[str], old_lines: Sequence[str]) -> float:
    # Words are compared, because comparing characters takes seconds for each miss.
    file_words, old_words = (_WORD.findall("\n".join(side))[:_MAX_WORDS] for side in (file_lines, old_lines))
    return SequenceMatcher(None, file_words, old_words, autojunk=False).ratio()
