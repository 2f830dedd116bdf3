"""Connections of programs that an agent accepts: to the tools of a session, and to the network's proxy."""

import asyncio
from collections import deque
from collections.abc import Callable

from sandbox.errors import SandboxBroken
from sandbox.host.call_server import Connection, Pace
from sandbox.inner.stream.frames import NETWORK, STDIN, STDOUT, TOOLS
from sandbox.stream.link import Link, LinkConversation, Reader


class StreamConnection:
    """A connection of a program to the host: a `Connection` for tool calls, an `End` for the proxy."""

    def __init__(self, conversation: LinkConversation) -> None:
        self._conversation, self._reader = conversation, Reader(conversation, STDOUT)

    async def exactly(self, size: int) -> bytes | None:
        """Return the next `size` bytes, None at the end."""
        return await self._reader.exactly(size)

    async def receive(self) -> bytes:
        """Return some bytes; empty at the end."""
        return await self._reader.some()

    async def send(self, content: bytes) -> None:
        """Send everything. Raises OSError if the connection is closed."""
        if self._conversation.over:
            raise ConnectionResetError("The program has closed its connection.")
        try:
            await self._conversation.send(STDIN, content)
        except SandboxBroken as error:
            raise ConnectionResetError(str(error)) from error

    def finish(self) -> None:
        """Stop sending."""
        self._conversation.finish(STDIN)

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._conversation.say({"do": "drop"})
        self._conversation.close()


class StreamListener:
    """Listener for connections that an agent reports.

    A connection that waits for its turn counts as open at the agent, so programs wait, too.
    """

    def __init__(self, link: Link) -> None:
        self._link, self._pace = link, Pace()

    def begin(self, take: Callable[[Connection], None]) -> None:
        """Call `take` with each connection from now on."""
        self._take = take
        self._link.doors[TOOLS] = self._open

    def hurry(self) -> None:
        """Accept the next connections without a delay."""
        self._pace.hurry()

    def close(self) -> None:
        """Close every further connection."""
        self._take = _cut_off

    def _open(self, conversation: LinkConversation) -> None:
        connection, loop = StreamConnection(conversation), asyncio.get_running_loop()
        wait_s = self._pace.count(loop.time())
        if wait_s > 0:
            loop.call_later(wait_s, lambda: self._take(connection))
        else:
            self._take(connection)


class StreamDoor:
    """The proxy's door behind an agent. Implements `sandbox.network.doors.Door`."""

    def __init__(self, link: Link) -> None:
        self._waiting: deque[StreamConnection] = deque()
        self._on_waiting: Callable[[], None] | None = None
        self._loop, self._closed = asyncio.get_running_loop(), False
        link.doors[NETWORK] = self._open

    def watch(self, on_waiting: Callable[[], None] | None) -> None:
        """Call `on_waiting` while a connection waits."""
        self._on_waiting = on_waiting
        if self._waiting:
            self._loop.call_soon(self._call_back)

    def accept(self) -> StreamConnection:
        """Return the next connection. Raises BlockingIOError if none waits."""
        if not self._waiting:
            raise BlockingIOError
        connection = self._waiting.popleft()
        if self._waiting:
            self._loop.call_soon(self._call_back)
        return connection

    def close(self) -> None:
        """Close the connections that wait, and every further one."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().close()

    def _open(self, conversation: LinkConversation) -> None:
        connection = StreamConnection(conversation)
        if self._closed:
            connection.close()
            return
        self._waiting.append(connection)
        self._call_back()

    def _call_back(self) -> None:
        if self._waiting and self._on_waiting is not None:
            self._on_waiting()


def _cut_off(connection: Connection) -> None:
    connection.close()
