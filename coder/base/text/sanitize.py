"""Make text harmless for a terminal; format counts and suggestions; convert between bytes and text."""

import codecs
import re
from collections.abc import Iterable
from difflib import get_close_matches

# 7 and 8 bit forms. A string that isn't closed is no sequence: the text after it must not be hidden.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, screen
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"  # titles, links
    r"|\x1b[ -/]*[0-~]?"  # the others
)
# Controls except tab and newline, marks that change the direction of writing, and the plane of invisible
# tags, with which a text can be hidden from a person but not from a model.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e0fff]"
)
# A lone surrogate can't be encoded: printing it would raise.
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def printable(text: str) -> str:
    """Return the text without escape sequences and control characters; tabs and newlines stay."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", without_sequences(text)))


def without_sequences(text: str) -> str:
    """Return the text without escape sequences, such as colours."""
    return _SEQUENCES.sub("", text)


_TYPED_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def without_controls(text: str) -> str:
    """Return a text that a person typed without sequences and characters that only keys send.

    Marks of the direction of writing stay: they belong to words of some languages.
    """
    return _TYPED_CONTROLS.sub("", without_sequences(text))


def visible(text: str) -> str:
    """Return the text for a person's approval, with each invisible or control character as its code point.

    `printable` would hide the text inside escape sequences, which may be code. Of line ends `\\r\\n` only the
    `\\n` is kept; tabs and newlines stay.
    """
    lines = text.replace("\r\n", "\n")
    return "".join(
        char if char in "\n\t" or char.isprintable() else f"\\u{{{ord(char):x}}}" for char in lines
    )


_MAX_SEQUENCE = 4096
"""Maximum characters of an unclosed sequence; a longer sequence is shown as text."""
_UNFINISHED = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*\x1b?"
    r"|\x1b[ -/]*)\Z"
)


class StreamSanitizer:
    """Applies `printable` to a stream; an incomplete sequence or character at a chunk's end is held back."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def strip(self, chunk: bytes, *, last: bool = False) -> str:
        """Return the text of the stream that is complete and was not returned before."""
        text = self._held + self._decoder.decode(chunk, last)
        start = max(0, len(text) - _MAX_SEQUENCE)
        unfinished = None if last else _UNFINISHED.search(text, start)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return printable(text[:cut])


_ERASE = re.compile(r"(?:\x1b\[|\x9b)[0-2]?K")
_REWRITES = re.compile(rf"(\r|\x08|{_ERASE.pattern})")


def terminal_text(text: str) -> str:
    """Return the text as a terminal would finally show it, with rewritten lines in their last state."""
    cleaned = _SEQUENCES.sub(lambda match: match[0] if _ERASE.fullmatch(match[0]) else "", text)
    lines = cleaned.replace("\r\n", "\n").split("\n")
    return printable("\n".join(_last_state(line) if _REWRITES.search(line) else line for line in lines))


def _last_state(line: str) -> str:
    """Return a line after carriage returns, backspaces and erasures, in linear time."""
    cells: list[str] = []
    column = 0
    for part in _REWRITES.split(line):
        if part == "\r":
            column = 0
        elif part == "\x08":
            column = max(0, column - 1)
        elif _ERASE.fullmatch(part):
            # Erased to the left or whole: in practice, the next text starts the line.
            column = column if part[-2] in "[0\x9b" else 0
            del cells[column:]
        else:
            cells[column : column + len(part)] = part
            column += len(part)
    return "".join(cells)


WIDTH = 100


def one_line(text: str, *, width: int = WIDTH) -> str:
    """Return the text on one line without control sequences, shortened to `width` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun: `1 file`, `2 files`, `1,000 files`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def suggest_nearest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `; did you mean a, b?` with at most three similar names; empty if none is similar."""
    similar = get_close_matches(name, list(names), n=3, cutoff=cutoff)
    return f"; did you mean {', '.join(similar)}?" if similar else ""


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def join_surrogates(text: str) -> str:
    """Join surrogate pairs into characters; a lone surrogate becomes U+FFFD, because it can't be stored."""
    if not _LONE_SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


def as_text(content: bytes) -> str:
    """Decode bytes; invalid UTF-8 becomes surrogates."""
    return content.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """Encode a text that `as_text` decoded."""
    return text.encode("utf-8", "surrogateescape")


def is_binary(text: str) -> bool:
    """Whether the content isn't UTF-8."""
    return _ESCAPED_BYTE.search(text) is not None


def readable_content(text: str) -> str:
    """Return the text, or a note with the size if the content is binary."""
    return f"(binary, {len(as_bytes(text)):,} bytes)" if is_binary(text) else text
