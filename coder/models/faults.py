"""Translate an endpoint's failure into a passing fault, or into an error with advice.

No error is raised `from` an HTTP error here, whose text may contain a key that the endpoint echoes.
"""

import difflib
import errno
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit
from urllib.request import getproxies

from coder.base.errors import (
    ContextTooLong,
    ModelAuthError,
    ModelError,
    ModelNotFound,
    ModelRefused,
    ModelUnavailable,
    RateLimited,
    ToolsRefused,
)
from coder.base.text.redact import redact
from coder.base.text.sanitize import printable
from coder.models.connection import StatusError
from coder.models.endpoint import Endpoint, secrets_of, without_credentials
from coder.models.retries import Passing, retry_after_s

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})
TOO_MANY = 429
PROXY_AUTHENTICATION = 407
# Providers word this error differently; only OpenAI has a code.
_TOO_LONG_MESSAGE = re.compile(
    r"context[ _](length|size|window)|maximum context|(prompt|input|request|conversation) (is )?too long"
    r"|too many (input )?tokens|input tokens? (count )?[^.]{0,20}exceed|reduce the length",
    re.IGNORECASE,
)
_TOOLS_MESSAGE = re.compile(r"\btools?\b|function.calling", re.IGNORECASE)
_TOOL_PARAMETERS = frozenset({"tools", "tool_choice", "functions", "function_call"})
_NOT_IMPLEMENTED = 501
_RATE_LIMIT = "rate_limit_exceeded"
BROKEN_CALL = "tool_use_failed"
"""Code of Groq's error for a call that its model wrote wrongly (console.groq.com/docs/errors)."""
MOST_REFUSALS, MOST_REFUSALS_AT_FIRST = 3, 2
"""Most refusals of one request with tools; the latter for a model that has never called one."""
LONG_WAIT_S = 366 * 86_400
MAX_MESSAGE = 10_000
MAX_EXCERPT = 300
"""Quote at most this many characters of an endpoint's message."""


def names_tools(error: StatusError) -> bool:
    """Whether an error is about tools: by its status or parameter; its words count if it has neither."""
    if error.status == _NOT_IMPLEMENTED:
        return True
    if isinstance(error.parameter, str) and error.parameter:
        return re.split(r"[.\[]", error.parameter)[0] in _TOOL_PARAMETERS
    return _TOOLS_MESSAGE.search(str(error.body)) is not None


def may_refuse_tools(error: StatusError, fault: Exception) -> bool:
    """Whether the error for a request with tools, which means `fault` in general, may be about its tools."""
    if error.status in (400, 422):
        return type(fault) is ModelRefused
    return error.status in (404, 500, _NOT_IMPLEMENTED) and names_tools(error)


def tools_fault(
    error: StatusError, fault: Exception, endpoint: Endpoint, *, refusals: int, has_called: bool
) -> Exception:
    """Return the fault of a request with tools for which `may_refuse_tools` is true.

    The refusal may concern the one answer that failed, so it passes, up to a number of requests. Tools are
    refused for good only if the error names them and the model has never called one.

    Args:
        error: the endpoint's answer.
        fault: its meaning for a request without tools.
        endpoint: the endpoint.
        refusals: number of refusals of this request, with this one.
        has_called: whether the model has called a tool in this run.
    """
    takes_tools = has_called or error.code == BROKEN_CALL
    status, message = error.status, quoted_message(error, endpoint)
    if names_tools(error) and not takes_tools:
        fault = ToolsRefused(f"{endpoint.name} takes no tools (HTTP {status}){message}.")
    is_last = refusals >= (MOST_REFUSALS if takes_tools else MOST_REFUSALS_AT_FIRST)
    if is_last or not isinstance(fault, ModelError):
        return fault
    return Passing(f"HTTP {status}{message}", refusal=fault)


def status_fault(error: StatusError, endpoint: Endpoint) -> Exception:
    """Return the fault or error for an HTTP status of 3xx, 4xx or 5xx, except 404 (see `not_found`)."""
    status = error.status
    message = quoted_message(error, endpoint)
    if status in (401, 403):
        return _key_refused(endpoint, status, message)
    if status == PROXY_AUTHENTICATION and not endpoint.is_local:
        return _proxy_refused(endpoint, f"HTTP {status}")
    code = error.code
    if status == 429 and code == "insufficient_quota":
        return ModelUnavailable(f"The account behind {endpoint.name} has no credit left{message}.")
    if status in RETRYABLE_STATUSES or status >= 500:
        after_s = retry_after_s(error.headers)
        return Passing(f"HTTP {status}{message}", after_s=after_s, is_limit=status == TOO_MANY)
    if status < 400:
        return ModelRefused(
            f"{endpoint.shown_url} redirects (HTTP {status}), and a key does not follow a redirect. "
            "Give the final address with --base-url."
        )
    too_long = ContextTooLong(f"{endpoint.name} can't read so long a conversation (HTTP {status}){message}.")
    if status == 413 and code == _RATE_LIMIT:  # the tokens of a minute, which may be fewer than the request's
        return Passing(f"HTTP {status}{message}", after_s=retry_after_s(error.headers), refusal=too_long)
    if status in (400, 413, 422) and says_too_long(code, message):
        return too_long
    return ModelRefused(f"{endpoint.name} refused the request (HTTP {status}){message}.")


