"""Pipes and sockets of programs, between which an agent moves bytes: none of them ever blocks it."""

from __future__ import annotations

import os
import selectors
import socket
import stat
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from sandbox.inner.stream import frames
from sandbox.inner.stream.frames import WINDOW, Window

_PIECE = frames.MAX_PAYLOAD


class Watched:
    """The descriptors of one agent, and the callbacks for when they are ready."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self._masks: dict[int, int] = {}
        self._callbacks: dict[tuple[int, int], Callable[[], None]] = {}

    def watch(self, descriptor: int, event: int, callback: Callable[[], None] | None) -> None:
        """Call `callback` whenever an event is ready; None stops that."""
        before = self._masks.get(descriptor, 0)
        if callback is None:
            self._callbacks.pop((descriptor, event), None)
            after = before & ~event
        else:
            self._callbacks[descriptor, event] = callback
            after = before | event
        if after == before:
            return
        self._masks[descriptor] = after
        if before == 0:
            self.selector.register(descriptor, after)
        elif after == 0:
            self.selector.unregister(descriptor)
            del self._masks[descriptor]
        else:
            self.selector.modify(descriptor, after)

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor, before it is closed."""
        for event in (selectors.EVENT_READ, selectors.EVENT_WRITE):
            self.watch(descriptor, event, None)

    def wait(self, seconds: float | None) -> None:
        """Wait for events, and run their callbacks."""
        for key, mask in self.selector.select(seconds):
            for event in (selectors.EVENT_READ, selectors.EVENT_WRITE):
                callback = self._callbacks.get((key.fd, event)) if mask & event else None
                if callback is not None:
                    callback()


class Source:
    """Reads as many bytes of a descriptor as the host grants, and sends them as a stream."""

    def __init__(
        self, watched: Watched, descriptor: int, channel: tuple[int, int], send: Callable[[bytes], None]
    ) -> None:
        """`channel`: number and stream. Closes the descriptor at its end, after which `ended` is True."""
        self._watched, self._descriptor, self._channel, self._send = watched, descriptor, channel, send
        self._credit = WINDOW
        self.ended = False
        os.set_blocking(descriptor, False)
        watched.watch(descriptor, selectors.EVENT_READ, self._read)

    def grant(self, amount: int) -> None:
        """Read up to `amount` bytes more."""
        if not self.ended:
            self._credit += amount
            self._watched.watch(self._descriptor, selectors.EVENT_READ, self._read)

    def close(self) -> None:
        """Stop reading. Idempotent."""
        if not self.ended:
            self.ended = True
            self._watched.forget(self._descriptor)
            os.close(self._descriptor)

    def _read(self) -> None:
        try:
            content = os.read(self._descriptor, min(self._credit, _PIECE))
        except BlockingIOError:
            return
        except OSError:  # the other end of a socket was reset
            content = b""
        if not content:
            self.close()
            self._send(frames.pack(frames.END, *self._channel))
            return
        self._credit -= len(content)
        self._send(frames.pack(frames.DATA, *self._channel, content))
        if self._credit == 0:
            self._watched.watch(self._descriptor, selectors.EVENT_READ, None)


class Sink:
    """Writes a stream of the host into a descriptor, and grants what it has written."""

    def __init__(
        self, watched: Watched, descriptor: int, channel: tuple[int, int], send: Callable[[bytes], None]
    ) -> None:
        """Keep the stream until `open` if `descriptor` is -1. Closes the descriptor at the stream's end."""
        self._watched, self._channel, self._send = watched, channel, send
        self._descriptor = -1
        self._waiting: deque[bytes] = deque()
        self._window = Window()
        self._at_end = self._broken = False
        self.on_closed: Callable[[], None] = lambda: None
        """Called when the sink closes, at the end of its stream or earlier."""
        if descriptor >= 0:
            self.open(descriptor)

    @property
    def is_ending(self) -> bool:
        """Whether the whole stream was received and is still being written."""
        return self._at_end and not self._broken

    @property
    def is_complete(self) -> bool:
        """Whether the whole stream is written."""
        return self._at_end and not self._waiting

    def open(self, descriptor: int) -> None:
        """Write into this descriptor from now on."""
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._go_on()

    def receive(self, content: bytes) -> None:
        """Receive a piece of the stream. Raises FrameError if it exceeds the grant."""
        self._window.receive(len(content))
        self._waiting.append(content)
        self._go_on()

    def end(self) -> None:
        """Close the descriptor once everything is written."""
        self._at_end = True
        self._go_on()

    def close(self) -> None:
        """Close the descriptor now, and drop what follows. Idempotent."""
        was_open, self._broken = not self._broken, True
        if self._descriptor >= 0:
            self._watched.forget(self._descriptor)
            _close(self._descriptor)
            self._descriptor = -1
        if was_open:
            self.on_closed()

    def _go_on(self) -> None:
        """Write what is possible without blocking, and the rest once the descriptor is ready."""
        while self._waiting and self._descriptor >= 0:
            piece = self._waiting[0]
            try:
                size = os.write(self._descriptor, piece)
            except BlockingIOError:
                self._watched.watch(self._descriptor, selectors.EVENT_WRITE, self._go_on)
                return
            except OSError:  # nobody reads it any more
                self.close()  # before the rest is dropped: it isn't complete
                break
            if size < len(piece):
                self._waiting[0] = piece[size:]
            else:
                self._waiting.popleft()
            self._consume(size)
        if self._broken:
            self._drop()
        elif self._descriptor >= 0:
            self._watched.watch(self._descriptor, selectors.EVENT_WRITE, None)
            if self._at_end:
                self.close()

    def _drop(self) -> None:
        size = sum(map(len, self._waiting))
        self._waiting.clear()
        self._consume(size)

    def _consume(self, size: int) -> None:
        amount = self._window.consume(size)
        if amount:
            self._send(frames.pack_credit(*self._channel, amount))


def _close(descriptor: int) -> None:
    """Close a descriptor; a socket's reader sees the end even if a copy of the socket stays open."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return
    with socket.socket(fileno=descriptor) as end, suppress(OSError):
        end.shutdown(socket.SHUT_WR)
