"""Frames between the host and a child in a sandbox: u32 length (little-endian), then that many bytes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from sandbox.inner.process.wire import HEADER, read_exactly, receive_with_fds
from sandbox.inner.process.wire import MAX_FRAME as MAX_FRAME


class FrameTooLarge(ValueError):
    """A frame to send, or an announced one, exceeds MAX_FRAME."""


class Duplex:
    """A reading and a writing descriptor that act as a stream socket."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing

    def fileno(self) -> int:
        """Descriptor to wait on for input."""
        return self._reading

    def recv(self, size: int) -> bytes:
        """Read at most `size` bytes; none at EOF."""
        return os.read(self._reading, size)

    def sendall(self, content: bytes) -> None:
        """Send everything; block until the other side takes it."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._writing, rest) :]


class Channel:
    """One end of a stream socket that carries whole frames. Not thread-safe."""

    def __init__(self, sock: socket.socket | Duplex) -> None:
        self._socket = sock

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end of a socket."""
        if isinstance(self._socket, socket.socket):
            self._socket.close()

    def send(self, frame: bytes) -> None:
        """Send one frame, blocking. Raises FrameTooLarge (nothing sent), or OSError without a peer."""
        self.send_all((frame,))

    def send_all(self, frames: Iterable[bytes]) -> None:
        """Send frames at once, to wake the receiver once. Raises FrameTooLarge (nothing sent) or OSError."""
        parts = []
        for frame in frames:
            if len(frame) > MAX_FRAME:
                raise FrameTooLarge(f"a frame of {len(frame):,} bytes; {MAX_FRAME:,} is the limit")
            parts += [HEADER.pack(len(frame)), frame]
        self._socket.sendall(b"".join(parts))

    def receive(self) -> bytes | None:
        """Next frame; None if the other side closed, also within a frame. Raises FrameTooLarge or OSError."""
        header = self._exactly(HEADER.size)
        return None if header is None else self._content(header)

    def receive_with_line(self) -> tuple[bytes | None, Channel | None]:
        """Next frame, and the channel that came with it, if any. Raises FrameTooLarge or OSError."""
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
        """Read the frame that a header announces. Raises FrameTooLarge."""
        (length,) = HEADER.unpack(header)
        if length > MAX_FRAME:
            raise FrameTooLarge(f"a frame of {length:,} bytes was announced; {MAX_FRAME:,} is the limit")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes | None:
        try:
            return read_exactly(self._socket.recv, count)
        except EOFError:
            return None
