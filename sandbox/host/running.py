"""A trusted entry in its own child, and the host's side of its channel of bounded frames."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from sandbox.errors import SandboxBroken
from sandbox.host.execution import Execution
from sandbox.inner.process.wire import HEADER, MAX_FRAME, send_with_fds
from sandbox.result import Result

_CHUNK = 1 << 16
_LAST_REPORT_S = 2.0
"""Seconds to wait for a child's last report after its channel closed: longer on a busy machine."""


class Frames:
    """Frames over a channel. They come from untrusted code: bounded, never parsed here."""

    _expected: int | None = None
    """Bytes of the next frame."""

    async def send(self, frame: bytes) -> None:
        """Send one frame. Raises SandboxBroken if the child has ended, ValueError if it exceeds 16 MiB."""
        if len(frame) > MAX_FRAME:
            raise ValueError(f"A frame has {len(frame)} bytes; at most {MAX_FRAME} go through a channel.")
        await self._send_all(HEADER.pack(len(frame)) + frame)

    async def receive(self) -> bytes | None:
        """Return the next frame; None once the child has ended, or sent an invalid frame."""
        if self._expected is None:
            header = await self._exactly(HEADER.size)
            if header is None:
                return None
            self._expected = int.from_bytes(header, "little")
        frame = await self._exactly(self._expected) if self._expected <= MAX_FRAME else None
        if frame is not None:
            self._expected = None
        return frame

    async def _send_all(self, content: bytes) -> None:
        raise NotImplementedError

    async def _exactly(self, size: int) -> bytes | None:
        """Return the next bytes, None at the end; a cancelled read consumes nothing."""
        raise NotImplementedError


class RunningEntry(Frames):
    """Returned by `Sandbox.start`."""

    def __init__(self, execution: Execution, connection: socket.socket, *, done: Callable[[], None]) -> None:
        """Calls `done` once the child is given back."""
        self.execution, self._connection, self._done = execution, connection, done
        self._child = execution.child
        self._loop = asyncio.get_running_loop()
        self._result: Result | None = None
        self._waiting = 0
        self._hung_up = False
        self._released = False
        self._unread = bytearray()

    def hand_over(self) -> socket.socket:
        """Return our end of the channel for another child; don't use it here afterwards."""
        # Blocking mode belongs to the open file description, which both processes share.
        os.set_blocking(self._connection.fileno(), True)
        return self._connection

    def hung_up(self) -> None:
        """Record that the child closed its end: the report of its end comes soon."""
        self._hung_up = True

    async def send_with(self, frame: bytes, line: socket.socket) -> None:
        """Send one frame together with a socket. Raises SandboxBroken if the child has ended."""
        content = HEADER.pack(len(frame)) + frame
        try:
            sent = send_with_fds(self._connection, content, [line.fileno()])
            if sent < len(content):
                await self._loop.sock_sendall(self._connection, content[sent:])
        except OSError as error:
            self._hung_up = True
            raise SandboxBroken("The child at the other end of the channel is gone.") from error

    async def finish(self) -> Result:
        """End the child if it still runs, and report how it ended."""
        if self._result is None:
            if self._hung_up:
                await asyncio.wait([self._child.ended], timeout=_LAST_REPORT_S)
            self.execution.end("cancel")
            try:
                self._result = await self.execution.result()
            finally:
                self._release()
        return self._result

    def _release(self) -> None:
        self.execution.close()
        self._released = True
        with suppress(OSError):  # the other end may be closed
            self._connection.shutdown(socket.SHUT_RDWR)
        self._close_when_idle()
        self._done()

    def _close_when_idle(self) -> None:
        if self._released and self._waiting == 0:
            self._connection.close()

    async def _send_all(self, content: bytes) -> None:
        self._waiting += 1
        try:
            await self._loop.sock_sendall(self._connection, content)
        except OSError as error:
            self._hung_up = True
            raise SandboxBroken("The child at the other end of the channel is gone.") from error
        finally:
            self._waiting -= 1
            self._close_when_idle()

    async def _exactly(self, size: int) -> bytes | None:
        self._waiting += 1
        try:
            while len(self._unread) < size:
                room = max(size - len(self._unread), _CHUNK)
                piece = await self._loop.sock_recv(self._connection, min(room, 1 << 20))
                if not piece:
                    self._hung_up = True
                    return None
                self._unread += piece
        except OSError:
            self._hung_up = True
            return None
        finally:
            self._waiting -= 1
            self._close_when_idle()
        content = bytes(self._unread[:size])
        del self._unread[:size]
        return content
