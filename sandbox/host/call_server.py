"""Answer requests of a session's programs, over whatever connects them to the host."""

import asyncio
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from typing import Protocol

from sandbox.errors import SandboxBroken
from sandbox.inner.process.wire import HEADER, MAX_DESCRIPTORS, receive_with_fds

Answer = Callable[[bytes], Awaitable[bytes]]
"""Function that answers a request; a ValueError for an invalid one closes the connection."""
MAX_REQUEST = 1 << 20
"""Maximum bytes of a request."""
_MOST_CONNECTIONS = 64
"""Maximum concurrent connections; further ones are closed."""
_PROMPT, _PACE_S = 1_000, 0.005
"""Connections per answerer that are accepted at once, and seconds between later ones."""


class Connection(Protocol):
    """One connection of a program."""

    async def exactly(self, size: int) -> bytes | None:
        """Return the next `size` bytes, None at the end. Raises OSError or SandboxBroken if it is cut off."""

    async def send(self, content: bytes) -> None:
        """Send everything. Raises OSError or SandboxBroken if the connection is cut off."""

    def close(self) -> None:
        """Close the connection."""


class Listener(Protocol):
    """Source of connections from programs."""

    def begin(self, take: Callable[[Connection], None]) -> None:
        """Call `take` with each connection from now on."""

    def hurry(self) -> None:
        """Accept the next connections without a delay, however many came before."""

    def close(self) -> None:
        """Stop accepting connections."""


class CallServer:
    """Server that answers the requests of each connection in turn; each is a u32 length and bytes."""

    def __init__(self, listener: Listener, answer: Answer | None) -> None:
        self._listener, self.answer = listener, answer
        """Function that answers requests; while it is None, requests wait."""
        self._answering = asyncio.Event()
        self._answering.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        listener.begin(self._take)

    async def answer_by(self, answer: Answer | None) -> None:
        """Set the function that answers requests; close connections whose request is in progress."""
        self.answer = answer
        self._listener.hurry()
        (self._answering.set if answer is not None else self._answering.clear)()
        await self._end(self._busy)

    async def close(self) -> None:
        """Close the listener and all connections."""
        self._listener.close()
        await self._end(self._connections)

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        ending = list(tasks)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _take(self, connection: Connection) -> None:
        if len(self._connections) >= _MOST_CONNECTIONS:
            connection.close()
            return
        task = asyncio.create_task(self._serve(connection))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, connection: Connection) -> None:
        try:
            while (header := await connection.exactly(HEADER.size)) is not None:
                (size,) = HEADER.unpack(header)
                request = await connection.exactly(size) if size <= MAX_REQUEST else None
                if request is None:
                    return
                while self.answer is None:
                    await self._answering.wait()
                content = await self._answered(self.answer, request)
                await connection.send(HEADER.pack(len(content)) + content)
        except (OSError, SandboxBroken, ValueError):  # a program that ended, or sends something else
            return
        finally:
            connection.close()

    async def _answered(self, answer: Answer, request: bytes) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            return await answer(request)
        finally:
            self._busy.discard(task)


class SocketConnection:
    """A connection over a socket of this machine."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket, self._loop = connection, asyncio.get_running_loop()
        self._unread = bytearray()

    async def exactly(self, size: int) -> bytes | None:
        """Return the next `size` bytes, None at the end."""
        while len(self._unread) < size:
            piece = await self._loop.sock_recv(self._socket, 1 << 16)
            if not piece:
                return None
            self._unread += piece
        content = bytes(self._unread[:size])
        del self._unread[:size]
        return content

    async def send(self, content: bytes) -> None:
        """Send everything."""
        await self._loop.sock_sendall(self._socket, content)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Pace:
    """Rate limit on accepting connections, which applies once there were very many."""

    def __init__(self) -> None:
        self._taken, self._last = 0, 0.0

    def count(self, now: float) -> float:
        """Count a connection; return the seconds to wait before accepting it, or the next one."""
        self._taken += 1
        if self._taken <= _PROMPT:
            return 0.0
        self._last = max(now, self._last) + _PACE_S
        return self._last - now

    def hurry(self) -> None:
        """Reset the count, so that the next connections don't wait."""
        self._taken = 0


class SocketListener:
    """Listener on a socket of this machine."""

    def __init__(self, descriptor: int) -> None:
        self._loop, self._socket = asyncio.get_running_loop(), socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._pace = Pace()
        self._pacing: asyncio.TimerHandle | None = None

    def begin(self, take: Callable[[Connection], None]) -> None:
        """Call `take` with each connection from now on."""
        self._take = take
        self._loop.add_reader(self._socket, self._accept)

    def hurry(self) -> None:
        """Accept the next connections without a delay."""
        self._pace.hurry()

    def close(self) -> None:
        """Close the socket."""
        if self._pacing is not None:
            self._pacing.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        connection = self._next()
        if connection is None:
            return
        self._take(SocketConnection(connection))
        wait_s = self._pace.count(self._loop.time())
        if wait_s > 0:
            self._loop.remove_reader(self._socket)
            self._pacing = self._loop.call_later(wait_s, self._loop.add_reader, self._socket, self._accept)

    def _next(self) -> socket.socket | None:
        """Return a connection: accepted, or received over a socket pair where programs can't connect."""
        try:
            if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return self._socket.accept()[0]
            message, sent = receive_with_fds(self._socket, 1, MAX_DESCRIPTORS)
        except OSError:  # it was closed meanwhile
            return None
        if not message:
            self._loop.remove_reader(self._socket)  # the session is over
        kept = next((one for one in sent if _is_stream(one)), None)
        for descriptor in sent:
            if descriptor != kept:
                os.close(descriptor)
        return None if kept is None else socket.socket(fileno=kept)


def _is_stream(descriptor: int) -> bool:
    """Whether a descriptor sent by a program is a connection: a Unix stream socket."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return False
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        return (connection.family, connection.type) == (socket.AF_UNIX, socket.SOCK_STREAM)
