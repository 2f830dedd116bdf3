"""Words: the text of an answer as it comes, without code in fences and edits."""

import re

from coder.base.text.sanitize import StreamSanitizer

_OPENS = re.compile(
    r" {0,3}(?:(?P<fence>`{3,}|~{3,})|(?P<search><{5,9} ?SEARCH)|(?P<patch>\*{3} Begin Patch))"
)
_MAY_OPEN = re.compile(r" {0,3}(?:`{0,2}|~{0,2}|<{0,9} ?S?E?A?R?C?|\*{0,3} ?B?e?g?i?n? ?P?a?t?c?)\Z")
_CLOSES = {"search": re.compile(r"\s*>{5,9} ?REPLACE"), "patch": re.compile(r"\s*\*{3} End Patch")}


class WordStream:
    """Takes one answer in pieces; `feed` returns text that is safe to print on a terminal."""

    def __init__(self, *, with_code: bool = False) -> None:
        """Begin an answer; with its code, where that only explains the words."""
        self._with_code = with_code
        self.heard = ""
        """All that was given out so far."""
        self._stripper = StreamSanitizer()
        self._line = ""
        """Of the line that has begun, what may still turn out to begin a block, or to end one."""
        self._in_words = False
        """The line that has begun is being given out."""
        self._closes: re.Pattern[str] | None = None
        """What ends the block that is left out; None outside of one."""
        self._blanks = ""
        """Given out only where more words follow."""

    def feed(self, piece: str) -> str:
        """What of the answer so far can be shown, and hasn't been."""
        return self._read(self._stripper.strip(piece.encode("utf-8", "replace")))

    def end(self) -> str:
        """What was held back."""
        rest = self._read(self._stripper.strip(b"", last=True))
        if self._closes is None:
            rest += self._give(self._line)
        self._line = ""
        return rest

    def _read(self, text: str) -> str:
        return "".join(self._take(part) for part in text.splitlines(keepends=True))

    def _take(self, part: str) -> str:
        """One line, or a piece of it."""
        ends = part[-1] == "\n"
        if self._with_code or self._in_words:
            self._in_words = not ends
            return self._give(part)
        self._line += part
        if self._closes is not None:
            if ends:
                self._closes = None if self._closes.match(self._line) else self._closes
                self._line = ""
            return ""
        if (opening := _OPENS.match(self._line)) is not None:
            return self._leave_out(opening, ends=ends)
        if not ends and _MAY_OPEN.match(self._line):
            return ""
        line, self._line, self._in_words = self._line, "", not ends
        return self._give(line)

    def _leave_out(self, opening: re.Match[str], *, ends: bool) -> str:
        """A block begins: it is left out to its end, and so is the rest of this line."""
        if (fence := opening["fence"]) is not None:
            self._closes = re.compile(rf" {{0,3}}{fence[0]}{{{len(fence)},}}\s*$")
        else:
            self._closes = _CLOSES[opening.lastgroup or ""]
        # The line that opens a fence can't close it: what follows its marks is kept apart from them.
        self._line = "" if ends else "-"
        self._blanks = ""
        if not self.heard or self.heard.endswith("\n"):
            return ""
        self.heard += "\n"
        return "\n"

    def _give(self, text: str) -> str:
        kept = text.rstrip()
        if not kept:
            self._blanks += text
            return ""
        words = (self._blanks + kept) if self.heard else kept.lstrip()
        self._blanks = text[len(kept) :]
        self.heard += words
        return words
