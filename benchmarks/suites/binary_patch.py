"""Apply git's binary patches: `literal`, a whole new content, or `delta`, copies of the old content.

Format: https://git-scm.com/docs/gitformat-pack (deltified representation), in base 85 of `git diff --binary`.
"""

import base64
import zlib
from collections.abc import Sequence

MAX_BYTES = 64 << 20
"""Maximum size in bytes of a file that a binary patch makes."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The first letter of a line is its number of bytes: A is 1, z is 52."""
_COPY_ALL = 0x10000
"""Size of a copy without a size."""


def apply_binary(lines: Sequence[str], old: bytes) -> bytes:
    """Return the new content of a file. Raises ValueError if the patch is invalid or doesn't fit.

    Args:
        lines: lines after `GIT binary patch`, up to the first blank one.
    """
    kind, _, size = lines[0].partition(" ")
    if kind not in ("literal", "delta") or not size.isdecimal() or int(size) > MAX_BYTES:
        raise ValueError(f"its binary patch begins with {lines[0][:40]!r}")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(b"".join(map(_decode, lines[1:])), int(size) + 1)
    except (ValueError, zlib.error) as error:
        raise ValueError("its binary patch is damaged") from error
    if len(content) != int(size) or not unpacker.eof:
        raise ValueError("its binary patch has another length than it states")
    return content if kind == "literal" else _apply_delta(content, old)


def _decode(line: str) -> bytes:
    count = _LETTERS.index(line[:1] or " ") + 1
    return base64.b85decode(line[1:])[:count]


def _apply_delta(delta: bytes, old: bytes) -> bytes:
    """Copy parts of the old content and insert new bytes, as the delta says. Raises ValueError."""
    try:
        old_size, at = _read_size(delta, 0)
        new_size, at = _read_size(delta, at)
        if old_size != len(old) or new_size > MAX_BYTES:
            raise ValueError("its binary patch is of another file")
        result = bytearray()
        while at < len(delta) and len(result) <= new_size:
            code, at = delta[at], at + 1
            if code & 0x80:
                offset, at = _read_number(delta, at, code & 0x0F)
                size, at = _read_number(delta, at, code >> 4 & 0x07)
                result += old[offset : offset + (size or _COPY_ALL)]
            else:
                result += delta[at : at + code]
                at += code
    except IndexError as error:
        raise ValueError("its binary patch ends in the middle") from error
    if len(result) != new_size:
        raise ValueError("its binary patch doesn't fit")
    return bytes(result)


def _read_size(delta: bytes, at: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, lowest first, and the index after it."""
    value, shift = 0, 0
    while True:
        value |= (delta[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not delta[at - 1] & 0x80:
            return value, at


def _read_number(delta: bytes, at: int, present: int) -> tuple[int, int]:
    """Return a number whose bytes are there where a bit of `present` is set, and the index after it."""
    value = 0
    for number in range(4):
        if present & 1 << number:
            value |= delta[at] << 8 * number
            at += 1
    return value, at
