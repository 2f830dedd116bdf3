"""Access control: it is checked before any route, so that no route can forget it.

A page of another origin can make a browser send requests here, and even read the answers by a host name that
resolves to this machine (DNS rebinding): so Host and Origin are checked, with a token or without.
"""

import asyncio
import secrets
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coder.models.catalog import LOOPBACK
from coder.platform.server.bearer_tokens import Caller, digest
from coder.platform.server.problems import Problem, server_ends

COOKIE = "coder_session"
_PUBLIC_PATHS = ("/healthz", "/session", "/login", "/logout", "/static/")
"""Prefixes of paths that need no token, as their pages are public."""
_MAX_BODY, _MAX_PUBLIC_BODY = 8 << 20, 4 << 10
"""Longest body in bytes: of a known caller, and on a path that needs no token."""
_SMALL_BODY, _MAX_HELD = 64 << 10, 64 << 20
"""Bytes of a body that is always accepted, and of all larger bodies at a time."""
_SESSION_S, _MAX_SESSIONS = 12 * 3600, 1000
"""Seconds that a browser stays signed in, and number of sessions."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Default headers: pages only load from this server, and may not be framed or cached."""


class AccessMiddleware:
    """An ASGI application that passes requests of known callers on, with `scope["coder.caller"]`."""

    def __init__(
        self, app: ASGIApp, *, names: Collection[str], callers: Collection[Caller], local: Caller | None
    ) -> None:
        """Accept requests with a token.

        Args:
            names: host names that a request may be addressed to, besides loopback.
            local: the caller of requests without a token; None: they are refused.
        """
        self._app, self._local, self._names = app, local, {*LOOPBACK, *map(str.lower, names)}
        self._callers = {caller.sha256: caller for caller in callers}
        self._sessions: dict[str, tuple[float, Caller]] = {}
        """End time and caller by the id in a cookie. As browsers send cookies to all ports, the id is no
        token."""
        self._held_bytes = 0
        """Bytes of the larger bodies of current requests."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        app, length = self._app, 0
        if scope["type"] == "http":
            try:
                app = self._let_in(scope, Headers(scope=scope)) or app
                length = self._hold(Headers(scope=scope))
            except Problem as problem:
                app = problem.response()

        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await app(scope, receive, send_on)
        except asyncio.CancelledError:  # uvicorn cancels requests at its end
            if scope["type"] != "http" or has_begun:
                raise
            await server_ends().response()(scope, receive, send_on)
        finally:
            self._held_bytes -= length

    def _hold(self, headers: Headers) -> int:
        """Count a large body as held; return the bytes to subtract later. Raises Problem above the limit."""
        if (length := int(headers.get("content-length", "0"))) <= _SMALL_BODY:
            return 0
        if self._held_bytes + length > _MAX_HELD:
            reason = f"Requests under way hold {self._held_bytes >> 20} MiB."
            raise Problem(429, "The body doesn't fit.", reason, "Send it again later.", Retry_After="5")
        self._held_bytes += length
        return length

    def session(self, token: str, *, is_secure: bool) -> Response:
        """Return the response that signs a browser in for 12 h. Raises Problem: the token is wrong."""
        if (caller := self._callers.get(digest(token))) is None:
            raise Problem(401, "The token is wrong.", "The server doesn't know it.", "Ask its operator.")
        current_time, session_id = time.monotonic(), secrets.token_urlsafe(32)
        valid_sessions = [
            (name, session) for name, session in self._sessions.items() if session[0] > current_time
        ]
        self._sessions = {
            **dict(valid_sessions[1 - _MAX_SESSIONS :]),
            session_id: (current_time + _SESSION_S, caller),
        }
        response = Response(status_code=204)
        response.set_cookie(
            COOKIE, session_id, _SESSION_S, httponly=True, samesite="strict", secure=is_secure
        )
        return response

    def end_session(self, name: str | None) -> Response:
        """Return the response that signs a browser out."""
        self._sessions.pop(name or "", None)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE)
        return response

    def _let_in(self, scope: Scope, headers: Headers) -> Response | None:
        """Set the caller of a request; return a redirect to sign in, if needed. Raises Problem."""
        host, path = headers.get("host", ""), scope["path"]
        if path != "/healthz" and _host(f"//{host}") not in self._names:
            hint = "Use a name that coder serve was given by --name."
            raise Problem(421, f"This server isn't {host!r}.", "A page could have made up the name.", hint)
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
            hint = "Use the server's own pages, or a program."
            raise Problem(403, "A page of another origin sent this.", f"Its Origin is {origin!r}.", hint)
        caller = scope["coder.caller"] = self._local or self._caller(scope["method"], headers)
        is_open = path.startswith(_PUBLIC_PATHS)
        _check_length(headers, _MAX_PUBLIC_BODY if is_open or caller is None else _MAX_BODY)
        if caller is not None or is_open:
            return None
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        hint = "Send it: Authorization: Bearer TOKEN. In a browser, sign in: /login"
        texts = "The token is missing or wrong.", "This server lets in who has one.", hint
        raise Problem(401, *texts, WWW_Authenticate="Bearer")

    def _caller(self, method: str, headers: Headers) -> Caller | None:
        credentials = [value.partition(" ")[::2] for value in headers.getlist("authorization")]
        if not credentials and (
            method in ("GET", "HEAD") or "origin" in headers
        ):  # Origin was checked before
            session_id = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
            end_time, caller = self._sessions.get(session_id, (0.0, None))
            return caller if time.monotonic() < end_time else None
        if len(credentials) != 1 or credentials[0][0].lower() != "bearer":
            return None
        return self._callers.get(digest(credentials[0][1].strip()))


def _check_length(headers: Headers, longest: int) -> None:
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal():
        raise Problem(
            411, "The request has no Content-Length.", "It may be too long.", "Send Content-Length."
        )
    if len(length) > 19 or int(length) > longest:
        raise Problem(413, "The body is too long.", f"The most is {longest >> 10} KiB.", "Send less.")


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
