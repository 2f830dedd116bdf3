"""Requests to a forge's API: JSON over https, with retries after rate limits and passing faults."""

import ipaddress
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx2

from coder.base.errors import UsageError
from coder.base.text.redact import Redactor
from coder.base.text.sanitize import one_line
from coder.models.endpoint import Patience
from coder.models.retries import Passing, SilenceClock, retry_after_s, retry_passing
from coder.people.forge.request import ForgeError

PATIENCE = Patience(deadline_s=180.0, attempts=5)
_TIMEOUT_S = 30.0
_MAX_MESSAGE = 500
"""Maximum characters of a forge's error message."""


class Api:
    """An API by its base address. The token is sent to this address alone; redirects aren't followed."""

    def __init__(self, base_url: str, headers: Mapping[str, str], *, patience: Patience = PATIENCE) -> None:
        """Initialize with the address and the headers of each request, one of which holds the token.

        Raises UsageError if the address isn't https, so that the token could be read in transit.
        """
        require_encrypted(base_url)
        self._base_url, self._patience = base_url.rstrip("/"), patience
        self._client = httpx2.AsyncClient(headers=dict(headers), timeout=_TIMEOUT_S, follow_redirects=False)

    async def __aenter__(self) -> Self:
        """Open the connections."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._client.__aexit__(kind, error, trace)

    async def get(self, path: str, *, absent: Any = None, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """Return a document, or `absent` if there is none and `absent` isn't None. Raises ForgeError."""
        return await self._request("GET", path, query=query, absent=absent)

    async def post(self, path: str, **body: object) -> Any:  # noqa: ANN401 - JSON
        """Create something, and return its document. Raises ForgeError."""
        return await self._request("POST", path, body=body)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        absent: object = None,
    ) -> Any:  # noqa: ANN401 - JSON
        where = f"{method} {path}"

        async def ask() -> httpx2.Response:
            try:
                response = await self._client.request(
                    method, f"{self._base_url}{path}", params=query or None, json=body
                )
            except httpx2.ConnectError as error:
                raise Passing(_describe(error)) from error
            except httpx2.HTTPError as error:
                if method == "GET":
                    raise Passing(_describe(error)) from error
                # The forge may have created it: another request could create it twice.
                raise ForgeError(f"{where} got no answer: {_describe(error)}") from error
            _check_passing(response)
            return response

        try:
            clock = SilenceClock(self._patience.deadline_s)
            response = await retry_passing(ask, patience=self._patience, clock=clock, on_retry=None)
        except Passing as fault:
            wait = f" It asks to wait {fault.after_s:.0f} s." if fault.after_s else ""
            raise ForgeError(f"{where} failed {fault.attempts} times: {fault.reason}.{wait}") from fault
        if response.status_code == httpx2.codes.NOT_FOUND and absent is not None:
            return absent
        if not response.is_success:
            raise ForgeError(_refusal(where, response))
        try:
            return response.json()
        except ValueError as error:
            raise ForgeError(f"{where} got an answer that isn't JSON.") from error


def segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe="")


def require_encrypted(url: str) -> None:
    """Raise UsageError unless an address is https, or http on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(parts.hostname or "")):
        return
    raise UsageError(f"{url} isn't https, so the token could be read on its way. Name an https address.")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_passing(response: httpx2.Response) -> None:
    """Raise Passing if the same request may succeed later: a rate limit, or a failure of the forge.

    GitHub reports a rate limit as 403 or 429, with Retry-After or no remaining requests.
    """
    status, headers = response.status_code, response.headers
    is_limit = status == httpx2.codes.TOO_MANY_REQUESTS or (
        status == httpx2.codes.FORBIDDEN
        and ("retry-after" in headers or headers.get("x-ratelimit-remaining") == "0")
    )
    is_failure = status >= httpx2.codes.INTERNAL_SERVER_ERROR and response.request.method == "GET"
    if is_limit or is_failure or status in (502, 503):
        raise Passing(_status(response), after_s=retry_after_s(headers), is_limit=is_limit)


def _refusal(where: str, response: httpx2.Response) -> str:
    """Return the forge's message on a refused request, and what the token lacks."""
    try:
        document = response.json()
    except ValueError:
        document = {}
    words: list[str] = []
    if isinstance(document, dict):
        errors = document.get("errors")
        details = errors if isinstance(errors, list) else []
        words = [
            _words(document.get("message") or document.get("error")),
            *(_words(row.get("message") if isinstance(row, dict) else row) for row in details),
        ]
    message = ": ".join(filter(None, words))[:_MAX_MESSAGE]
    needed = response.headers.get("x-accepted-github-permissions")
    advice = f" The token needs: {needed}." if needed and response.status_code == 403 else ""
    text = f"{where} was refused with {_status(response)}: {message or 'no message'}.{advice}"
    return Redactor.from_environment(os.environ).redact(text)


def _words(value: object) -> str:
    return one_line(value if isinstance(value, str) else str(value or ""), width=_MAX_MESSAGE).rstrip(".")


def _status(response: httpx2.Response) -> str:
    return f"HTTP {response.status_code} {response.reason_phrase}".rstrip()


def _describe(error: Exception) -> str:
    return one_line(str(error)) or type(error).__name__
