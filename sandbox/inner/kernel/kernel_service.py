"""A kernel in the background of a session, and the command that gives it one cell.

Both are programs of the session. They speak over a unix socket; to the kernel's client that is the channel.
A cell whose command goes away is interrupted, and a kernel that doesn't obey is killed.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from contextlib import suppress

from sandbox.inner.kernel.kernel_frames import (
    DONE,
    ENDING,
    EXECUTE,
    INTERRUPT,
    LEFT_OUT,
    MISSING,
    NUMBER,
    READY,
    RICH,
    RICH_HEAD,
    STDERR,
    STDOUT,
)
from sandbox.inner.process.channel import Channel

_GRACE_S = 5
"""From an interrupt that nobody waits for until the kernel is killed."""
PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/svg+xml": "svg"}
"""Endings of the files that a cell's pictures are kept in."""
_GONE = 1


class Service(Channel):
    """What the client takes for its host: the cell that is at work, one after the other."""

    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._ready = select.epoll()
        self._ready.register(self._listener, select.EPOLLIN)
        self._cell: socket.socket | None = None
        self._busy = False

    def fileno(self) -> int:
        """A descriptor that can be read when a cell comes, says something or goes away."""
        return self._ready.fileno()

    def receive(self) -> bytes | None:
        """What a cell says; an interrupt where it has gone away."""
        if self._cell is None:
            self._cell, _ = self._listener.accept()
            self._ready.unregister(self._listener)
            self._ready.register(self._cell, select.EPOLLIN)
        try:
            frame = Channel(self._cell).receive()
        except (OSError, ValueError):
            frame = None
        if frame is None:
            self._let_go()
            return INTERRUPT
        self._busy = True
        return frame

    def send(self, frame: bytes) -> None:
        """Tell the cell; before there is one, the session's host."""
        if self._cell is not None:
            with suppress(OSError):  # it has gone away: `receive` sees it
                Channel(self._cell).send(frame)
        elif frame[:1] in (READY, MISSING):
            os.write(1, frame[:1])
        if frame[:1] == DONE:
            signal.alarm(0)
            self._busy = False
            if self._cell is None:
                self._ready.register(self._listener, select.EPOLLIN)
            else:
                self._let_go()

    def _let_go(self) -> None:
        """Close the connection; another cell may come once this one has ended."""
        if self._cell is not None:
            self._ready.unregister(self._cell)
            self._cell.close()
            self._cell = None
        if self._busy:
            signal.alarm(_GRACE_S)
        else:
            self._ready.register(self._listener, select.EPOLLIN)


def serve() -> None:
    """Start a kernel and give it cells, until it ends. The one argument is a folder that isn't there yet."""
    from sandbox.inner.kernel import kernel_entry  # which a cell's command need not load

    home = sys.argv[1]
    service = Service(f"{home}.socket")
    client = kernel_entry.boot(service, home)
    if client is not None:
        signal.signal(signal.SIGALRM, lambda *_: client.kill())
        client.serve()


def run_cell() -> int:
    """Give the kernel of a folder the cell on stdin, print what it shows, and give its exit code.

    The arguments are the folder and the cell's number. At SIGTERM the cell is interrupted.
    """
    home, number = sys.argv[1:]
    source = sys.stdin.buffer.read()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(f"{home}.socket")
        except OSError:
            return _GONE
        channel = Channel(connection)
        signal.signal(signal.SIGTERM, lambda *_: channel.send(INTERRUPT))
        channel.send(EXECUTE + NUMBER.pack(int(number)) + source)
        kept: dict[int, str] = {}
        while True:
            try:
                frame = channel.receive()
            except OSError:
                frame = None
            if frame is None:
                return _GONE
            kind, rest = frame[:1], frame[1 + NUMBER.size :]
            if kind == DONE:
                code: int = ENDING.unpack(rest)[0]
                return code
            if kind in (STDOUT, STDERR):
                _print(rest)
            elif kind == RICH:
                _keep(rest, number, kept)
            elif kind == LEFT_OUT:
                _print(b"[an output was too large, and is left out]\n")


def _keep(content: bytes, cell: str, kept: dict[int, str]) -> None:
    """Write a picture to a file, and say which; its number again is an update."""
    number, length = RICH_HEAD.unpack_from(content)
    kind = content[RICH_HEAD.size : RICH_HEAD.size + length].decode()
    if kind not in PICTURES:
        return
    picture = content[RICH_HEAD.size + length :]
    is_new = number not in kept
    path = kept.setdefault(number, f"/tmp/out/cell-{cell}-{len(kept) + 1}.{PICTURES[kind]}")
    with open(path, "wb") as file:
        file.write(picture)
    if is_new:
        _print(f"[picture {kind}, {-(-len(picture) // 1024)} KiB, kept as {path}]\n".encode())


def _print(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
