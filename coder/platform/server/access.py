"""Who gets in: checked before any route, so that none can forget it.

A page of another origin can make a browser send requests here, and by a name of its own that it points at
this machine (DNS rebinding) even read the answers: so Host and Origin are checked, token or not.
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
from coder.platform.server.problems import Problem, ending

COOKIE = "coder_session"
_OPEN = ("/healthz", "/session", "/login", "/logout", "/static/")
"""Beginnings of paths that need no token: they are the same for everybody."""
_LONGEST, _LONGEST_OPEN = 8 << 20, 4 << 10
"""Bytes of a body: of a known caller, and on a path that needs no token."""
_SMALL, _TOGETHER = 64 << 10, 64 << 20
"""Bytes of a body that is always taken, and of all larger ones at once."""
_SESSION_S, _SESSIONS = 12 * 3600, 1000
"""How long a browser stays signed in, and how many do."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of each answer that hasn't its own: it loads from this server alone, and is framed and kept nowhere."""


class AccessMiddleware:
    """An ASGI application behind which another one sees known callers only, as `scope["coder.caller"]`."""

    def __init__(
        self, app: ASGIApp, *, names: Collection[str], callers: Collection[Caller], local: Caller | None
    ) -> None:
        """Let in who has a token.

        Args:
            names: hosts that a request may be addressed to, beside loopback.
            local: who calls without one; None: nobody may.
        """
        self._app, self._local, self._names = app, local, {*LOOPBACK, *map(str.lower, names)}
        self._callers = {caller.sha256: caller for caller in callers}
        self._sessions: dict[str, tuple[float, Caller]] = {}
        """By the id in a cookie: until when, and who. A cookie goes to all ports, so it is no token."""
        self._held = 0
        """Bytes of the larger bodies of requests that are under way."""

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
        except asyncio.CancelledError:  # uvicorn has waited for it in vain
            if scope["type"] != "http" or has_begun:
                raise
            await ending().response()(scope, receive, send_on)
        finally:
            self._held -= length

    def _hold(self, headers: Headers) -> int:
        """Count a body, and return what to take off again. Raises Problem: too much is held."""
        if (length := int(headers.get("content-length", "0"))) <= _SMALL:
            return 0
        if self._held + length > _TOGETHER:
            why = f"Requests under way hold {self._held >> 20} MiB."
            raise Problem(429, "The body doesn't fit.", why, "Send it again later.", Retry_After="5")
        self._held += length
        return length

    def session(self, token: str, *, is_secure: bool) -> Response:
        """The answer that signs a browser in for 12 h. Raises Problem: the token lets nobody in."""
        if (caller := self._callers.get(digest(token))) is None:
            raise Problem(401, "The token is wrong.", "The server doesn't know it.", "Ask its operator.")
        now, own = time.monotonic(), secrets.token_urlsafe(32)
        lasting = [(name, one) for name, one in self._sessions.items() if one[0] > now]
        self._sessions = {**dict(lasting[1 - _SESSIONS :]), own: (now + _SESSION_S, caller)}
        done = Response(status_code=204)
        done.set_cookie(COOKIE, own, _SESSION_S, httponly=True, samesite="strict", secure=is_secure)
        return done

    def end_session(self, name: str | None) -> Response:
        """The answer that signs a browser out."""
        self._sessions.pop(name or "", None)
        done = Response(status_code=204)
        done.delete_cookie(COOKIE)
        return done

    def _let_in(self, scope: Scope, headers: Headers) -> Response | None:
        """Set the caller of a request; return a redirect to sign in, if needed. Raises Problem."""
        host, path = headers.get("host", ""), scope["path"]
        if path != "/healthz" and _host(f"//{host}") not in self._names:
            further = "Use a name that coder serve was given by --name."
            raise Problem(421, f"This server isn't {host!r}.", "A page could have made up the name.", further)
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
            further = "Use the server's own pages, or a program."
            raise Problem(403, "A page of another origin sent this.", f"Its Origin is {origin!r}.", further)
        caller = scope["coder.caller"] = self._local or self._caller(scope["method"], headers)
        is_open = path.startswith(_OPEN)
        _check_length(headers, _LONGEST_OPEN if is_open or caller is None else _LONGEST)
        if caller is not None or is_open:
            return None
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        further = "Send it: Authorization: Bearer TOKEN. In a browser, sign in: /login"
        texts = "The token is missing or wrong.", "This server lets in who has one.", further
        raise Problem(401, *texts, WWW_Authenticate="Bearer")

    def _caller(self, method: str, headers: Headers) -> Caller | None:
        credentials = [value.partition(" ")[::2] for value in headers.getlist("authorization")]
        if not credentials and (method in ("GET", "HEAD") or "origin" in headers):  # which is ours by now
            own = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
            until, caller = self._sessions.get(own, (0.0, None))
            return caller if time.monotonic() < until else None
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
