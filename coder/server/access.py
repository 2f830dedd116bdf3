"""Who gets in: checked before any route, so that none can forget it.

A page of another origin can make a browser send requests here, and by a name of its own that it points at
this machine (DNS rebinding) even read the answers: so Host and Origin are checked, token or not.
"""

from collections.abc import Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coder.server.problems import Problem
from coder.server.serving import Caller
from coder.server.tokens import SCOPES, Grant, digest

COOKIE = "coder_session"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_OPEN = frozenset({"/healthz", "/session", "/login"})
"""Paths that need no token; so do the studio's files, which are the same for everybody."""
_STATIC = "/static/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST = 8 << 20
"""Bytes of a body."""


class Door:
    """An ASGI application behind which another one sees known callers only, as `scope["coder.caller"]`."""

    def __init__(
        self, app: ASGIApp, root: Path, *, names: Collection[str], grants: Mapping[str, Grant] | None
    ) -> None:
        """Let in who has a token; without grants whoever is on this machine, for whom `root` is the folder.

        Args:
            names: hosts that a request may be addressed to.
            grants: by the token's name.
        """
        self._app, self._names = app, {name.lower() for name in names} | LOOPBACK
        self._local = Caller("", frozenset(SCOPES), root, is_local=True) if grants is None else None
        self._callers = {
            grant.sha256: Caller(name, grant.scopes, grant.root.resolve())
            for name, grant in (grants or {}).items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._see_host(scope, headers)
            refused = self._see_caller(scope, headers)
        except Problem as problem:
            refused = problem.response()
        if refused is not None:
            await refused(scope, receive, send)
        else:
            await _bounded(self._app, scope, receive, send, int(headers.get("content-length", "0") or 0))

    def known(self, token: str) -> bool:
        """Whether a token lets its holder in."""
        return digest(token) in self._callers

    def _see_host(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if scope["path"] != "/healthz" and _name(f"//{host}") not in self._names:
            raise Problem(
                421, f"This server isn't {host!r}.", "A page could have made up the name.",
                "Use a name that coder serve has been given by --name.",
            )  # fmt: skip
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Problem(
                403, "A page of another origin has sent this.", f"Its Origin is {origin!r}, ours {host!r}.",
                "Use the server's own pages, or a program that is no browser.",
            )  # fmt: skip

    def _see_caller(self, scope: Scope, headers: Headers) -> Response | None:
        if self._local is not None:
            scope["coder.caller"] = self._local
            return None
        if scope["path"] in _OPEN or scope["path"].startswith(_STATIC):
            return None
        given = [
            value.removeprefix("Bearer ")
            for value in headers.getlist("authorization")
            if value[:7] == "Bearer "
        ]
        if not given and (token := _cookie(headers)) and (scope["method"] in _SAFE or headers.get("origin")):
            given = [token]
        caller = self._callers.get(digest(given[0])) if len(given) == 1 else None
        if caller is not None:
            scope["coder.caller"] = caller
            return None
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        raise Problem(
            401, "The token is missing or wrong.", "This server lets in who has one.",
            "Send it: Authorization: Bearer TOKEN", WWW_Authenticate="Bearer",
        )  # fmt: skip


def _name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


async def _bounded(app: ASGIApp, scope: Scope, receive: Receive, send: Send, said: int) -> None:
    """Serve a request whose body is no longer than a server has to keep."""
    taken, has_begun = 0, False
    too_long = Problem(
        413, "The body is too long.", f"{_LONGEST >> 20} MiB are the most.", "Send less at once."
    )

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > _LONGEST:
            raise too_long
        return message

    async def begun(message: Message) -> None:
        nonlocal has_begun
        has_begun = True
        await send(message)

    try:
        if said > _LONGEST:
            raise too_long
        await app(scope, bounded, begun)
    except Problem as problem:
        if has_begun:
            raise
        await problem.response()(scope, receive, send)


def session(token: str, *, is_secure: bool) -> Response:
    """The answer that has a browser send this token from now on, and no page read it."""
    done = Response(status_code=204)
    done.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=is_secure, path="/")
    return done
