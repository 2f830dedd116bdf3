"""Download from an https address, up to a limit of bytes; passing faults are retried."""

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

from coder.base.errors import ModelUnavailable, UsageError
from coder.models.connection import SET_FOR_HTTP
from coder.models.endpoint import Patience, parts_of, without_credentials
from coder.models.faults import RETRYABLE_STATUSES, causes_of
from coder.models.retries import Passing, asked_or_doubled, retry_after_s

if TYPE_CHECKING:
    import httpx2

TIMEOUT_S = 20.0
"""Timeout of one read; the whole download may take longer."""
PATIENCE = Patience()
OnProgress = Callable[[int, int | None], None]
"""Callback with the bytes received and the total, or None if the total is unknown."""


def download(url: str, *, max_bytes: int, on_progress: OnProgress | None = None) -> bytes:
    """Download the content of an address; every redirect must stay on https.

    Args:
        max_bytes: maximum size.
        on_progress: called with each piece.

    Raises:
        UsageError: the address or a redirect isn't https, or there are more than `max_bytes`.
        ModelUnavailable: there is no answer, or only an error, after all attempts.
    """
    address = without_credentials(url)
    if parts_of(url).scheme != "https":
        raise UsageError(f"{address} is refused: only https:// proves who answers. A file can be named, too.")
    policy = Retrying(
        retry=retry_if_exception_type(Passing),
        wait=asked_or_doubled(PATIENCE.first_wait_s),
        stop=stop_after_attempt(PATIENCE.attempts) | stop_before_delay(PATIENCE.deadline_s),
        reraise=True,
    )
    try:
        return policy(_download, url, address, max_bytes, on_progress)
    except Passing as fault:
        count = policy.statistics["attempt_number"]
        count_note = f" (asked {count} times)" if count > 1 else ""
        wait_note = f" It asks to wait {fault.after_s:.0f} s." if fault.after_s else ""
        raise ModelUnavailable(
            f"{address} can't be loaded: {fault.reason}{count_note}. {fault.advice}{wait_note}"
        ) from fault


def _download(url: str, address: str, max_bytes: int, on_progress: OnProgress | None) -> bytes:
    """Download in one attempt. Raises Passing, and the errors of `download`."""
    import httpx2

    content = bytearray()
    try:
        with httpx2.stream("GET", url, follow_redirects=True, timeout=TIMEOUT_S) as response:
            _check(response, address)
            length = response.headers.get("content-length", "")
            total = int(length) if length.isdecimal() else None
            for piece in response.iter_bytes():
                content += piece
                if len(content) > max_bytes:
                    raise UsageError(f"{address} holds more than {max_bytes >> 20} MiB, and is refused.")
                if on_progress is not None:
                    on_progress(response.num_bytes_downloaded, total)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason, advice = str(error).replace(url, address), "Is this machine online?"
        is_untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes_of(error))
        passing = httpx2.NetworkError | httpx2.TimeoutException | httpx2.RemoteProtocolError
        if isinstance(error, passing) and not is_untrusted:
            raise Passing(reason, advice=advice) from error
        raise ModelUnavailable(f"{address} can't be loaded: {reason}. {advice}") from error
    except (ImportError, OSError, ValueError) as error:
        raise ModelUnavailable(f"{address} can't be loaded: {error}\n{SET_FOR_HTTP}") from error
    return bytes(content)


def _check(response: "httpx2.Response", address: str) -> None:
    """Raise an error unless a response succeeded and all its redirects were https."""
    hops = [*response.history, response]
    insecure_url = next((str(hop.url) for hop in hops if hop.url.scheme != "https"), None)
    if insecure_url is not None:
        raise UsageError(f"{address} leads to {without_credentials(insecure_url)}, which isn't https.")
    if response.is_success:
        return
    status = f"HTTP {response.status_code} {response.reason_phrase}"
    if response.status_code in RETRYABLE_STATUSES or response.status_code >= 500:
        raise Passing(status, after_s=retry_after_s(response.headers), advice="Try again later.")
    raise ModelUnavailable(f"{address} can't be loaded: {status}.")
