"""BoundedTransport: HTTP to one endpoint, bounded in what goes out and in what comes back."""

from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from urllib.request import getproxies, proxy_bypass

import httpx2

LARGEST_BODY = 64 << 20
"""Bytes of one response; the longest answers of today's models have half of it, as a stream."""
LARGEST_LINE = 8 << 20
"""Bytes of one line of a stream of events."""
ON_BYTES: ContextVar[Callable[[], None]] = ContextVar("ON_BYTES", default=lambda: None)
"""Called whenever a part of a response arrives whose request was sent in this context."""


class TooLarge(httpx2.StreamError):
    """A response is larger than its limit."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most bytes that are read of one response."""

    body: int = LARGEST_BODY
    stream: int | None = LARGEST_BODY
    """Of a whole stream of events; None: it may go on for as long as its connection."""
    line: int = LARGEST_LINE
    """Of a line in a stream of events."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """HTTP whose responses raise `TooLarge` as they are read, once they exceed their bounds.

    Bodies are asked for uncompressed, as the size of a compressed one is known too late; a server that
    compresses nevertheless raises `httpx2.DecodingError`.
    """

    def __init__(
        self,
        url: str,
        *,
        sent: frozenset[str] | None = None,
        verify: bool = True,
        trust_env: bool = True,
        bounds: Bounds | None = None,
    ) -> None:
        """Choose the environment's proxy for this URL.

        Args:
            url: of the endpoint.
            sent: names of the headers that are sent; None: all.
            verify: check the certificate of the endpoint.
            trust_env: take proxies and certificates from the environment.
            bounds: None: those for answers of models.
        """
        address = httpx2.URL(url)
        proxies = getproxies() if trust_env and not proxy_bypass(address.netloc.decode()) else {}
        proxy = proxies.get(address.scheme) or proxies.get("all")
        self._inner = httpx2.AsyncHTTPTransport(verify=verify, trust_env=trust_env, proxy=proxy)
        self._sent, self._bounds = sent, bounds or Bounds()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        headers = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name != "accept-encoding" and (self._sent is None or name in self._sent)
        ]
        headers.append(("accept-encoding", "identity"))
        # A copy: the client of the vendor reads its own headers in the request once more.
        wired = httpx2.Request(
            request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        response = await self._inner.handle_async_request(wired)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the server compresses its answer though it was asked not to")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        most = self._bounds.stream if is_stream else self._bounds.body
        line = self._bounds.line if is_stream else self._bounds.body
        response.stream = _Bounded(response.stream, most=inf if most is None else most, most_in_line=line)
        return response

    async def aclose(self) -> None:
        """Close every socket."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream, *, most: float, most_in_line: int) -> None:
        self._body, self._most, self._most_in_line = body, most, most_in_line
        self._on_bytes = ON_BYTES.get()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = in_line = 0
        async for piece in self._body:
            size += len(piece)
            ended = piece.rfind(b"\n") + 1
            in_line = len(piece) - ended if ended else in_line + len(piece)
            if size > self._most or in_line > self._most_in_line:
                limit = self._most_in_line if in_line > self._most_in_line else self._most
                raise TooLarge(f"the answer has more than {limit:,} bytes")
            self._on_bytes()
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()
