"""Answer requests that programs of a session send to a socket in it. They come from untrusted code."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from sandbox.inner.process.wire import HEADER

Answer = Callable[[bytes], Awaitable[bytes]]
"""Answers a request. ValueError: it is none, and its connection is closed."""
MAX_REQUEST = 1 << 20
"""Bytes."""
_MOST_CONNECTIONS = 64
"""At a time; further ones are closed."""
_PROMPT, _PACE_S = 1_000, 0.005
"""Connections of one answerer that are taken at once; and seconds between the others."""


class CallServer:
    """Serves one socket: on each connection one request after the other, each a u32 length and bytes."""

    def __init__(self, listener: int, answer: Answer | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = socket.socket(fileno=listener)
        self._listener.setblocking(False)
        self.answer = answer
        """Answers requests now; while there is None, they wait."""
        self._answering = asyncio.Event()
        self._answering.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._taken, self._busy_s, self._since = 0, 0.0, 0.0
        self._pacing: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._listener, self._accept)

    @property
    def busy_s(self) -> float:
        """Seconds in which at least one request was being answered."""
        return self._busy_s + (self._loop.time() - self._since if self._busy else 0.0)

    async def answer_by(self, answer: Answer | None) -> None:
        """Answer by this from now on, and cut off what is under way."""
        self.answer, self._taken = answer, 0
        (self._answering.set if answer is not None else self._answering.clear)()
        await self._end(self._busy)

    async def close(self) -> None:
        """Close the socket and all connections."""
        if self._pacing is not None:
            self._pacing.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        await self._end(self._connections)

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        ending = list(tasks)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it was closed meanwhile
            return
        self._taken += 1
        if len(self._connections) >= _MOST_CONNECTIONS:
            connection.close()
        else:
            task = asyncio.create_task(self._serve(connection))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        if self._taken > _PROMPT:
            self._loop.remove_reader(self._listener)
            self._pacing = self._loop.call_later(_PACE_S, self._loop.add_reader, self._listener, self._accept)

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        try:
            while True:
                (size,) = HEADER.unpack(await reader.readexactly(HEADER.size))
                if size > MAX_REQUEST:
                    return
                request = await reader.readexactly(size)
                while self.answer is None:
                    await self._answering.wait()
                content = await self._answered(self.answer, request)
                writer.write(HEADER.pack(len(content)) + content)
                await writer.drain()
        except (OSError, EOFError, ValueError):  # a program that ended, or sends something else
            return
        finally:
            writer.transport.abort()

    async def _answered(self, answer: Answer, request: bytes) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        if not self._busy:
            self._since = self._loop.time()
        self._busy.add(task)
        try:
            return await answer(request)
        finally:
            self._busy.discard(task)
            if not self._busy:
                self._busy_s += self._loop.time() - self._since
