"""Get a page of the web by the rules of the sandbox's proxy: an allowed host, and its public address."""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urljoin

import httpcore2

from coder.tools.web_address import Address, parse_url
from sandbox.network.allowed_hosts import normalize_host
from sandbox.network.outside_lookup import Outside
from sandbox.network.proxy import Network, RequestRefused
from sandbox.network.proxy_request import ProxyRequest

MAX_BODY = 4 << 20
"""Bytes of a page that are read; the rest is left out."""
MAX_REDIRECTS = 5
_PAGE_S, _READ_S = 30.0, 20.0
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = [
    ("User-Agent", "coder"),
    ("Accept", "text/html, text/*, */*;q=0.5"),
    ("Accept-Encoding", "identity"),  # the size of a compressed page is known too late
]

MayReach = Callable[[str, int], bool]
"""Function that returns whether a host may be reached at a port."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of a server."""

    url: str
    status: int
    media_type: str
    """In lower case, such as `text/html`."""
    charset: str | None
    body: bytes
    is_whole: bool
    """Whether no byte of the body was left out."""
    redirect: str | None
    """URL of another host, to which the server redirects."""


async def get_page(
    address: Address,
    *,
    may_reach: MayReach,
    outside: Outside | None = None,
    tls: ssl.SSLContext | None = None,
) -> Page:
    """Get a page, and follow redirects to hosts that may be reached.

    Args:
        may_reach: called again for each redirect.
        outside: resolves names and connects; None: by this machine's own means.
        tls: certificates to trust; None: the usual ones.

    Raises:
        ValueError: there is no page; the message is for the model.
    """

    async def ask(host: str, port: int) -> bool:
        return may_reach(host, port)

    network = Network((), outside=outside, without=frozenset(), ask=ask)
    try:
        async with (
            asyncio.timeout(_PAGE_S),
            httpcore2.AsyncConnectionPool(ssl_context=tls, network_backend=_Backend(network)) as pool,
        ):
            for _ in range(MAX_REDIRECTS + 1):
                page = await _get(pool, address)
                if page.redirect is None:
                    return page
                next_address = parse_url(page.redirect)
                if not may_reach(next_address.host, next_address.port):
                    return page
                address = next_address
    except RequestRefused as error:
        raise ValueError(f"{error.reason}.") from error
    except TimeoutError as error:
        raise ValueError("The page did not come in time.") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError) as error:
        raise ValueError(f"The page can't be read: {error or type(error).__name__}.") from error
    raise ValueError(f"There were more than {MAX_REDIRECTS} redirects, the last one to {address.url}.")


async def _get(pool: httpcore2.AsyncConnectionPool, address: Address) -> Page:
    """Get one page. Raises ValueError, and what httpcore2 and the proxy's rules raise."""
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _READ_S)
    async with pool.stream("GET", address.url, headers=_HEADERS, extensions={"timeout": timeouts}) as answer:
        fields = Message()
        for name, value in answer.headers:
            fields[name.decode("ascii", "replace")] = value.decode("latin-1")
        encoding = fields.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise ValueError("The server sends the page compressed, although it was asked not to.")
        location = fields.get("location") if answer.status in _REDIRECTS else None
        body, is_whole = (b"", True) if location else await _read(answer)
        return Page(
            url=address.url,
            status=answer.status,
            media_type=fields.get_content_type() if "content-type" in fields else "",
            charset=fields.get_content_charset(),
            body=body,
            is_whole=is_whole,
            redirect=urljoin(address.url, location) if location else None,
        )


async def _read(answer: httpcore2.Response) -> tuple[bytes, bool]:
    """Read a body up to its limit; return it, and whether it is complete."""
    body = bytearray()
    async for piece in answer.aiter_stream():
        body += piece
        if len(body) > MAX_BODY:
            return bytes(body[:MAX_BODY]), False
    return bytes(body), True


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connects only to addresses to which the proxy of a sandbox would connect."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        name = normalize_host(f"[{host}]" if ":" in host else host)
        connection = await self._network.connect(ProxyRequest(name, port, b""))
        return _Stream(*await asyncio.open_connection(sock=connection))


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection, with or without TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        async with asyncio.timeout(timeout):
            return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._writer.write(buffer)
        async with asyncio.timeout(timeout):
            await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        async with asyncio.timeout(timeout):
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        return self
