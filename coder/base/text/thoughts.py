"""Separate an answer from the thoughts that a reasoning model writes into its text.

Thoughts stand between tags such as `<think>` and `</think>`. A chat template may hold the opening tag, so
that an answer has only the closing one; an answer that was cut off has only the opening one. What a model
quotes, in code or in an edit, is no tag.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

_TAG = re.compile(
    r"(?P<margin>^[ \t]*)?(?P<tag>[<\[\u25c1](?P<close>/?)\|?(?:\w{1,20}:)?"
    r"(?P<name>think(?:ing)?|thoughts?|reasoning)\|?[>\]\u25b7])(?P<tail>[ \t\r]*$)?",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTES = frozenset("`'\"\\+-(")
"""Characters beside a tag that is quoted; a sign at the beginning of a line is a diff's."""
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_MARKER = re.compile(r"^(?:(?P<open><{5,} SEARCH)|>{5,} REPLACE)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Tag:
    start: int
    end: int
    name: str
    closes: bool
    begins_line: bool
    ends_line: bool


def without_thoughts(text: str) -> str:
    """Return an answer without its thoughts; empty if it ends within them."""
    return split_thoughts(text)[0]


def separate_thoughts(text: str, reasoning: str) -> dict[str, str]:
    """Return an answer's `text` and `reasoning` with the thoughts in its text moved to its reasoning."""
    answer, thoughts = split_thoughts(text)
    return {"text": answer, "reasoning": "\n".join(filter(None, [reasoning, thoughts]))}


def split_thoughts(text: str) -> tuple[str, str]:
    """Return an answer and its thoughts, without their tags."""
    if not (tags := _tags(text)):
        return text, ""
    last_closes = {tag.name: tag.start for tag in tags if tag.closes}
    quotations = _Quotations(text)
    parts: list[str] = []
    thoughts: list[str] = []
    start, skip_to = 0, 0
    has_quoted_tag = False
    for index, tag in enumerate(tags):
        if tag.start < skip_to:
            continue
        if tag.closes:
            if has_quoted_tag or quotations.holds_edit(tag.start):
                continue
            thoughts += [*parts, text[start : tag.start]]
            parts, start = [], tag.end
            continue
        is_first = not (parts or has_quoted_tag) and not text[start : tag.start].strip()
        is_closed = last_closes.get(tag.name, -1) > tag.start
        is_apart = tag.begins_line and (is_closed or tag.ends_line) and not quotations.holds(start, tag.start)
        if not (is_first or is_apart):
            has_quoted_tag = True
            continue
        parts.append(text[start : tag.start])
        if not is_closed:
            thoughts.append(text[tag.end :])
            start = len(text)
            break
        later_tags = (tags[later] for later in range(index + 1, len(tags)))
        close = next(later for later in later_tags if later.closes and later.name == tag.name)
        thoughts.append(text[tag.end : close.start])
        start = skip_to = close.end
    if not thoughts:
        return text, ""
    answer = "".join([*parts, text[start:]])
    return answer.lstrip("\r\n") if answer.strip() else "", "\n".join(thoughts)


def _tags(text: str) -> list[_Tag]:
    """Return the tags of thoughts in a text that aren't quoted."""
    tags: list[_Tag] = []
    for match in _TAG.finditer(text):
        start, end = match.span("tag")
        before = text[max(0, start - 3) : start]
        if _QUOTES.isdisjoint(("" if before == "```" else before[-1:]) + text[end : end + 1]):
            is_close, name = bool(match["close"]), match["name"].lower()
            is_first, is_last = match["margin"] is not None, match["tail"] is not None
            tags.append(_Tag(start, end, name, is_close, is_first, is_last))
    return tags


class _Quotations:
    """The blocks of a text: fences, and search/replace edits."""

    def __init__(self, text: str) -> None:
        self._fences = [match.start() for match in _FENCE.finditer(text)]
        self._markers = [(match.start(), match["open"] is not None) for match in _MARKER.finditer(text)]

    def holds(self, start: int, at: int) -> bool:
        """Whether a position is in a fence that opens after `start`, or in an edit."""
        fence_count = bisect_left(self._fences, at) - bisect_left(self._fences, start)
        return fence_count % 2 == 1 or self.holds_edit(at)

    def holds_edit(self, at: int) -> bool:
        """Whether a position is in an edit that is closed."""
        index = bisect_left(self._markers, (at, False))
        is_open = index > 0 and self._markers[index - 1][1]
        return is_open and index < len(self._markers) and not self._markers[index][1]
