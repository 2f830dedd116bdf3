"""Frames between the host and a child in a sandbox: u32 length (little-endian), then that many bytes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from sandbox.inner.process.wire import HEADER, read_exactly, receive_with_fds
from sandbox.inner.process.wire import MAX_FRAME as MAX_FRAME


class FrameTooLarge(ValueError):
    """A frame over MAX_FRAME was to be sent, or was announced."""


class Duplex:
    """A reading and a writing descriptor that serve as a stream socket."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing

    def fileno(self) -> int:
        """The descriptor to wait on for something to read."""
        return self._reading

    def recv(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        return os.read(self._reading, size)

    def sendall(self, content: bytes) -> None:
        """Send everything; blocks until the other side takes it."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._writing, rest) :]


class Channel:
    """One end of a stream socket that carries whole frames. Not thread-safe."""

    def __init__(self, sock: socket.socket | Duplex) -> None:
        self._socket = sock

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end of a socket."""
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
        """Send several frames at once, so that the receiver wakes up once.

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
        return None if header is None else self._content(header)

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
        return self._content(header), line

    def _content(self, header: bytes) -> bytes | None:
        """The frame that a header announces."""
        (length,) = HEADER.unpack(header)
        if length > MAX_FRAME:
            raise FrameTooLarge(f"a frame of {length:,} bytes was announced; {MAX_FRAME:,} is the limit")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes | None:
        try:
            return read_exactly(self._socket.recv, count)
        except EOFError:
            return None
