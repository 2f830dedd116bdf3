"""pid 1 of a session's container: the agent, with sockets that the host sends it."""

from __future__ import annotations

import importlib
import json
import socket

from sandbox.inner.process import wire

_SETTINGS = 1 << 16
"""Bytes."""


def reach(place: str) -> socket.socket | None:
    """A connection to the host; None where the engine is on another machine."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(place)
    except OSError:
        return None
    return connection


def serve(host: socket.socket) -> int:
    """Receive settings and sockets from the host, then be the agent."""
    message, descriptors = wire.receive_with_fds(host, _SETTINGS, wire.MOST)
    host.close()
    if not message:
        return 0
    # Imported here: other containers have no agent.
    alone, single = (
        importlib.import_module(f"sandbox.inner.process.spawn_{one}") for one in ("alone", "single")
    )
    settings = json.loads(message)
    status, work = descriptors
    code: int = alone.serve_session(settings, single.walls_of(settings), status, socket.socket(fileno=work))
    return code
