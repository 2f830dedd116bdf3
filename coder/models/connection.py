"""Calls to one endpoint through its vendor's client: OpenAI's for all compatible endpoints, or Anthropic's.

A client is imported by the first call, or earlier in a thread by `import_client`. The events of an answer are
passed on as JSON: the clients' types would reorder reasoning that must be sent back verbatim.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from coder.base.errors import MissingExtra, ModelUnavailable
from coder.models.endpoint import Api, Endpoint, base_of, parameters_of
from coder.models.lazy_package import import_lazily
from coder.models.retries import Passing
from coder.models.tokens import field, rows, word

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import AsyncClient
    from openai import AsyncOpenAI

SET_FOR_HTTP = "Is what the environment sets right: HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE?"
CONNECT_S = 10.0
LISTING_S = 2.0
"""Longest wait for a list of models: it only improves messages and defaults."""
MAX_LISTED, MAX_NAME = 10_000, 200
"""Maximum number of models in a list, and of characters in a model's name."""
_NO_KEY = "none"
"""Both clients require a key; this placeholder is removed from requests."""
# Both clients add headers from the environment and about this machine; only these headers are sent.
_HEADERS = frozenset(
    {"accept", "anthropic-version", "authorization", "connection", "content-length", "content-type", "host"}
    | {"transfer-encoding", "user-agent", "x-api-key", "x-grok-conv-id"}
)
_OPENAI_HEADERS = frozenset({"openai-organization", "openai-project"})
_END_MARK = "[DONE]"
"""Data of the last event of a stream of chat completions."""
WHOLE: Final = object()
"""Follows the documents of an answer if all of it was received."""
_BEARER: Any = {"security": {"bearer_auth": True}}
"""Option that OpenAI's client sets in its own methods: use the user's key, not an administrator's."""
_PATHS: dict[Api, str] = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}


