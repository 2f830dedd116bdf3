"""Bytes of a program made harmless for a terminal piece by piece, as `printable` does with a whole text."""

import codecs
import re

from coder.text.sanitize import printable

_LONGEST = 4096
"""Characters of a sequence that hasn't ended; a longer one is no sequence, and its text is shown."""
_UNFINISHED = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*\x1b?"
    r"|\x1b[ -/]*)\Z"
)


class StreamSanitizer:
    """Takes one stream; a sequence, or a character, that is cut between two pieces is waited for."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def strip(self, chunk: bytes, *, last: bool = False) -> str:
        """What of the stream so far may be shown and hasn't been."""
        text = self._held + self._decoder.decode(chunk, last)
        start = max(0, len(text) - _LONGEST)
        unfinished = None if last else _UNFINISHED.search(text, start)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return printable(text[:cut])
