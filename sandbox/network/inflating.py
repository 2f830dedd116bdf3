"""Decompress the body of an answer, so that it can be masked (RFC 9110, section 8.4.1)."""

import zlib
from collections.abc import Iterator

_MOST_AT_ONCE = 64 << 10
_GZIP, _ZLIB, _RAW = 31, 15, -15
"""Formats, as zlib numbers them."""
_HEAD = 2
_GZIPS = (b"gzip", b"x-gzip")
ENCODINGS = (*_GZIPS, b"deflate")


class Inflater:
    """Decompresses bytes that come in chunks, a bounded piece at a time."""

    def __init__(self, encoding: bytes) -> None:
        """Take a name among ENCODINGS."""
        self._is_gzip = encoding in _GZIPS
        self._head = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk adds. Raises ConnectionResetError if it can't be decompressed."""
        if self._stream is None:
            self._head += chunk
            if len(self._head) < _HEAD:
                return
            chunk, self._head = self._head, b""
            self._stream = zlib.decompressobj(self._format(chunk))
        is_full = False
        while chunk or is_full:
            if self._stream.eof:
                if not self._is_gzip or not chunk.strip(b"\0"):
                    return
                self._stream = zlib.decompressobj(_GZIP)  # another member
            try:
                piece = self._stream.decompress(chunk, _MOST_AT_ONCE)
            except zlib.error as error:
                raise ConnectionResetError("the body can't be decompressed") from error
            if piece:
                yield piece
            is_full = len(piece) == _MOST_AT_ONCE and not self._stream.eof
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail

    def finish(self) -> None:
        """Raise ConnectionResetError if the body ended too soon; one that never began may be that of HEAD."""
        if self._head or (self._stream is not None and not self._stream.eof):
            raise ConnectionResetError("the compressed body is cut off")

    def _format(self, head: bytes) -> int:
        if self._is_gzip:
            return _GZIP
        is_zlib = head[0] & 0xF == zlib.DEFLATED and int.from_bytes(head[:_HEAD], "big") % 31 == 0
        return _ZLIB if is_zlib else _RAW  # which some servers send as deflate, too
