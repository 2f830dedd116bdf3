"""Read and write a text in the encoding that it declares: by PEP 263's line, or a byte order mark."""

import codecs
import re

from coder.base.text.sanitize import as_bytes, as_text, is_binary

_DECLARATION = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
"""Format: https://peps.python.org/pep-0263/"""
_MARKED = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_MARK = "\ufeff"


class Unencodable(ValueError):
    """A text has a character that its file's encoding doesn't have; the message names both."""


def decode_declared(content: bytes) -> tuple[str, str] | None:
    """Return the text of content that is no UTF-8, and its encoding; None if it declares none that fits."""
    encoding = _MARKED.get(content[:2]) or _declared_in(content[:1024].decode("latin-1"))
    if encoding is None:
        return None
    try:
        text = content.decode(encoding)
        return (text, encoding) if text.encode(encoding) == content and "\0" not in text else None
    except UnicodeError:
        return None


def encoding_after(text: str, encoding: str) -> str:
    """Return the encoding that an edited text declares, which had been read in `encoding`."""
    if encoding in _MARKED.values():
        return encoding if text.startswith(_MARK) else "utf-8"
    return _declared_in(text) or "utf-8"


def encode_declared(text: str, encoding: str) -> bytes:
    """Return an edited text in the encoding that it declares. Raises Unencodable.

    Args:
        encoding: the one in which the text had been read.
    """
    encoding = encoding_after(text, encoding)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise Unencodable(f"{encoding} has no {character!r} (U+{ord(character):04X})") from error


def decoded(text: str) -> str:
    """Return a text of `as_text` in the encoding that its bytes declare, if they are no UTF-8."""
    known = decode_declared(as_bytes(text)) if is_binary(text) else None
    return text if known is None else known[0]


def encoding_of(text: str) -> str | None:
    """Return the encoding that a file declares, of which `as_text` gave this text; None: UTF-8 or unknown."""
    known = decode_declared(as_bytes(text)) if is_binary(text) else None
    return None if known is None else known[1]


def encoded_like(text: str, old: str | None, encoding: str | None) -> str:
    """Return an edited text as `as_text` returns its bytes. Raises Unencodable.

    Args:
        old: the text before; None for a new file.
        encoding: the encoding of that; None: UTF-8, or a new file.
    """
    if encoding is None and (old or "").isascii() and not text.isascii():
        encoding = _declared_in(text)
    return text if encoding is None else as_text(encode_declared(text, encoding))


def _declared_in(text: str) -> str | None:
    """Return the text encoding that one of the first two lines declares."""
    for line in text.split("\n", 2)[:2]:
        if (match := _DECLARATION.match(line)) is not None:
            try:
                "".encode(match[1])
            except (LookupError, UnicodeError):
                return None
            return match[1]
        if line.strip() and not line.lstrip().startswith("#"):
            return None
    return None
