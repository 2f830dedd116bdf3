"""Frames between a host and an agent over one duplex byte stream (protocol: `sandbox.stream.booting`).

A frame is a u32 length of the payload (little-endian), a u8 kind and a u32 channel, then the payload. A
channel is a number, of one program or call, and one of its eight streams. Standard library only, Python 3.8
or later.
"""

from __future__ import annotations

import struct

VERSION = 1
"""Version of this protocol, in the agent's first line."""
HEADER = struct.Struct("<IBI")
MAX_PAYLOAD = 1 << 16
"""Bytes."""
WINDOW = 1 << 20
"""Bytes of a stream that may be under way before the receiver grants more."""
CALL, NEWS, DATA, END, CREDIT, BEAT = range(1, 7)
"""Kinds: a request and a report as JSON, bytes of a stream, its end, granted bytes (u32), a sign of life."""
STDIN, STDOUT, STDERR, LINE, JOB = range(5)
"""Streams. LINE is the duplex channel of a trusted entry, JOB tells a child what to run."""
TOOLS, NETWORK = "tools", "network"
"""Doors: what programs connect to for the tools of a session, and for the proxy."""
_STREAM_BITS = 3
MAX_NUMBER = (1 << 32 - _STREAM_BITS) - 1
OPENED_BY_AGENT, FILE_CALL = 1 << 28, 1 << 27
"""Bits of numbers that the agent assigns to connections, and of calls to the process that serves files."""
_AMOUNT = struct.Struct("<I")


class FrameError(ValueError):
    """The other side sent what the protocol doesn't permit."""


def pack(kind: int, number: int, stream: int = 0, payload: bytes = b"") -> bytes:
    """Encode one frame. Raises FrameError if the payload is too large."""
    if len(payload) > MAX_PAYLOAD:
        raise FrameError(f"a payload has {len(payload):,} bytes; {MAX_PAYLOAD:,} is the limit")
    return HEADER.pack(len(payload), kind, number << _STREAM_BITS | stream) + payload


def pack_data(number: int, stream: int, content: bytes) -> bytes:
    """Encode content in as many frames as needed."""
    pieces = range(0, len(content), MAX_PAYLOAD)
    return b"".join(pack(DATA, number, stream, content[start : start + MAX_PAYLOAD]) for start in pieces)


def pack_credit(number: int, stream: int, amount: int) -> bytes:
    """Encode a grant of so many bytes."""
    return pack(CREDIT, number, stream, _AMOUNT.pack(amount))


def unpack_credit(payload: bytes) -> int:
    """Decode a grant. Raises FrameError."""
    if len(payload) != _AMOUNT.size:
        raise FrameError(f"a grant has {len(payload)} bytes")
    return int(_AMOUNT.unpack(payload)[0])


class Splitter:
    """Splits a byte stream into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, content: bytes) -> list[tuple[int, int, int, bytes]]:
        """Return kind, number, stream and payload of each complete frame. Raises FrameError.

        At most one incomplete frame is kept.
        """
        self._rest += content
        frames, start = [], 0
        while len(self._rest) - start >= HEADER.size:
            length, kind, channel = HEADER.unpack_from(self._rest, start)
            if length > MAX_PAYLOAD or not CALL <= kind <= BEAT:
                raise FrameError(f"a frame of kind {kind} and {length:,} bytes")
            end = start + HEADER.size + length
            if len(self._rest) < end:
                break
            payload = bytes(memoryview(self._rest)[start + HEADER.size : end])
            frames.append((kind, channel >> _STREAM_BITS, channel & (1 << _STREAM_BITS) - 1, payload))
            start = end
        del self._rest[:start]
        return frames


class Window:
    """The receiver's view of one stream: what the sender may still send, and what to grant."""

    def __init__(self) -> None:
        self._left = WINDOW
        self._consumed = 0

    def receive(self, size: int) -> None:
        """Count received bytes. Raises FrameError if they exceed the grant."""
        self._left -= size
        if self._left < 0:
            raise FrameError("a stream carries more than was granted")

    def consume(self, size: int) -> int:
        """Count consumed bytes; return the bytes to grant now: 0, or at least a quarter of the window."""
        self._consumed += size
        if self._consumed < WINDOW // 4:
            return 0
        amount, self._consumed = self._consumed, 0
        self._left += amount
        return amount