def stream_fault(error: StatusError, endpoint: Endpoint) -> Exception:
    """Return the fault for an error that an answer reports after its HTTP status of success."""
    message = quoted_message(error, endpoint)
    if says_too_long(error.code, message):
        return ContextTooLong(f"{endpoint.name} can't read so long a conversation{message}.")
    return Passing(f"an error in the middle of the answer{message}")


def says_too_long(code: object, message: str) -> bool:
    """Whether an error says that the conversation is longer than the model can read."""
    return code == "context_length_exceeded" or _TOO_LONG_MESSAGE.search(message) is not None


def _proxy_refused(endpoint: Endpoint, reason: str) -> ModelUnavailable:
    scheme = urlsplit(endpoint.shown_url).scheme
    proxies = getproxies()
    address = without_credentials(proxies.get(scheme) or proxies.get("all") or "")
    return ModelUnavailable(
        f"The proxy {address + ' ' if address else ''}to {endpoint.shown_url} refuses to connect ({reason}). "
        f"Set {scheme.upper()}_PROXY to its address with user and password: http://USER:PASSWORD@HOST:PORT"
    )


def connection_fault(error: Exception, endpoint: Endpoint) -> Exception:
    """Return the fault for a failed connection; an untrusted certificate isn't retried."""
    causes = list(causes_of(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ModelUnavailable(
                f"The certificate of {endpoint.shown_url} is not trusted ({cause.verify_message}). "
                "Behind a proxy with its own authority, set SSL_CERT_FILE to its certificate."
            )
        if type(cause).__name__ == "ProxyError" and str(cause)[:1] == "4":  # by name, as below
            return _proxy_refused(endpoint, shorten_message(str(cause), endpoint))
    if endpoint.is_local and any(getattr(cause, "errno", None) == errno.ENETUNREACH for cause in causes):
        return ModelUnavailable(
            f"{endpoint.name} answers on this machine, which can't reach itself: its loopback interface is "
            "down. Bring it up: ip link set lo up"
        )
    messages = [str(cause) for cause in causes if isinstance(cause, OSError) and str(cause)]
    detail = f" ({messages[-1]})" if messages else ""
    if type(error).__name__ in ("ConnectError", "ConnectTimeout"):  # by name, so that httpx2 isn't imported
        unresolved = [
            cause for cause in causes if isinstance(cause, socket.gaierror) or "name resolution" in str(cause)
        ]
        advice = "Is this machine online?" if unresolved else "Is a server running there?"
        return Passing(f"no connection to {endpoint.shown_url}{detail}", advice=advice)
    return Passing(f"the connection to {endpoint.shown_url} broke{detail}")


def final_error(fault: Passing, endpoint: Endpoint) -> ModelError:
    """Return the final error after all attempts failed with a fault."""
    if fault.refusal is not None:
        return fault.refusal
    count = "once" if fault.attempts == 1 else f"{fault.attempts} times"
    wait = ""
    if fault.after_s and fault.after_s >= 1:
        is_long = fault.after_s >= LONG_WAIT_S
        wait = f" It asks to wait {'for more than a year' if is_long else f'{fault.after_s:.0f} s'}."
    advice = f" {fault.advice}" if fault.advice else ""
    kind = RateLimited if fault.is_limit else ModelUnavailable
    return kind(
        f"{endpoint.name} gave no answer, asked {count}: {fault.reason}.{advice}{wait} "
        "Try again later, or name another --model.",
        lost=fault.lost,
    )


def quoted_message(error: StatusError, endpoint: Endpoint) -> str:
    """Return the endpoint's message after a colon, shortened and redacted; empty if there is none."""
    text = shorten_message(_words(error), endpoint)
    return f": {text.rstrip('.')}" if text else ""


def shorten_message(text: str, endpoint: Endpoint) -> str:
    """Shorten an endpoint's message to one line, without secrets and control sequences."""
    text = " ".join(printable(text[:MAX_MESSAGE]).split())
    key = endpoint.key.get_secret_value() if endpoint.key else ""
    # Longest first, because a secret may contain another.
    for secret in sorted({key, *secrets_of(endpoint.url.get_secret_value())} - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = redact(text)
    return text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT]} …"


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
    failure = f"refused the key in {variables[0]}" if variables else "refused the key"
    advice = f"Set {' or '.join(variables)} to a valid key." if variables else "Check the endpoint's key."
    failure = failure if endpoint.key is not None else "requires a key"
    return ModelAuthError(f"{endpoint.name} {failure} (HTTP {status}){message}. {advice}")


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, down to the first one."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def not_found(error: StatusError, endpoint: Endpoint, *, listed: Sequence[str]) -> ModelNotFound:
    """Return the error for an unknown model, with similar names that the endpoint lists."""
    description = f"{endpoint.shown_url} knows no model {endpoint.model!r}"
    if not listed:
        message = quoted_message(error, endpoint)
        return ModelNotFound(f"{description}, or isn't a base URL{message}. A base URL often ends in /v1.")
    similar = difflib.get_close_matches(endpoint.model, listed, n=5, cutoff=0.3) or listed[:5]
    return ModelNotFound(
        f"{description}. Nearest of those it lists: {shorten_message(', '.join(similar), endpoint)}."
    )
