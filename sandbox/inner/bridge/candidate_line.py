"""The checker's connection to the candidate: a socket, or frames relayed by the host.

The first byte of a frame between host and checker is its kind; a frame to the process that clones candidates
is only such a byte.
"""

from __future__ import annotations

from sandbox.inner.bridge.frame_log import FrameLog
from sandbox.inner.process.wire import Channel, FrameTooLarge

TO_CANDIDATE, REPORT, AGAIN = b"C", b"R", b"N"
"""From the checker: a request that the host relays unread, a report, a request for another candidate."""
FROM_CANDIDATE, ENDED, TIMED_OUT = b"A", b"E", b"T"
"""To the checker: the candidate's answer, or the host's notice that no more will come."""
LOST = b"L"
"""From a checker whose socket to the candidate closed: asks how the candidate ended."""
BEGIN, END, HUNG_UP = b"B", b"X", b"H"
"""To the cloning process: start a candidate on the attached socket, end it, end it after it hung up."""
MAX_RECEIVED = 512 << 20
"""Bytes that a candidate may send over its own socket."""


class CandidateLine:
    """Send requests; receive answers or the host's notice that there will be none."""

    def __init__(self, host: Channel | None, direct: Channel | None = None, *, keeps: bool = False) -> None:
        """`keeps`: whether `frame_log` keeps the frames."""
        self.frame_log = FrameLog(keeps=keeps)
        self.sent: bytes | None = None
        """The first request since this was set to None."""
        self.received = b""
        """The latest frame."""
        self.substitutes: dict[bytes, list[bytes]] = {}
        """Frames to receive, by request, in place of the candidate's answers."""
        self._substitute: bytes | None = None
        self._latest = b""
        self._host, self._direct = host, direct
        self._count = 0
        self._lost = False

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.sent = self.sent or request
        self._latest = request
        self._substitute = self.substitutes[request].pop() if self.substitutes.get(request) else None
        if self._substitute is not None:
            return
        if self._direct is None:
            assert self._host is not None
            self._host.send(TO_CANDIDATE + request)
            return
        try:
            self._direct.send(request)
        except (OSError, FrameTooLarge):
            self._lost = True

    def receive(self) -> bytes | None:
        """Receive a frame beginning with FROM_CANDIDATE, ENDED or TIMED_OUT; None once the host is gone."""
        frame, self._substitute = self._substitute, None
        if frame is None:
            assert self._host is not None
            frame = self._host.receive() if self._direct is None else self._answer(self._direct)
        self.received = frame or b""
        self.frame_log.note(self._latest, self.received)
        return frame

    def _answer(self, direct: Channel) -> bytes | None:
        if not self._lost:
            try:
                answer = direct.receive()
            except (OSError, FrameTooLarge):
                answer = None
            self._count += len(answer or b"")
            if answer is not None and self._count <= MAX_RECEIVED:
                return FROM_CANDIDATE + answer
            self._lost = True
        assert self._host is not None
        self._host.send(LOST)
        return self._host.receive()

    def close(self) -> None:
        """Close the socket, which ends the candidate."""
        if self._direct is not None:
            self._direct.close()
