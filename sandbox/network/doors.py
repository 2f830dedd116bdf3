"""Interfaces of a proxy's door and of a connection's ends, implemented by sockets of this machine."""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

_CHUNK = 1 << 16


class End(Protocol):
    """One end of a connection."""

    async def receive(self) -> bytes:
        """Return some bytes; empty at the end. Raises OSError if the connection is cut off."""

    async def send(self, content: bytes) -> None:
        """Send everything. Raises OSError if the connection is cut off."""

    def finish(self) -> None:
        """Stop sending; the other direction stays open. Raises OSError if the connection is cut off."""

    def close(self) -> None:
        """Close both directions. Idempotent."""


class Door(Protocol):
    """Where programs connect to the proxy of one run."""

    def watch(self, on_waiting: Callable[[], None] | None) -> None:
        """Call `on_waiting` while a connection waits; None stops the calls."""

    def accept(self) -> End:
        """Return the next connection. Raises OSError; BlockingIOError, ConnectionAbortedError without one."""

    def close(self) -> None:
        """Accept no more connections."""


class SocketEnd:
    """An end that is a socket of this machine."""

    def __init__(self, connection: socket.socket) -> None:
        """`connection`: a non-blocking socket."""
        self._socket, self._loop = connection, asyncio.get_running_loop()

    async def receive(self) -> bytes:
        """Return some bytes; empty at the end."""
        return await self._loop.sock_recv(self._socket, _CHUNK)

    async def send(self, content: bytes) -> None:
        """Send everything."""
        await self._loop.sock_sendall(self._socket, content)

    def finish(self) -> None:
        """Stop sending."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both directions."""
        self._socket.close()


class WatchedEnd:
    """An end that restarts the idle timer of a connection with each piece."""

    def __init__(self, end: End, idle: asyncio.Timeout, idle_s: float, *, first: bytes = b"") -> None:
        """`first`: bytes that were already received."""
        self._end, self._idle, self._idle_s = end, idle, idle_s
        self._first = first

    async def receive(self) -> bytes:
        """Return some bytes; empty at the end."""
        first, self._first = self._first, b""
        received = first or await self._end.receive()
        self._idle.reschedule(asyncio.get_running_loop().time() + self._idle_s)
        return received

    async def send(self, content: bytes) -> None:
        """Send everything."""
        await self._end.send(content)
        self._idle.reschedule(asyncio.get_running_loop().time() + self._idle_s)
        await asyncio.sleep(0)  # both calls may return at once; let timers run

    def finish(self) -> None:
        """Stop sending."""
        self._end.finish()

    def close(self) -> None:
        """Close both directions."""
        self._end.close()


class SocketDoor:
    """A listening socket, which closes with the door."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener, self._loop = listener, asyncio.get_running_loop()
        self._listener.setblocking(False)

    def watch(self, on_waiting: Callable[[], None] | None) -> None:
        """Call `on_waiting` while a connection waits."""
        if on_waiting is None:
            self._loop.remove_reader(self._listener)
        else:
            self._loop.add_reader(self._listener, on_waiting)

    def accept(self) -> SocketEnd:
        """Return the next connection."""
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        return SocketEnd(connection)

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()
