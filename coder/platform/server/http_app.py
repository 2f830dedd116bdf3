"""The application of a server, and how the server listens and ends."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Body, Depends, FastAPI, Request
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coder.base.errors import UsageError
from coder.platform.server import run_acts, run_routes, studio
from coder.platform.server.access import COOKIE, AccessMiddleware
from coder.platform.server.bearer_tokens import SCOPES, Caller
from coder.platform.server.connections import HttpConnection
from coder.platform.server.problems import REFUSALS, answer_problems
from coder.platform.server.serving import Serving, require_scope
from coder.platform.server.take_over import take_over
from sandbox.interpreter.plugins import find_plugins

GROUP = "coder.routes"
"""Entry point group: each entry takes a Serving and returns an APIRouter."""
_SESSION_ID = "mcp-session-id"
"""Header of requests in a session; from protocol 2026-07-28 on there are none, and the SDK cancels."""
_STATIC = Path(studio.__file__).with_name("static")
_SIGNAL_S = 0.1
"""Seconds for the ending signal to cancel the server's task, before cleanup begins."""
_PATIENCE_S = 3
"""Seconds for current requests at the end."""


def make_app(
    serving: Serving, *, names: Collection[str] = (), callers: Sequence[Caller] = ()
) -> AccessMiddleware:
    """Return the ASGI application of a server.

    Args:
        names: host names by which clients call the server, besides those of loopback.
        callers: the holders of tokens; if empty, all programs of this machine may call.
    """
    local = None if callers else Caller(name="", root=serving.root)
    mcp = _Mcp(serving, [local] if local else callers)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in mcp.apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            stack.callback(asyncio.create_task(take_over(serving)).cancel)
            yield

    app = FastAPI(
        title="coder", version=version("coder-agent"), docs_url=None, redoc_url=None, lifespan=lifespan,
        responses=REFUSALS,
    )  # fmt: skip
    answer_problems(app)
    access = AccessMiddleware(app, names=names, callers=callers, local=local)
    _add_entrance(app, access)
    bearer = [Depends(HTTPBearer(auto_error=False, description="A token of the server's file."))]
    app.include_router(run_routes.routes(serving), dependencies=bearer)
    for entry in find_plugins(GROUP):
        app.include_router(entry.load()(serving), dependencies=bearer)
    if mcp.apps:
        app.router.routes.append(Route("/mcp", mcp))
    if _STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=_STATIC))
    return access


def _add_entrance(app: FastAPI, access: AccessMiddleware) -> None:
    @app.get("/healthz", tags=["server"])
    async def health() -> dict[str, str]:
        """Say that the server is up."""
        return {"status": "ok"}

    @app.post("/session", status_code=204, tags=["server"])
    async def begin_session(request: Request, token: Annotated[str, Body(embed=True)]) -> Response:
        """Sign a browser in by a cookie that pages can't read and other sites can't use."""
        return access.session(token, is_secure=request.url.scheme == "https")

    @app.post("/logout", status_code=204, tags=["server"])
    async def end_session(request: Request) -> Response:
        """Sign a browser out."""
        return access.end_session(request.cookies.get(COOKIE))


class _Mcp:
    """The tools of `coder mcp` over HTTP, for callers with all scopes; each caller has its own server."""

    def __init__(self, serving: Serving, callers: Sequence[Caller]) -> None:
        self.apps: dict[Caller, Starlette] = {}
        if find_spec("mcp") is None:
            return
        from mcp.server.transport_security import TransportSecuritySettings

        from coder.platform.mcp_server.tools import server_of

        # AccessMiddleware has checked Host and Origin.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        for caller in callers:
            server = server_of(run_acts.runs_of(serving, caller, waits=True))
            self.apps[caller] = server.streamable_http_app(transport_security=security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for scope_name in SCOPES:
            caller = await require_scope(scope_name)(Request(scope))
        app = self.apps[caller]
        if not (scope["method"] == "POST" and _SESSION_ID in Headers(scope=scope)):
            await app(scope, receive, send)
            return
        pieces: list[bytes] = []
        is_answered = is_abandoned = False

        async def receive_on() -> Message:
            nonlocal is_abandoned
            message = await receive()
            pieces.append(message.get("body", b""))
            is_abandoned = is_abandoned or (message["type"] == "http.disconnect" and not is_answered)
            return message

        async def send_on(message: Message) -> None:
            nonlocal is_answered
            await send(message)
            is_answered = message["type"] == "http.response.body" and not message.get("more_body", False)

        await app(scope, receive_on, send_on)
        if is_abandoned:
            await _cancel_call(app, scope, b"".join(pieces))


async def _cancel_call(app: ASGIApp, scope: Scope, body: bytes) -> None:
    """Cancel the call of a client that has gone away: no answer could reach it.

    In a session, the SDK's server goes on with such a call, and reads what cancels it from a request.
    """
    try:
        number = json.loads(body).get("id")
    except (ValueError, AttributeError, RecursionError):  # the client has sent no call
        return
    if number is None:
        return
    params = {"requestId": number, "reason": "the client has gone away"}
    notice = json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).encode()
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    headers.append((b"content-length", str(len(notice)).encode()))

    async def receive() -> Message:
        return {"type": "http.request", "body": notice, "more_body": False}

    async def send(message: Message) -> None:
        """Send nothing: nobody is there."""

    await app({**scope, "headers": headers}, receive, send)


async def serve_http(
    serving: Serving, host: str, port: int, *, names: Collection[str], callers: Sequence[Caller], path: str
) -> None:
    """Serve until a signal ends the process. Raises UsageError: the address can't be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise UsageError(f"Port {port} of {host} can't be listened on: {error}.") from error
    # asyncio only sets this for sockets with a named protocol; without it each answer waits for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = make_app(serving, names=[host, *names], callers=callers)
    config = uvicorn.Config(
        app, http=HttpConnection, ws="none", log_level="critical", timeout_graceful_shutdown=_PATIENCE_S
    )
    address = f"[{host}]" if ":" in host else host
    print(f"serving http://{address}:{listener.getsockname()[1]}{path}", file=sys.stderr, flush=True)
    with listener:
        await _Server(config, serving).serve(sockets=[listener])
        await asyncio.sleep(_SIGNAL_S)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, serving: Serving) -> None:
        super().__init__(config)
        self._serving = serving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the open streams and runs, then the server."""
        await self._serving.close()
        await super().shutdown(sockets)
