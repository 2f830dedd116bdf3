"""Resolve names and connect on the host, for the proxy."""

import asyncio
import errno
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

_MAX_LOOKUPS = 16
"""Maximum concurrent lookups; each uses a thread that can't be cancelled."""
_lookup_slots = threading.BoundedSemaphore(_MAX_LOOKUPS)


async def resolve(name: str, port: int) -> list[str]:
    """Resolve a name, in the system's order. Raises OSError if it fails or too many lookups are running."""
    if not _lookup_slots.acquire(blocking=False):
        raise OSError(errno.EAGAIN, f"{_MAX_LOOKUPS} other names are looked up at the moment")
    addresses: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except OSError as error:
            set_outcome = partial(addresses.set_exception, error)
        else:
            set_outcome = partial(addresses.set_result, list(dict.fromkeys(str(row[4][0]) for row in rows)))
        finally:
            _lookup_slots.release()
        if addresses.set_running_or_notify_cancel():
            set_outcome()

    # Not the event loop's thread pool: a silent name server would delay the process's exit.
    threading.Thread(target=look_up, daemon=True).start()
    return await asyncio.wrap_future(addresses)


async def connect(address: str, port: int) -> socket.socket:
    """Connect to an address, never to a name. Raises OSError if that fails."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Outside:
    """Functions that access the network; tests replace them."""

    resolve: Callable[[str, int], Awaitable[list[str]]] = resolve
    connect: Callable[[str, int], Awaitable[socket.socket]] = connect
