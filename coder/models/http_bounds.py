"""BoundedTransport: HTTP to one endpoint, with limits on the headers sent and the bytes received."""

from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from urllib.request import getproxies, proxy_bypass

import httpx2

MAX_BODY = 64 << 20
"""Maximum bytes of one response; streams of the longest answers have half of that."""
MAX_LINE = 8 << 20
"""Maximum bytes of one line in a stream of events."""
ON_BYTES: ContextVar[Callable[[], None]] = ContextVar("ON_BYTES", default=lambda: None)
"""Callback for each part of a response whose request was sent in this context."""


class TooLarge(httpx2.StreamError):
    """A response is larger than its limit."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Maximum bytes to read of one response."""

    body: int = MAX_BODY
    stream: int | None = MAX_BODY
    """Maximum bytes of a whole stream of events; None: no limit."""
    line: int = MAX_LINE
    """Maximum bytes of a line in a stream of events."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """HTTP transport whose responses raise `TooLarge` while they are read, if they exceed their bounds.

    Responses are requested uncompressed, because the size of a compressed one is known too late. A compressed
    response raises `httpx2.DecodingError`.
    """

    def __init__(
        self,
        url: str,
        *,
        sent: frozenset[str] | None = None,
        verify: bool = True,
        use_proxy: bool = True,
        bounds: Bounds | None = None,
    ) -> None:
        """Choose the proxy for this URL from the environment.

        Args:
            url: the endpoint's address.
            sent: names of the headers to send; None: all.
            verify: check the certificate of the endpoint.
            use_proxy: use a proxy that the environment names.
            bounds: limits of a response; None: those for answers of models.
        """
        address = httpx2.URL(url)
        proxies = getproxies() if use_proxy and not proxy_bypass(address.netloc.decode()) else {}
        proxy = proxies.get(address.scheme) or proxies.get("all")
        self._inner = httpx2.AsyncHTTPTransport(verify=verify, proxy=proxy)
        self._sent, self._bounds = sent, bounds or Bounds()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        headers = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name != "accept-encoding" and (self._sent is None or name in self._sent)
        ]
        headers.append(("accept-encoding", "identity"))
        # A copy, because the vendor's client reads the headers of its request again.
        bounded_request = httpx2.Request(
            request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        response = await self._inner.handle_async_request(bounded_request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the server compresses its answer though it was asked not to")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        max_bytes = self._bounds.stream if is_stream else self._bounds.body
        line = self._bounds.line if is_stream else self._bounds.body
        response.stream = _Bounded(
            response.stream, max_bytes=inf if max_bytes is None else max_bytes, max_line=line
        )
        return response

    async def aclose(self) -> None:
        """Close every socket."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream, *, max_bytes: float, max_line: int) -> None:
        self._body, self._max_bytes, self._max_line = body, max_bytes, max_line
        self._on_bytes = ON_BYTES.get()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = line_size = 0
        async for piece in self._body:
            size += len(piece)
            line_start = piece.rfind(b"\n") + 1
            line_size = len(piece) - line_start if line_start else line_size + len(piece)
            if size > self._max_bytes or line_size > self._max_line:
                limit = self._max_line if line_size > self._max_line else self._max_bytes
                raise TooLarge(f"the answer has more than {limit:,} bytes")
            self._on_bytes()
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()
