"""A program's standard input: bytes, or data read from a caller's descriptor as it comes."""

import asyncio
import os
import socket
from contextlib import suppress

_CHUNK = 1 << 16


class Inflow:
    """Fills a pipe, whose other end `inside` the caller closes; or a socket `into`, shut down at the end."""

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
        """Close the pipe: the program reads EOF. Idempotent."""
        if self._pipe >= 0:
            self._unwatch()
            self._loop.remove_writer(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
            if self._into is not None:
                with suppress(OSError):  # already closed
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
        except PermissionError:  # plain files can't be watched: they are always ready
            self._read(source)

    def _unwatch(self) -> None:
        if self._watched and self._source is not None:
            self._loop.remove_reader(self._source)
            self._watched = False

    def _read(self, source: int) -> None:
        try:
            piece = os.read(source, _CHUNK)
        except BlockingIOError:  # another process has read it
            return
        except OSError:  # a closed terminal or peer
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
