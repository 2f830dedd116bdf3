"""A reading and a writing descriptor that serve as one stream, where there is no socket: pipes."""

from __future__ import annotations

import os


class Duplex:
    """What `Channel` needs of a stream socket."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing

    def fileno(self) -> int:
        """Descriptor to wait on for something to read."""
        return self._reading

    def recv(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        return os.read(self._reading, size)

    def sendall(self, content: bytes) -> None:
        """All of it; blocks until the other side takes it."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._writing, rest) :]
