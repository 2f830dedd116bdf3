"""Listen, and end in order at a signal."""

import socket
import sys
from collections.abc import Collection, Mapping

import uvicorn

from coder.errors import UsageError
from coder.server.app import make_app
from coder.server.serving import Serving
from coder.server.tokens import Grant

_PATIENCE_S = 3
"""For requests that are under way at the end."""


async def serve_http(
    serving: Serving, host: str, port: int, *, names: Collection[str], grants: Mapping[str, Grant] | None
) -> None:
    """Serve until a signal ends the process. Raises UsageError: the address can't be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        raise UsageError(f"Port {port} of {host} can't be listened on: {error}.") from error
    app = make_app(serving, names=[host, *names], grants=grants)
    config = uvicorn.Config(
        app, log_level="critical", timeout_graceful_shutdown=_PATIENCE_S, ws="none", server_header=False
    )
    shown = f"[{host}]" if ":" in host else host
    print(f"serving http://{shown}:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    with listener:
        await _Server(config, serving).serve(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, serving: Serving) -> None:
        super().__init__(config)
        self._serving = serving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what has no end of its own, then the server."""
        self._serving.tails.close()
        await super().shutdown(sockets)
