"""Connection: an SDK's client for one endpoint, made at the first call, closed in every path."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from coder.models.endpoint import Endpoint, base_of, parameters_of, sdk_of
from coder.models.sdk import http_library, load_sdk

if TYPE_CHECKING:
    from httpx2 import AsyncByteStream, Response
    from openai import AsyncOpenAI

CONNECT_S = 10.0
LISTING_S = 2.0
"""Longest wait for a list of models: it only makes messages and defaults better."""


MOST_LISTED = 10_000
LONGEST_NAME = 200
"""Characters of a model's name."""

# What reading documents with numbers, nests and names of any kind raises, in the SDK and behind it.
UNREADABLE = (ValueError, TypeError, AttributeError, RecursionError)

LARGEST_BODY = 64 << 20
"""Bytes of one response; the longest answers of today's models have half of it, as a stream."""


LARGEST_LINE = 8 << 20
"""Bytes of one event of a stream."""


class TooLarge(Exception):
    """A response goes on beyond what is taken of one."""


class _Shared:
    """One client of the SDK, for every connection to the same place in the same event loop."""

    def __init__(self, client: "AsyncOpenAI") -> None:
        self.client = client
        self.users = 0


_CLIENTS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = WeakKeyDictionary()


class Connection:
    """Every socket to one endpoint. Several to the same place share one client; the last one closes it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._shared: _Shared | None = None

    async def client(self) -> "AsyncOpenAI":
        """The SDK's client."""
        if self._shared is None:
            # The import takes 0.2 s; whatever else runs goes on meanwhile.
            await asyncio.to_thread(load_sdk, sdk_of(self._endpoint.api))
        if self._shared is None:  # two calls may have begun at the same time
            clients = _CLIENTS.setdefault(asyncio.get_running_loop(), {})
            if self._endpoint.place not in clients:
                clients[self._endpoint.place] = _Shared(_client(self._endpoint))
            self._shared = clients[self._endpoint.place]
            self._shared.users += 1
        return self._shared.client

    async def close(self) -> None:
        """Close every socket, unless others use them. Idempotent; a later call connects again."""
        shared, self._shared = self._shared, None
        if shared is None:
            return
        shared.users -= 1
        if not shared.users:
            _CLIENTS.get(asyncio.get_running_loop(), {}).pop(self._endpoint.place, None)
            await shared.client.close()

    async def models(self, *, timeout_s: float = LISTING_S) -> list[str]:
        """Names of the models that the endpoint lists; none where it doesn't say so within the time."""
        client = await self.client()
        try:
            async with asyncio.timeout(timeout_s):
                page = await client.models.list()
        except (load_sdk(sdk_of(self._endpoint.api)).APIError, TimeoutError, *UNREADABLE):
            return []
        rows = getattr(page, "data", None)
        names = [getattr(row, "id", None) for row in rows[:MOST_LISTED]] if isinstance(rows, list) else []
        return [name for name in names if isinstance(name, str) and len(name) <= LONGEST_NAME]


async def read_body(response: "Response", sdk: str) -> bytes:
    """The whole body of a response that the SDK would have streamed.

    Raises:
        APIConnectionError: the SDK's; it broke off; the SDK says so itself only while it streams.
    """
    with broken(sdk):
        return await response.aread()


@contextmanager
def broken(sdk: str) -> Iterator[None]:
    """Say the HTTP library's own errors as the SDK says them: it reads some bodies without doing so.

    Raises:
        APIConnectionError: the SDK's; a body broke off, or isn't packed as it says.
    """
    try:
        yield
    except http_library(sdk).RequestError as error:
        raise load_sdk(sdk).APIConnectionError(request=error.request) from error


@cache
def _bounded(library: str) -> Any:  # noqa: ANN401  (a class of a library that is known when it runs)
    class Bounded(import_module(library).AsyncByteStream):  # type: ignore[misc]
        """A response's bytes, no more than anyone could use."""

        def __init__(self, response: "Response") -> None:
            self._stream = cast("AsyncByteStream", response.stream)
            self._has_lines = "event-stream" in response.headers.get("content-type", "")
            self.on_bytes: Callable[[], None] | None = None
            """Called for whatever comes, also for what the SDK passes over, such as comments of a stream."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left, line = LARGEST_BODY, 0
            async for piece in self._stream:
                left -= len(piece)
                line = 0 if b"\n" in piece else line + len(piece)
                if left < 0 or (self._has_lines and line > LARGEST_LINE):
                    raise TooLarge
                if self.on_bytes is not None:
                    self.on_bytes()
                yield piece

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Bounded


def listen(response: "Response", on_bytes: Callable[[], None]) -> None:
    """Have somebody called whenever anything of a response's body comes."""
    cast(Any, response.stream).on_bytes = on_bytes


async def _bound(response: "Response") -> None:
    response.encoding = "utf-8"  # whatever it says of itself: there are charsets that nothing is written in
    # httpx2, or httpx below version 3 of the SDK.
    response.stream = _bounded(type(response).__module__.partition(".")[0])(response)


def _client(endpoint: Endpoint) -> "AsyncOpenAI":
    sdk, url = load_sdk(sdk_of(endpoint.api)), endpoint.url.get_secret_value()
    is_anthropic = endpoint.api == "messages"
    kind = partial(sdk.AsyncAnthropic, open_telemetry=False) if is_anthropic else sdk.AsyncOpenAI
    client: AsyncOpenAI = kind(
        # The SDK insists on a key; an endpoint that wants none ignores it.
        api_key=endpoint.key.get_secret_value() if endpoint.key else "none",
        base_url=base_of(url).rstrip("/").removesuffix("/v1") if is_anthropic else base_of(url),
        default_query=parameters_of(url),
        max_retries=0,
        http_client=sdk.DefaultAsyncHttpxClient(
            # Neither key nor prompt goes where nobody sent it; what runs here is not behind a proxy.
            follow_redirects=False,
            trust_env=not endpoint.is_local,
            # Reading certificates takes longer than everything else here, and plain HTTP needs none.
            verify=not (endpoint.is_local and url.startswith("http:")),
            timeout=sdk.Timeout(None, connect=CONNECT_S),
            event_hooks={"response": [_bound]},
        ),
    )
    if endpoint.limit_field == "max_tokens" and not is_anthropic:
        # Read from OPENAI_ORG_ID and OPENAI_PROJECT_ID: nobody's business but OpenAI's.
        client.organization = client.project = None
    return client
