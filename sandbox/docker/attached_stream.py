"""An upgraded connection to a container: bytes in; stdout and stderr out, multiplexed by the engine.

Nothing is buffered here: a consumer that can't take more pauses the reader.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from sandbox.errors import SandboxBroken
from sandbox.host.output import Stream

_HEADER = struct.Struct(">BxxxI")
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
_CHUNK = 1 << 16


class Demultiplexer:
    """Splits the engine's stream. Pieces are returned as they come, whatever length their header says."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._stream: Stream = "stdout"

    def feed(self, content: bytes) -> list[tuple[Stream, bytes]]:
        """What was in some bytes, in order.

        Raises:
            ValueError: that isn't the engine's format.
        """
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


class Attached:
    """Our end. `on_data` gets each piece; `on_end` is called once, when the engine has no more or is gone."""

    def __init__(
        self, connection: socket.socket, on_data: Callable[[Stream, bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.connection = connection
        self.on_data, self.on_end = on_data, on_end
        self._parted = Demultiplexer()
        self._reading = False
        self._waiting = 0
        self.ended = False
        self._closed = False
        self.resume()

    def pause(self) -> None:
        """Read no more for now: the engine, and then the program, waits."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self.connection)

    def resume(self) -> None:
        """Read on."""
        if not self._reading and not self.ended:
            self._reading = True
            self._loop.add_reader(self.connection, self._read)

    async def send(self, content: bytes) -> None:
        """Send all of it.

        Raises:
            SandboxBroken: the other end is gone.
        """
        self._waiting += 1
        try:
            await self._loop.sock_sendall(self.connection, content)
        except OSError as error:
            raise SandboxBroken("The process in the container is gone.") from error
        finally:
            self._waiting -= 1
            self._close_when_idle()

    def say(self, line: str) -> None:
        """Send a short line at once; one that can't be sent is lost with its connection."""
        try:
            self.connection.send(line.encode() + b"\n")
        except OSError:
            self._end()

    def close(self) -> None:
        """Let go of the connection; `on_end` isn't called any more. Idempotent."""
        self.pause()
        self.ended = True
        self._closed = True
        with suppress(OSError):  # the other end may be gone
            self.connection.shutdown(socket.SHUT_RDWR)
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        """A socket that someone waits on stays open until they have heard of its end."""
        if self._closed and self._waiting == 0:
            self.connection.close()

    def _read(self) -> None:
        try:
            content = self.connection.recv(_CHUNK)
            pieces = self._parted.feed(content)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            content, pieces = b"", []
        for stream, piece in pieces:
            self.on_data(stream, piece)
        if not content:
            self._end()

    def _end(self) -> None:
        if not self.ended:
            self.pause()
            self.ended = True
            self.on_end()