class StatusError(Exception):
    """An HTTP status other than success, or an error in the middle of a stream (status 200).

    The text may quote the key, so no error is raised `from` a StatusError.
    """

    def __init__(self, status: int, body: object, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers
        self.body = body.get("error", body) if isinstance(body, dict) else body
        """The JSON value of `error`, or else the whole body."""
        self.code: object = field(self.body, "code")
        """The endpoint's name of the error, such as `insufficient_quota`, or None."""
        self.parameter: object = field(self.body, "param")
        """The parameter that the error is about, or None."""


def require_client(api: Api) -> None:
    """Raise MissingExtra if the client for an API isn't installed; Anthropic's is an extra."""
    if api == "messages" and find_spec("anthropic") is None:
        raise MissingExtra("The client of Anthropic's models", "anthropic")


def import_client(api: Api = "chat") -> ModuleType:
    """Import the client for an API. Raises MissingExtra."""
    require_client(api)
    name = "anthropic" if api == "messages" else "openai"
    import_lazily("openai.types")  # Anthropic's client uses nearly all of its types by itself
    if name not in sys.modules and find_spec("aiohttp") is not None:  # else the client names what is missing
        import_lazily(f"{name}._vendor.httpx_aiohttp")
    return import_module(name)


class EndpointConnection:
    """The HTTP client of one endpoint, with all its sockets."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client: AsyncOpenAI | AsyncAnthropic | None = None

    async def open(self) -> "AsyncOpenAI | AsyncAnthropic":
        """Create the client once; other tasks continue during its import."""
        if self._client is None:
            await asyncio.to_thread(import_client, self._endpoint.api)
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
            await client.close()

    async def models(self, *, timeout_s: float = LISTING_S) -> list[str]:
        """Return the models that the endpoint lists; empty if it doesn't answer in time."""
        from httpx2 import HTTPError

        from coder.models.http_bounds import TooLarge

        client, sdk = await self.open(), import_client(self._endpoint.api)
        path = "/v1/models" if self._endpoint.api == "messages" else "/models"
        try:
            async with asyncio.timeout(timeout_s):
                document = await client.get(path, cast_to=object)
        except (sdk.APIError, HTTPError, TimeoutError, TooLarge, ValueError, RecursionError):
            return []
        names = [word(row, "id") for row in rows(document, "data")[:MAX_LISTED]]
        return [name for name in names if name and len(name) <= MAX_NAME]

    async def embeddings(self, body: dict[str, Any]) -> object:
        """Return the JSON document that answers `POST /embeddings` (OpenAI's API reference, "Embeddings").

        Raises StatusError, Passing, TooLarge and httpx2.RequestError as `events` does.
        """
        client, sdk = await self.open(), import_client(self._endpoint.api)
        try:
            return await client.post("/embeddings", body=body, options=_BEARER, cast_to=object)
        except (sdk.APIError, ValueError, RecursionError) as error:
            fault = _fault_of(error, sdk)
        raise fault  # as in `events`

    async def events(
        self, body: dict[str, Any], on_bytes: Callable[[], None], *, api: Api, headers: dict[str, str]
    ) -> AsyncGenerator[object, None]:
        """Stream the JSON documents of one answer, then WHOLE unless the end of the body wasn't marked.

        `on_bytes` is called for each part of the body.

        Raises:
            StatusError: the endpoint reports an error.
            Passing: a document can't be read.
            TooLarge: the body exceeds its limit.
            httpx2.RequestError: the connection failed or broke.
        """
        from coder.models.http_bounds import ON_BYTES

        client, sdk = await self.open(), import_client(self._endpoint.api)
        token = ON_BYTES.set(on_bytes)
        fault: BaseException
        try:
            async with aclosing(_documents(client, sdk, body, api, headers)) as documents:
                async for document in documents:
                    if field(document, "error") and field(document, "type") in (None, "error"):
                        raise StatusError(200, document, {})
                    yield document
            return
        except (sdk.APIError, ValueError, RecursionError) as error:
            fault = _fault_of(error, sdk)
        finally:
            ON_BYTES.reset(token)
        raise fault  # outside of the handlers: an error of the client may quote the key


def _fault_of(error: Any, sdk: ModuleType) -> BaseException:  # noqa: ANN401 - classes of two clients
    """Return the fault for an error of the client, or of reading its answer."""
    if isinstance(error, sdk.APIStatusError):
        return StatusError(error.status_code, error.body, error.response.headers)
    if isinstance(error, sdk.APIConnectionError):
        cause: BaseException = error.__cause__ or error
        return cause
    if isinstance(error, sdk.APIError):
        return StatusError(200, error.body, {})
    if isinstance(error, json.JSONDecodeError):
        return Passing(f"the answer is not valid JSON ({error})")
    return Passing("the answer can't be read: it is no document of an answer")


async def _documents(
    client: "AsyncOpenAI | AsyncAnthropic",
    sdk: ModuleType,
    body: dict[str, Any],
    api: Api,
    headers: dict[str, str],
) -> AsyncGenerator[object, None]:
    """Yield the events of a stream, or the only document as one event.

    The body is sent unchanged. The client's own method, such as `chat.completions.create`, first compares
    each value with its type, which takes more time than all the rest of a step in a long dialogue.
    """
    options: dict[str, Any] = {"headers": headers}
    if api != "messages":
        options |= _BEARER
    stream: Any = await client.post(
        _PATHS[api],
        body=body,
        options=cast(Any, options),
        cast_to=object,
        stream=True,
        stream_cls=_stream_class(sdk),
    )
    async with stream:
        response = stream.response
        if not response.headers.get("content-type", "").startswith("application/json"):
            async for event in stream:
                yield event
            if stream.is_whole:
                yield WHOLE
            return
        document: object = json.loads(await response.aread())
        yield {"type": "response.completed", "response": document} if api == "responses" else document
        yield WHOLE


@lru_cache
def _stream_class(sdk: ModuleType) -> Any:  # noqa: ANN401 - a class of one of two clients
    """Return the client's class of streams, which also tells whether the mark of the end was received."""

    class MarkedStream(sdk.AsyncStream[object]):  # type: ignore[name-defined,misc]
        is_whole = False

        async def _iter_events(self) -> AsyncGenerator[Any, None]:
            async for event in super()._iter_events():
                self.is_whole = self.is_whole or event.data.startswith(_END_MARK)
                yield event

    return MarkedStream


def _client(endpoint: Endpoint) -> "AsyncOpenAI | AsyncAnthropic":
    import httpx2

    sdk, key = import_client(endpoint.api), endpoint.key.get_secret_value() if endpoint.key else _NO_KEY
    url = endpoint.url.get_secret_value()
    base = base_of(url).rstrip("/")
    is_anthropic = endpoint.api == "messages"
    client = (sdk.AsyncAnthropic if is_anthropic else sdk.AsyncOpenAI)(
        api_key=key,
        base_url=base.removesuffix("/v1") if is_anthropic else base,
        default_query=parameters_of(url),
        max_retries=0,
        timeout=httpx2.Timeout(None, connect=CONNECT_S),
        http_client=_http_client(endpoint),
    )
    return cast("AsyncOpenAI | AsyncAnthropic", client)


def _http_client(endpoint: Endpoint) -> "AsyncClient":
    import httpx2

    from coder.models.http_bounds import BoundedTransport

    url = endpoint.url.get_secret_value()
    header_names = _HEADERS if endpoint.limit_field == "max_tokens" else _HEADERS | _OPENAI_HEADERS
    transport = BoundedTransport(
        url,
        sent=header_names
        if endpoint.key is not None or "@" in url
        else header_names - {"authorization", "x-api-key"},
        # Reading certificates takes longer than everything else here, and plain HTTP needs none.
        verify=not (endpoint.is_local and url.startswith("http:")),
        use_proxy=not endpoint.is_local,  # a server on this machine is not behind a proxy
    )
    # Neither key nor prompt follows a redirect.
    return httpx2.AsyncClient(transport=transport, follow_redirects=False)
