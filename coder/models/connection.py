"""HTTP to one endpoint: requests, and the JSON documents in which an answer comes.

httpx2 is loaded by the first call, or earlier in a thread by `import_http`.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from coder.errors import ModelUnavailable
from coder.models.endpoint import Api, Endpoint, base_of, parameters_of
from coder.models.retries import Passing

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response

SET_FOR_HTTP = "Is what the environment sets right: HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE?"
CONNECT_S = 10.0
LISTING_S = 2.0
"""Longest wait for a list of models: it only improves messages and defaults."""
MOST_LISTED, LONGEST_NAME = 10_000, 200
"""Models, and characters of a name."""
LARGEST_BODY = 64 << 20
"""Bytes of one response; the longest answers of today's models have half of it, as a stream."""
LARGEST_LINE = 8 << 20
"""Bytes of one event of a stream."""
ANTHROPIC_VERSION = "2026-10-21"
_OPENAI = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
"""Variables for which OpenAI alone has headers."""
PATHS: dict[Api, str] = {"chat": "/chat/completions", "responses": "/responses", "messages": "/messages"}


class TooLarge(Exception):
    """A response is larger than its limit."""


class StatusError(Exception):
    """An HTTP status other than success, or an error in the middle of a stream (status 200).

    Its text may quote the key, so nothing is raised `from` it.
    """

    def __init__(self, status: int, body: object, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = body
        """The JSON value of `error`, or else the whole body."""
        self.code: object = body.get("code") if isinstance(body, dict) else None
        """The endpoint's name of the error, such as `insufficient_quota`; None where it has none."""


def import_http() -> None:
    """Import the HTTP client with its transport: 0.2 s."""
    import httpx2

    httpx2.AsyncHTTPTransport(verify=False)


class Connection:
    """All sockets to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: AsyncClient | None = None

    async def open(self) -> "AsyncClient":
        """The client, made once; other tasks continue while it is imported."""
        if self._client is None:
            await asyncio.to_thread(import_http)
            from httpx2 import InvalidURL

            try:
                self._client = self._client or _client(self._endpoint)
            except (ImportError, InvalidURL, OSError, ValueError) as error:
                reason = f"{self._endpoint.name} can't be reached: {error}\n{SET_FOR_HTTP}"
                raise ModelUnavailable(reason) from None
        return self._client

    async def close(self) -> None:
        """Close every socket. Idempotent; a later call connects again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def models(self, *, timeout_s: float = LISTING_S) -> list[str]:
        """Names of the models that the endpoint lists; empty where it doesn't answer in time."""
        from httpx2 import HTTPError

        client = await self.open()
        try:
            async with asyncio.timeout(timeout_s), client.stream("GET", "/models") as reply:
                rows = json.loads(await _body(reply))["data"][:MOST_LISTED]
        except (HTTPError, TimeoutError, TooLarge, ValueError, LookupError, TypeError, RecursionError):
            return []
        names = [row.get("id") for row in rows if isinstance(row, dict)]
        return [name for name in names if isinstance(name, str) and len(name) <= LONGEST_NAME]

    async def events(
        self, body: dict[str, Any], on_bytes: Callable[[], None], *, api: Api, headers: dict[str, str]
    ) -> AsyncGenerator[object, None]:
        """The documents of one answer; `on_bytes` is called whenever a part of the body arrives.

        Raises:
            StatusError: the endpoint reports an error.
            Passing: a document can't be read.
            TooLarge: the body exceeds its limit.
            httpx2.RequestError: no connection, or it broke.
        """
        client = await self.open()
        async with client.stream("POST", PATHS[api], json=body, headers=headers) as response:
            if response.status_code >= 300:
                raise StatusError(response.status_code, _error(await _body(response)), response.headers)
            if response.headers.get("content-type", "").startswith("application/json"):
                document = _document(await _body(response, on_bytes))
                yield {"type": "response.completed", "response": document} if api == "responses" else document
                return
            async for data in _events(response, on_bytes):
                if data.startswith(b"[DONE]"):
                    continue  # what follows is read, so that the socket serves the next call
                document = _document(data)
                if isinstance(document, dict) and document.get("error"):
                    raise StatusError(200, document["error"], response.headers)
                yield document


def _client(endpoint: Endpoint) -> "AsyncClient":
    import httpx2

    url = endpoint.url.get_secret_value()
    base = base_of(url).rstrip("/")
    return httpx2.AsyncClient(
        base_url=base if endpoint.api != "messages" else f"{base.removesuffix('/v1')}/v1",
        headers=_headers(endpoint),
        params=parameters_of(url),
        # Neither key nor prompt follows a redirect; a server on this machine is not behind a proxy.
        follow_redirects=False,
        trust_env=not endpoint.is_local,
        # Reading certificates takes longer than everything else here, and plain HTTP needs none.
        verify=not (endpoint.is_local and url.startswith("http:")),
        timeout=httpx2.Timeout(None, connect=CONNECT_S),
    )


def _headers(endpoint: Endpoint) -> dict[str, str]:
    key = endpoint.key.get_secret_value() if endpoint.key else None
    headers = {"authorization": f"Bearer {key}"} if key else {}
    if endpoint.api == "messages":
        headers["anthropic-version"] = ANTHROPIC_VERSION
    if endpoint.limit_field != "max_tokens":  # OpenAI itself
        headers |= {header: value for name, header in _OPENAI.items() if (value := os.environ.get(name))}
    return headers


async def _body(response: "Response", on_bytes: Callable[[], None] = lambda: None) -> bytes:
    return b"".join([piece async for piece in _pieces(response, on_bytes)])


async def _pieces(response: "Response", on_bytes: Callable[[], None]) -> AsyncIterator[bytes]:
    left = LARGEST_BODY
    async for piece in response.aiter_bytes():
        left -= len(piece)
        if left < 0:
            raise TooLarge
        on_bytes()
        yield piece


async def _events(response: "Response", on_bytes: Callable[[], None]) -> AsyncIterator[bytes]:
    """The `data` of each server-sent event."""
    data: list[bytes] = []
    unended = b""
    async for piece in _pieces(response, on_bytes):
        *lines, unended = (unended + piece).split(b"\n")
        if len(unended) > LARGEST_LINE:
            raise TooLarge
        for line in map(bytes.rstrip, lines):
            name, _, value = line.partition(b":")
            if name == b"data":
                data.append(value)
            elif not line and data:
                yield b"\n".join(data).strip()
                data = []


def _document(text: bytes) -> object:
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise Passing(f"the answer is not valid JSON ({error})") from None
    except (ValueError, RecursionError):
        raise Passing("the answer can't be read: it is no document of an answer") from None
    return document


def _error(body: bytes) -> object:
    """The error in a body, as JSON where it is any."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace").strip()
    return document.get("error", document) if isinstance(document, dict) else document
