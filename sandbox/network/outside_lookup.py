"""Resolve names and connect on the host, for the proxy."""

import asyncio
import errno
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

_AT_ONCE = 16
"""Concurrent lookups; each takes a thread that can't be ended."""
_places = threading.BoundedSemaphore(_AT_ONCE)


async def resolve(name: str, port: int) -> list[str]:
    """Addresses of a name, in the system's order.

    Raises:
        OSError: it has none, or too many are looked up already.
    """
    if not _places.acquire(blocking=False):
        raise OSError(errno.EAGAIN, f"{_AT_ONCE} other names are looked up at the moment")
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: OSError | None) -> None:
        if found.done():
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(addresses)

    def look_up() -> None:
        addresses: list[str] = []
        failed: OSError | None = None
        try:
            rows = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
        except OSError as error:
            failed = error
        finally:
            _places.release()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, addresses, failed)

    # Not the loop's own threads: a silent name server would delay the exit of the process.
    threading.Thread(target=look_up, daemon=True).start()
    return await found


async def connect(address: str, port: int) -> socket.socket:
    """Connect to an address, never to a name.

    Raises:
        OSError: it could not be made.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Outside:
    """How a proxy reaches the network; tests replace it."""

    resolve: Callable[[str, int], Awaitable[list[str]]] = resolve
    connect: Callable[[str, int], Awaitable[socket.socket]] = connect
