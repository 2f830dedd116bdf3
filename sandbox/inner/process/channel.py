"""Frames between the host and a child in a sandbox: u32 length (little-endian), then that many bytes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from sandbox.inner.process.wire import HEADER, receive_with_fds
from sandbox.inner.process.wire import MAX_FRAME as MAX_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.inner.process.duplex import Duplex


class FrameTooLarge(ValueError):
    """A frame over MAX_FRAME was to be sent, or was announced by the other side."""


class Channel:
    """One end of a stream socket that carries whole frames. Not to be shared between threads."""

    def __init__(self, sock: socket.socket | Duplex) -> None:
        self._socket = sock

    def fileno(self) -> int:
        """Descriptor of the socket, for those who wait for more than one thing."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let go of this end of a socket; the other one may live on elsewhere."""
        if isinstance(self._socket, socket.socket):
            self._socket.close()

    def send(self, frame: bytes) -> None:
        """Send one frame; blocks until the other side takes it.

        Raises:
            FrameTooLarge: over MAX_FRAME; nothing was sent.
            OSError: the other side is gone.
        """
        self.send_all((frame,))

    def send_all(self, frames: Iterable[bytes]) -> None:
        """Send several frames at once: whoever waits for them wakes up once.

        Raises:
            FrameTooLarge: one is over MAX_FRAME; nothing was sent.
            OSError: the other side is gone.
        """
        parts = []
        for frame in frames:
            if len(frame) > MAX_FRAME:
                raise FrameTooLarge(f"a frame of {len(frame):,} bytes; {MAX_FRAME:,} is the limit")
            parts += [HEADER.pack(len(frame)), frame]
        self._socket.sendall(b"".join(parts))

    def receive(self) -> bytes | None:
        """Next frame, or None when the other side closed, in the middle of a frame too.

        Raises:
            FrameTooLarge: the announced length is over MAX_FRAME; nothing of it was read.
            OSError: the connection broke.
        """
        header = self._exactly(HEADER.size)
        if header is None:
            return None
        (length,) = HEADER.unpack(header)
        if length > MAX_FRAME:
            raise FrameTooLarge(f"a frame of {length:,} bytes was announced; {MAX_FRAME:,} is the limit")
        return self._exactly(length)

    def receive_with_line(self) -> tuple[bytes | None, Channel | None]:
        """Next frame, and the end of another channel where one came with it.

        Raises:
            FrameTooLarge: the announced length is over MAX_FRAME.
            OSError: the connection broke.
        """
        if not isinstance(self._socket, socket.socket):
            return self.receive(), None
        header, descriptors = receive_with_fds(self._socket, HEADER.size, 1)
        line = Channel(socket.socket(fileno=descriptors[0])) if descriptors else None
        if len(header) < HEADER.size:
            rest = self._exactly(HEADER.size - len(header)) if header else None
            if rest is None:
                return None, line
            header += rest
        (length,) = HEADER.unpack(header)
        if length > MAX_FRAME:
            raise FrameTooLarge(f"a frame of {length:,} bytes was announced; {MAX_FRAME:,} is the limit")
        return self._exactly(length), line

    def _exactly(self, count: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < count:
            part = self._socket.recv(min(count - len(parts), 1 << 18))
            if not part:
                return None
            parts += part
        return bytes(parts)
