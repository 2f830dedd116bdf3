"""Connections of the server: limits on open ones without a caller, and on the time for a request to arrive.

These limits, and the longest body that `AccessMiddleware` accepts, bound the memory that a client can use
before it has shown a token.
"""

import asyncio
import time
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from coder.platform.server.problems import Problem

_ARRIVING = (h11.IDLE, h11.SEND_BODY)
"""States of a client whose request isn't complete."""


class HttpConnection(H11Protocol):
    """One connection, created by uvicorn (`uvicorn.Config(http=HttpConnection)`)."""

    complete_s: ClassVar[float] = 60.0
    """Seconds for the head and body of a request, from the connection's start or the previous request's
    end."""
    strangers: ClassVar[int] = 512
    """Number of connections without a caller; one more closes the oldest of them."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a new connection; close the oldest one without a caller if there are too many."""
        self._since, self._limit = time.monotonic(), None
        super().connection_made(transport)
        self._check_limit()
        strangers = [
            connection
            for connection in self.connections
            if isinstance(connection, HttpConnection) and connection._is_stranger()
        ]
        if len(strangers) > self.strangers:
            min(strangers, key=lambda connection: connection._since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for the rest of a request."""
        self._end_limit()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Handle the received part of requests."""
        super().handle_events()
        self._check_limit()

    def _is_stranger(self) -> bool:
        """Return whether the latest request has no caller, or no request has arrived."""
        return not self.transport.is_closing() and (
            self.scope is None or self.scope.get("coder.caller") is None
        )

    _since: float
    _limit: asyncio.TimerHandle | None

    def _check_limit(self) -> None:
        if self.conn.their_state not in _ARRIVING or self.transport.is_closing():
            self._end_limit()
        elif self._limit is None:
            self._limit = self.loop.call_later(self.complete_s, self._end_late)

    def _end_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _end_late(self) -> None:
        """Close a connection whose request hasn't arrived; answer 408 if no answer has begun."""
        if self.conn.our_state is h11.SEND_RESPONSE or self.conn.trailing_data[0]:
            reason = f"{self.complete_s:g} s are the most."
            problem = Problem(408, "The request didn't arrive.", reason, "Send it again, faster.").response()
            length = ("content-length", str(len(problem.body)))
            headers = [("content-type", problem.media_type or ""), length, ("connection", "close")]
            answer = h11.Response(status_code=408, headers=headers, reason=b"Request Timeout")
            events = (answer, h11.Data(data=bytes(problem.body)), h11.EndOfMessage())
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()
