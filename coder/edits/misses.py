"""Describe edits that don't fit, with the most similar lines of the file."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

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
    return f"The nearest lines of the file are:\n{numbered(lines, best - _MARGIN, best + size + _MARGIN)}"


def _stripped(lines: Sequence[str]) -> list[str]:
    return [line.strip()[:_MAX_LINE] for line in lines]


def _similarity(file_lines: Sequence[str], old_lines: Sequence[str]) -> float:
    # Words are compared, because comparing characters takes seconds for each miss.
    file_words, old_words = (_WORD.findall("\n".join(side))[:_MAX_WORDS] for side in (file_lines, old_lines))
    return SequenceMatcher(None, file_words, old_words, autojunk=False).ratio()
