"""TlsEnd: TLS over an end of a connection, which may be a socket or a stream of an agent."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sandbox.network.doors import End

T = TypeVar("T")
_CHUNK = 1 << 16


class TlsEnd:
    """An end whose bytes travel by TLS over another end; one task at a time uses it."""

    def __init__(self, end: End, context: ssl.SSLContext, *, host: str | None = None) -> None:
        """Run TLS over an end.

        Args:
            host: name of the server at the other side, which its certificate must have; None if this side
                is the server.
        """
        self._end = end
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=host is None, server_hostname=host
        )

    async def open(self) -> None:
        """Perform the handshake. Raises OSError if the other side can't be trusted, or hangs up."""
        await self._step(self._tls.do_handshake)

    async def receive(self) -> bytes:
        """Return some bytes; empty at the end."""
        try:
            return await self._step(lambda: self._tls.read(_CHUNK))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def send(self, content: bytes) -> None:
        """Send everything."""
        if content:
            await self._step(lambda: self._tls.write(content))

    async def end(self) -> None:
        """Notify the other side that nothing more is sent."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        await self._flush()

    def finish(self) -> None:
        """Stop sending."""
        self._end.finish()

    def close(self) -> None:
        """Close both directions."""
        self._end.close()

    async def _step(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                received = await self._end.receive()
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if waiting := self._outgoing.read():
            await self._end.send(waiting)
