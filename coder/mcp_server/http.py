"""Serve clients of this machine over streamable HTTP: whoever has the token."""

import hmac
import os
import secrets
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from coder.errors import UsageError

_ADDRESS = "127.0.0.1"
_PATIENCE_S = 3
"""For requests that are under way at the end."""
_SHORTEST = 16
"""Characters of a token."""


def token_from(file: Path | None) -> str:
    """The token in a file that only its owner can read; without a file a new one, printed once.

    Raises:
        UsageError: the file can't be read, others can read it, or it holds no token.
    """
    if file is None:
        token = secrets.token_urlsafe(32)
        print(f"token: {token}", file=sys.stderr, flush=True)
        return token
    try:
        with file.open("rb") as opened:
            mode, content = os.fstat(opened.fileno()).st_mode, opened.read(4096)
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}.") from error
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError(f"Others can read {file}. Keep the token to yourself: chmod 600 {file}")
    token = content.decode("ascii", "replace").strip()
    if len(token) < _SHORTEST or not token.isprintable() or not token.isascii() or " " in token:
        raise UsageError(f"{file} must hold a token: one line of at least {_SHORTEST} characters, no blanks.")
    return token


async def serve_http(server: MCPServer[Any], port: int, token: str) -> None:
    """Serve on loopback until a signal ends the process. Raises UsageError: the port is taken.

    The SDK refuses a Host or Origin that isn't of this machine, and bodies over 4 MiB.
    """
    try:
        listener = socket.create_server((_ADDRESS, port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"Port {port} can't be listened on: {error}.") from error
    app = _Guard(server.streamable_http_app(host=_ADDRESS), token)
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=_PATIENCE_S, ws="none")
    print(f"serving http://{_ADDRESS}:{listener.getsockname()[1]}/mcp", file=sys.stderr, flush=True)
    with listener:
        await uvicorn.Server(config).serve(sockets=[listener])


class _Guard:
    """Lets nobody in without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._wanted = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_known(scope):
            headers = {"WWW-Authenticate": "Bearer"}
            refusal = PlainTextResponse("The token is missing or wrong.", 401, headers)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], self._wanted)
