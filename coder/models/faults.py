"""Translate an endpoint's failure to a passing fault, or to an error with advice.

Nothing here is raised `from` the error of the HTTP call, whose text may hold a key that the endpoint echoes.
"""

import difflib
import errno
import re
import socket
import ssl
from collections.abc import Iterator, Sequence

from coder.base.errors import (
    ContextTooLong,
    ModelAuthError,
    ModelError,
    ModelNotFound,
    ModelRefused,
    ModelUnavailable,
    RateLimited,
)
from coder.base.text.redact import redact
from coder.base.text.sanitize import printable
from coder.models.connection import StatusError
from coder.models.endpoint import Endpoint, secrets_of
from coder.models.retries import Passing, retry_after_s

PASSING = frozenset({408, 409, 425, 429})
TOO_MANY = 429
# Every provider words it otherwise; the code is OpenAI's.
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum context|(prompt|input|request|conversation) (is )?too long"
    r"|too many (input )?tokens|input tokens? (count )?[^.]{0,20}exceed|reduce the length",
    re.IGNORECASE,
)
_TOOLS = re.compile(r"\btools?\b|function.calling", re.IGNORECASE)
LONGEST_SPAN_S = 366 * 86_400
LONGEST_WORDS = 10_000
EXCERPT = 300
"""Characters of an endpoint's own words in a message."""


def refuses_tools(error: StatusError, endpoint: Endpoint) -> ModelRefused | None:
    """The error of an endpoint without tools that answers with a misleading status."""
    status, message = error.status, said_by(error, endpoint)
    if status not in (404, 500, 501) or not _TOOLS.search(str(error.body)):
        return None
    return ModelRefused(f"{endpoint.name} takes no tools (HTTP {status}){message}.")


def status_fault(error: StatusError, endpoint: Endpoint) -> Exception:
    """The fault or error for an HTTP status of 3xx, 4xx or 5xx; for 404, see `not_found`."""
    status = error.status
    message = said_by(error, endpoint)
    if status in (401, 403):
        return _key_refused(endpoint, status, message)
    code = error.code
    if status == 429 and code == "insufficient_quota":
        return ModelUnavailable(f"The account behind {endpoint.name} has no credit left{message}.")
    if status in PASSING or status >= 500:
        after_s = retry_after_s(error.headers)
        return Passing(f"HTTP {status}{message}", after_s=after_s, is_limit=status == TOO_MANY)
    if status < 400:
        return ModelRefused(
            f"{endpoint.shown_url} redirects (HTTP {status}), and a key does not follow a redirect. "
            "Give the final address with --base-url."
        )
    if status in (400, 413, 422) and (code == "context_length_exceeded" or _TOO_LONG.search(message)):
        return ContextTooLong(f"{endpoint.name} can't read so long a conversation (HTTP {status}){message}.")
    return ModelRefused(f"{endpoint.name} refused the request (HTTP {status}){message}.")


def connection_fault(error: Exception, endpoint: Endpoint) -> Exception:
    """Fault for a failed connection; an untrusted certificate isn't retried."""
    causes = list(causes_of(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ModelUnavailable(
                f"The certificate of {endpoint.shown_url} is not trusted ({cause.verify_message}). "
                "Behind a proxy with its own authority, set SSL_CERT_FILE to its certificate."
            )
    if endpoint.is_local and any(getattr(cause, "errno", None) == errno.ENETUNREACH for cause in causes):
        return ModelUnavailable(
            f"{endpoint.name} answers on this machine, which can't reach itself: its loopback interface is "
            "down. Bring it up: ip link set lo up"
        )
    words = [str(cause) for cause in causes if isinstance(cause, OSError) and str(cause)]
    detail = f" ({words[-1]})" if words else ""
    if type(error).__name__ in ("ConnectError", "ConnectTimeout"):  # httpx2's, which isn't loaded for this
        unresolved = [c for c in causes if isinstance(c, socket.gaierror) or "name resolution" in str(c)]
        advice = "Is this machine online?" if unresolved else "Is a server running there?"
        return Passing(f"no connection to {endpoint.shown_url}{detail}", advice=advice)
    return Passing(f"the connection to {endpoint.shown_url} broke{detail}")


def given_up(fault: Passing, endpoint: Endpoint) -> ModelError:
    """The error for a fault that did not pass."""
    times = "once" if fault.attempts == 1 else f"{fault.attempts} times"
    wait = ""
    if fault.after_s and fault.after_s >= 1:
        is_long = fault.after_s >= LONGEST_SPAN_S
        wait = f" It asks to wait {'for more than a year' if is_long else f'{fault.after_s:.0f} s'}."
    advice = f" {fault.advice}" if fault.advice else ""
    kind = RateLimited if fault.is_limit else ModelUnavailable
    return kind(
        f"{endpoint.name} gave no answer, asked {times}: {fault.reason}.{advice}{wait} "
        "Try again later, or name another --model.",
        lost=fault.lost,
    )


def said_by(error: StatusError, endpoint: Endpoint) -> str:
    """The endpoint's message after a colon, shortened and redacted; empty if there is none."""
    text = cleaned(_words(error), endpoint)
    return f": {text.rstrip('.')}" if text else ""


def cleaned(text: str, endpoint: Endpoint) -> str:
    """Shorten an endpoint's message to one line, without secrets and control sequences."""
    text = " ".join(printable(text[:LONGEST_WORDS]).split())
    key = endpoint.key.get_secret_value() if endpoint.key else ""
    # Longest first: one may hold another.
    for secret in sorted({key, *secrets_of(endpoint.url.get_secret_value())} - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = redact(text)
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} …"


def _words(error: StatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        nested = body.get("error", body)
        message = nested.get("message") if isinstance(nested, dict) else nested
        return str(message or body.get("detail") or body)
    if isinstance(body, str) and body.lstrip()[:1] == "<":
        return "(an HTML page)"
    return str(body or "")


def _key_refused(endpoint: Endpoint, status: int, message: str) -> ModelAuthError:
    variables = endpoint.key_variables
    what = f"refused the key in {variables[0]}" if variables else "refused the key"
    advice = f"Set {' or '.join(variables)} to a valid key." if variables else "Check the endpoint's key."
    what = what if endpoint.key is not None else "requires a key"
    return ModelAuthError(f"{endpoint.name} {what} (HTTP {status}){message}. {advice}")


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, down to the first one."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def not_found(error: StatusError, endpoint: Endpoint, *, listed: Sequence[str]) -> ModelNotFound:
    """The error for an unknown model, with the nearest of those that the endpoint lists."""
    unknown = f"{endpoint.shown_url} knows no model {endpoint.model!r}"
    if not listed:
        message = said_by(error, endpoint)
        return ModelNotFound(f"{unknown}, or isn't a base URL{message}. A base URL often ends in /v1.")
    nearest = difflib.get_close_matches(endpoint.model, listed, n=5, cutoff=0.3) or listed[:5]
    return ModelNotFound(f"{unknown}. Nearest of those it lists: {cleaned(', '.join(nearest), endpoint)}.")
