"""Make text harmless for a terminal, whole or as a stream; bytes as text, counts and near names."""

import codecs
import re
from collections.abc import Iterable
from difflib import get_close_matches

# 7 and 8 bit forms. A string without its end is no sequence: what follows it must not be hidden.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, screen
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"  # titles, links
    r"|\x1b[ -/]*[0-~]?"  # the others
)
# Controls but tab and newline, marks that turn the direction of writing, and the plane that is never drawn,
# whose tags spell texts that a model reads and a person doesn't see.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e0fff]"
)
# Half a pair can't be encoded: printing it would raise.
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without escape sequences and control characters; tabs and newlines stay."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", _SEQUENCES.sub("", text)))


def visible(text: str) -> str:
    """The text whole, for whoever approves it: what a terminal acts on or doesn't draw stands by its number.

    `printable` would leave out what a sequence holds, which may be code. Of line ends `\\r\\n` only the
    `\\n` is kept; tabs and newlines stay.
    """
    lines = text.replace("\r\n", "\n")
    return "".join(
        char if char in "\n\t" or char.isprintable() else f"\\u{{{ord(char):x}}}" for char in lines
    )


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
        """Return the text of the stream that is complete and was not returned before."""
        text = self._held + self._decoder.decode(chunk, last)
        start = max(0, len(text) - _LONGEST)
        unfinished = None if last else _UNFINISHED.search(text, start)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return printable(text[:cut])


_ERASE = re.compile(r"(?:\x1b\[|\x9b)[0-2]?K")
_REWRITES = re.compile(rf"(\r|\x08|{_ERASE.pattern})")


def terminal_text(text: str) -> str:
    """The text as a terminal shows it in the end: `printable`, and each rewritten line in its last state."""
    plain = _SEQUENCES.sub(lambda match: match[0] if _ERASE.fullmatch(match[0]) else "", text)
    lines = plain.replace("\r\n", "\n").split("\n")
    return printable("\n".join(_last_state(line) if _REWRITES.search(line) else line for line in lines))


def _last_state(line: str) -> str:
    """A line after carriage returns, backspaces and erasures. Linear, whatever it holds."""
    cells: list[str] = []
    at = 0
    for part in _REWRITES.split(line):
        if part == "\r":
            at = 0
        elif part == "\x08":
            at = max(0, at - 1)
        elif _ERASE.fullmatch(part):
            # To the left or all of it: what is written next begins the line in practice.
            at = at if part[-2] in "[0\x9b" else 0
            del cells[at:]
        else:
            cells[at : at + len(part)] = part
            at += len(part)
    return "".join(cells)


WIDTH = 100


def one_line(text: str, *, width: int = WIDTH) -> str:
    """`text` on one line without control sequences, shortened to `width` characters."""
    plain = " ".join(printable(text).split())
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def count_of(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `1,000 files`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def or_nearest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`"; did you mean a, b?"` with at most three known names; empty where none is near."""
    close = get_close_matches(name, list(names), n=3, cutoff=cutoff)
    return f"; did you mean {', '.join(close)}?" if close else ""


_HALF = re.compile("[\ud800-\udfff]")


def in_pairs(text: str) -> str:
    """The text with the halves of a character joined that came apart; one without its other can't be kept."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_BYTES = re.compile("[\udc80-\udcff]")


def as_text(content: bytes) -> str:
    """Decode bytes; invalid UTF-8 becomes surrogates."""
    return content.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """Encode a text back into the bytes that it was read from."""
    return text.encode("utf-8", "surrogateescape")


def is_binary(text: str) -> bool:
    """Whether the content isn't UTF-8."""
    return _BYTES.search(text) is not None


def readable_content(text: str) -> str:
    """A content for people: the text, or that there is none."""
    return f"(binary, {len(as_bytes(text)):,} bytes)" if is_binary(text) else text
