"""An upgraded connection to a container: stdin, and stdout and stderr multiplexed by the engine."""

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
    """Splits the engine's stream; returns pieces as they come, without waiting for whole frames."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._stream: Stream = "stdout"

    def feed(self, content: bytes) -> list[tuple[Stream, bytes]]:
        """Return the data in received bytes, in order. Raises ValueError if the engine's format is broken."""
        parts: list[tuple[Stream, bytes]] = []
        rest = memoryview(content)
        while rest:
            if self._left == 0:
                missing = _HEADER.size - len(self._header)
                self._header, rest = self._header + bytes(rest[:missing]), rest[missing:]
                if len(self._header) == _HEADER.size:
                    number, self._left = _HEADER.unpack(self._header)
                    self._header = b""
                    if number not in _STREAMS:
                        raise ValueError(f"the engine speaks of a stream {number}")
                    self._stream = _STREAMS[number]
            else:
                parts.append((self._stream, bytes(rest[: self._left])))
                size = len(parts[-1][1])
                self._left, rest = self._left - size, rest[size:]
        return parts


class Attached(asyncio.Protocol):
    """Our end, a `sandbox.stream.link.ByteStream`. Calls `on_end` once, when the engine's data ends."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.on_data: Callable[[bytes], None] = lambda content: None
        self.on_words: Callable[[bytes], None] = lambda content: None
        self.on_end: Callable[[], None] = lambda: None
        self.transport: asyncio.Transport
        self._parted = Demultiplexer()
        self._sent = asyncio.Event()
        self._sent.set()
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport and disable its write buffer, so that `send` awaits all data."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Note that data waits to be sent."""
        self._sent.clear()

    def resume_writing(self) -> None:
        """Note that all data is sent."""
        self._sent.set()

    def data_received(self, data: bytes) -> None:
        """Pass on received data."""
        try:
            pieces = self._parted.feed(data)
        except ValueError:
            self.transport.abort()
            return
        for stream, piece in pieces:
            (self.on_data if stream == "stdout" else self.on_words)(piece)

    def eof_received(self) -> None:
        """Note that the engine has no more data."""
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the engine disconnected."""
        self._sent.set()
        if not self.ended:
            self.ended = True
            self.on_end()

    async def send(self, content: bytes) -> None:
        """Send all bytes. Raises SandboxBroken if the other end is closed."""
        if not self.ended:
            self.transport.write(content)
            await self._sent.wait()
        if self.ended or self.transport.is_closing():  # the latter alone where the write failed at once
            raise SandboxBroken("The process in the container is gone.")

    def say(self, content: bytes) -> None:
        """Send a short message, or drop it if the connection is lost."""
        if not self.ended:
            self.transport.write(content)

    def close(self) -> None:
        """Close the connection without calling `on_end`. Idempotent."""
        self.ended = True
        with suppress(OSError):  # the other end may be closed
            self.connection.shutdown(socket.SHUT_RDWR)
        self.transport.abort()


async def attach(connection: socket.socket) -> Attached:
    """Take over a connection."""
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(lambda: Attached(connection), sock=connection))[1]
