"""WordStream: the words of an answer as they arrive, without fenced code and edits.

Words behind the first omitted block are held back until the next event tells what the answer was: beside
edits they are shown then; an answer in words is shown whole at the end of the message, from the block on.
"""

import re

from coder.base.text.sanitize import StreamSanitizer
from coder.run.event_types import Body, Spoken
from coder.run.message import ReplyMessage

_OPENS = re.compile(
    r" {0,3}(?:(?P<fence>`{3,}|~{3,})|(?P<search><{5,9} ?SEARCH)|(?P<patch>\*{3} Begin Patch))"
)
_MAY_OPEN = re.compile(r" {0,3}(?:`{0,2}|~{0,2}|<{0,9} ?S?E?A?R?C?|\*{0,3} ?B?e?g?i?n? ?P?a?t?c?)\Z")
_CLOSES = {"search": re.compile(r"\s*>{5,9} ?REPLACE"), "patch": re.compile(r"\s*\*{3} End Patch")}


class WordStream:
    """Takes an answer in pieces; `feed` returns text that is safe to print on a terminal."""

    def __init__(self, *, with_code: bool = False) -> None:
        """Begin an answer.

        Args:
            with_code: whether to keep code, as in answers that only explain.
        """
        self._with_code = with_code
        self.text = ""
        """All text returned so far."""
        self._stripper = StreamSanitizer()
        self._line = ""
        """The part of the current line that may still begin or end a block."""
        self._is_returning_line = False
        """Whether the current line is being returned."""
        self._closes: re.Pattern[str] | None = None
        """Pattern that ends the omitted block; None outside of blocks."""
        self._blanks = ""
        """Whitespace that is returned only if more words follow."""
        self._late: str | None = None
        """The words behind the first omitted block; None before it."""
        self._has_ended = False

    def feed(self, piece: str) -> str:
        """Return the new words that can be shown after this piece."""
        return self._read(self._stripper.strip(piece.encode("utf-8", "replace")))

    def end(self) -> str:
        """Return the text that was held back."""
        remaining = self._read(self._stripper.strip(b"", last=True))
        if self._closes is None:
            remaining += self._give(self._line)
        self._line, self._has_ended = "", True
        return remaining

    def take_late(self, body: Body) -> str:
        """Return the words that were held back, at the first event behind the answer's end.

        Args:
            body: the event; if it says that the answer is in words, nothing is returned.
        """
        if not (self._has_ended and self._late):
            return ""
        late, self._late = self._late, ""
        if isinstance(body, Spoken) and isinstance(body.message, ReplyMessage):
            return ""
        self.text += late
        return late

    def _read(self, text: str) -> str:
        return "".join(self._take(part) for part in text.splitlines(keepends=True))

    def _take(self, part: str) -> str:
        """Process a line, or a part of it."""
        is_complete = part[-1] == "\n"
        if self._with_code or self._is_returning_line:
            self._is_returning_line = not is_complete
            return self._give(part)
        self._line += part
        if self._closes is not None:
            if is_complete:
                self._closes = None if self._closes.match(self._line) else self._closes
                self._line = ""
            return ""
        if (opening := _OPENS.match(self._line)) is not None:
            return self._leave_out(opening, is_complete=is_complete)
        if not is_complete and _MAY_OPEN.match(self._line):
            return ""
        line, self._line, self._is_returning_line = self._line, "", not is_complete
        return self._give(line)

    def _leave_out(self, opening: re.Match[str], *, is_complete: bool) -> str:
        """Begin to omit a block, including the rest of this line."""
        if (fence := opening["fence"]) is not None:
            self._closes = re.compile(rf" {{0,3}}{fence[0]}{{{len(fence)},}}\s*$")
        else:
            self._closes = _CLOSES[opening.lastgroup or ""]
        # The opening line of a fence can't close it, so the rest of the line is marked.
        self._line = "" if is_complete else "-"
        self._blanks = ""
        said = self.text + (self._late or "")
        ending = self._emit("\n") if said and not said.endswith("\n") else ""
        self._late = self._late or ""
        return ending

    def _give(self, text: str) -> str:
        text_without_blanks = text.rstrip()
        if not text_without_blanks:
            self._blanks += text
            return ""
        has_words = self.text or self._late
        words = (self._blanks + text_without_blanks) if has_words else text_without_blanks.lstrip()
        self._blanks = text[len(text_without_blanks) :]
        return self._emit(words)

    def _emit(self, words: str) -> str:
        """Return words that can be shown now; behind an omitted block, hold them back."""
        if self._late is not None:
            self._late += words
            return ""
        self.text += words
        return words


def unshown(words: str, shown: str) -> str:
    """Return the part of an answer that `shown`, its words as they arrived, doesn't contain.

    The words with which the model called `done` follow those that arrived.
    """
    return "" if words in shown else words.removeprefix(shown.rstrip()).lstrip()
