"""A candidate on a line of its own: no host between, but for the word of how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.inner.bridge.frames import FROM_CANDIDATE, LOST
from sandbox.inner.process.channel import FrameTooLarge

if TYPE_CHECKING:
    from sandbox.inner.process.channel import Channel

MAX_HEARD = 512 << 20
"""Bytes of one trial that a candidate may send."""


class Peer:
    """Looks to a link as the host's channel does. What comes over the line is bounded."""

    def __init__(self, host: Channel, line: Channel) -> None:
        self._host, self._line = host, line
        self._heard = 0
        self._lost = False

    def send(self, frame: bytes) -> None:
        """Send a request on, without the byte that says whom it is for."""
        try:
            self._line.send(frame[1:])
        except (OSError, FrameTooLarge):
            self._lost = True

    def receive(self) -> bytes | None:
        """The candidate's answer, or the host's word that there will be none."""
        if not self._lost:
            try:
                answer = self._line.receive()
            except (OSError, FrameTooLarge):
                answer = None
            self._heard += len(answer or b"")
            if answer is not None and self._heard <= MAX_HEARD:
                return FROM_CANDIDATE + answer
            self._lost = True
        self._host.send(LOST)
        return self._host.receive()


class Tap:
    """A channel whose last frames can be looked at."""

    def __init__(self, channel: Channel | Peer) -> None:
        self._channel = channel
        self.sent: bytes | None = None
        """The first one since this was set to None."""
        self.received = b""

    def send(self, frame: bytes) -> None:
        """Send a frame on."""
        self.sent = self.sent or frame
        self._channel.send(frame)

    def receive(self) -> bytes | None:
        """The next frame."""
        frame = self._channel.receive()
        self.received = frame or b""
        return frame
