"""An upgraded connection to a container: bytes in; stdout and stderr out, multiplexed by the engine."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from sandbox.errors import SandboxBroken
from sandbox.host.output import Stream

_HEADER = struct.Struct(">BxxxI")
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}


class Demultiplexer:
    """Splits the engine's stream. Pieces are returned as they come, whatever length their header says."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._stream: Stream = "stdout"

    def feed(self, content: bytes) -> list[tuple[Stream, bytes]]:
        """What was in some bytes, in order. Raises ValueError: that isn't the engine's format."""
        found: list[tuple[Stream, bytes]] = []
        rest = memoryview(content)
        while rest:
            if self._left == 0:
                wanted = _HEADER.size - len(self._header)
                self._header, rest = self._header + bytes(rest[:wanted]), rest[wanted:]
                if len(self._header) == _HEADER.size:
                    number, self._left = _HEADER.unpack(self._header)
                    self._header = b""
                    if number not in _STREAMS:
                        raise ValueError(f"the engine speaks of a stream {number}")
                    self._stream = _STREAMS[number]
            else:
                found.append((self._stream, bytes(rest[: self._left])))
                taken = len(found[-1][1])
                self._left, rest = self._left - taken, rest[taken:]
        return found


class Attached(asyncio.Protocol):
    """Our end. `on_data` gets each piece; `on_end` is called once, when the engine has no more or is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.on_data: Callable[[Stream, bytes], None] = lambda stream, content: None
        self.on_end: Callable[[], None] = lambda: None
        self.transport: asyncio.Transport
        self._parted = Demultiplexer()
        self._sent = asyncio.Event()
        self._sent.set()
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; it buffers nothing that `send` doesn't wait for."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Note that something waits to be sent."""
        self._sent.clear()

    def resume_writing(self) -> None:
        """Note that all is sent."""
        self._sent.set()

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        try:
            pieces = self._parted.feed(data)
        except ValueError:
            self.transport.abort()
            return
        for stream, piece in pieces:
            self.on_data(stream, piece)

    def eof_received(self) -> None:
        """Note that the engine has no more."""
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the engine is gone."""
        self._sent.set()
        if not self.ended:
            self.ended = True
            self.on_end()

    async def send(self, content: bytes) -> None:
        """Send all of it. Raises SandboxBroken: the other end is gone."""
        if not self.ended:
            self.transport.write(content)
            await self._sent.wait()
        if self.ended:
            raise SandboxBroken("The process in the container is gone.")

    def say(self, line: str) -> None:
        """Send a short line; one that can't be sent is lost with its connection."""
        if not self.ended:
            self.transport.write(line.encode() + b"\n")

    def close(self) -> None:
        """Let go of the connection; `on_end` isn't called any more. Idempotent."""
        self.ended = True
        with suppress(OSError):  # the other end may be gone
            self.connection.shutdown(socket.SHUT_RDWR)
        self.transport.abort()


async def attach(connection: socket.socket) -> Attached:
    """Take over a connection."""
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(lambda: Attached(connection), sock=connection))[1]
