"""Read and write a text in its encoding: by a byte order mark, PEP 263's line, or `.editorconfig`."""

import codecs
import re

from coder.base.text.editor_config import UTF_8_BOM, UTF_16
from coder.base.text.sanitize import as_bytes, as_text, is_binary

_DECLARATION = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
"""Format: https://peps.python.org/pep-0263/"""
_MARKED = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_MARK = "\ufeff"
_ASCII = "".join(map(chr, range(32, 127))) + "\t\n" + "a" * 64
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ue000-\uf8ff\ufffe\uffff]")
"""Characters that no text has: a binary file can be decoded by any codec that its path may declare."""


class Unencodable(ValueError):
    """A text has a character that its file's encoding doesn't have; the message names both."""


def decode_declared(content: bytes, charset: str | None = None) -> tuple[str, str] | None:
    """Return the text of content that is no UTF-8, and its encoding; None if it declares none that fits.

    Args:
        charset: the codec of the path by `.editorconfig`, if the content itself declares none.
    """
    encoding = _MARKED.get(content[:2]) or _declared_in(content[:1024].decode("latin-1"))
    is_by_path = encoding is None
    if (encoding := encoding or charset) is None:
        return None
    try:
        text = content.decode(encoding)
        is_exact = text.encode(encoding) == content and "\0" not in text
        return (text, encoding) if is_exact and not (is_by_path and _NO_TEXT.search(text)) else None
    except UnicodeError:
        return None


def encoding_after(text: str, encoding: str, old: str | None = None) -> str:
    """Return the encoding that an edited text declares, which had been read in `encoding` as `old`."""
    if encoding in _MARKED.values() and (old is None or old.startswith(_MARK)):
        return encoding if text.startswith(_MARK) else "utf-8"
    is_by_path = old is not None and _declared_in(old) is None
    return _declared_in(text) or (encoding if is_by_path else "utf-8")


def encode_declared(text: str, encoding: str, old: str | None = None) -> bytes:
    """Return an edited text in the encoding that it declares. Raises Unencodable.

    Args:
        encoding: the one in which the text had been read.
        old: the text before.
    """
    encoding = encoding_after(text, encoding, old)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise Unencodable(f"{encoding} has no {character!r} (U+{ord(character):04X})") from error


def may_be_encoded(text: str, charset: str | None = None) -> bool:
    """Return whether a text of `as_text` may be that of another encoding, as it is no UTF-8 or has a NUL."""
    return is_binary(text) or (charset in UTF_16 and "\0" in text)


def decoded(text: str, charset: str | None = None) -> str:
    """Return a text of `as_text` in the encoding that its bytes declare, if they are no UTF-8."""
    known = decode_declared(as_bytes(text), charset) if may_be_encoded(text, charset) else None
    return text if known is None else known[0]


def encoding_of(text: str, charset: str | None = None) -> str | None:
    """Return the encoding that a file declares, of which `as_text` gave this text; None: UTF-8 or unknown."""
    known = decode_declared(as_bytes(text), charset) if may_be_encoded(text, charset) else None
    return None if known is None else known[1]


def encoded_like(text: str, old: str | None, encoding: str | None, charset: str | None = None) -> str:
    """Return an edited text as `as_text` returns its bytes. Raises Unencodable.

    Args:
        old: the text before; None for a new file.
        encoding: the encoding of that; None: UTF-8, or a new file.
        charset: the codec of the path by `.editorconfig`; a file that is UTF-8 keeps to UTF-8.
    """
    if encoding is not None:
        return as_text(encode_declared(text, encoding, old))
    if old is None and charset in (UTF_8_BOM, *UTF_16) and text:
        text = text if text.startswith(_MARK) else _MARK + text
        return text if charset == UTF_8_BOM else as_text(encode_declared(text, charset))
    if text.isascii() or not (old or "").isascii():
        return text
    encoding = _declared_in(text) or (charset if charset not in (UTF_8_BOM, *UTF_16) else None)
    return text if encoding is None else as_text(encode_declared(text, encoding, text))


def _declared_in(text: str) -> str | None:
    """Return the text encoding that one of the first two lines declares."""
    for line in text.split("\n", 2)[:2]:
        if (match := _DECLARATION.match(line)) is not None:
            return match[1] if _holds_ascii(match[1]) else None
        if line.strip() and not line.lstrip().startswith("#"):
            return None
    return None


def _holds_ascii(encoding: str) -> bool:
    """Return whether an encoding is one of text that holds ASCII as it is, which sources need.

    So punycode, unicode_escape and others that take long, or aren't read back as they were written, are none.
    """
    try:
        return _ASCII.encode(encoding) == _ASCII.encode()
    except (LookupError, UnicodeError):
        return False
