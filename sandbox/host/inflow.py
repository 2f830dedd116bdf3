"""What a program reads from its standard input: bytes, or a descriptor of the caller's, as it comes.

The descriptor itself never goes inside, and no more of it is held than one piece.
"""

import asyncio
import os
import socket
from contextlib import suppress

_CHUNK = 1 << 16


class Inflow:
    """The writing end of a pipe, and what goes into it; `inside` is the other end, closed by the caller.

    With `into` it goes to a socket of the caller's instead, which is hung up at the end.
    """

    def __init__(self, source: bytes | int, *, into: socket.socket | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._into = into
        self.inside, self._pipe = (-1, os.dup(into.fileno())) if into else os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._pipe, False)
        self._source = source if isinstance(source, int) else None
        self._watched = False
        self._rest = memoryview(b"" if isinstance(source, int) else source)
        self._go_on()

    def close(self) -> None:
        """Give the pipe back: the program finds the end of its input. Idempotent."""
        if self._pipe >= 0:
            self._unwatch()
            self._loop.remove_writer(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
            if self._into is not None:
                with suppress(OSError):  # it has gone before
                    self._into.shutdown(socket.SHUT_WR)

    def _go_on(self) -> None:
        if self._rest:
            self._loop.add_writer(self._pipe, self._write)
        elif self._source is None:
            self.close()
        else:
            self._watch(self._source)

    def _watch(self, source: int) -> None:
        try:
            self._loop.add_reader(source, self._read, source)
            self._watched = True
        except PermissionError:  # the kernel doesn't watch plain files: they are always ready
            self._read(source)

    def _unwatch(self) -> None:
        if self._watched and self._source is not None:
            self._loop.remove_reader(self._source)
            self._watched = False

    def _read(self, source: int) -> None:
        try:
            piece = os.read(source, _CHUNK)
        except BlockingIOError:  # someone else has read it
            return
        except OSError:  # a terminal or a peer that is gone
            piece = b""
        if not piece:
            self.close()
            return
        self._unwatch()
        self._rest = memoryview(piece)
        self._go_on()

    def _write(self) -> None:
        try:
            self._rest = self._rest[os.write(self._pipe, self._rest[:_CHUNK]) :]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            self.close()
            return
        if not self._rest:
            self._loop.remove_writer(self._pipe)
            self._go_on()
