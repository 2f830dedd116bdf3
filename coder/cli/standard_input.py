"""Standard input for a program in the sandbox: all of it, bounded, and none when it is a terminal."""

import asyncio
import os
import sys
import threading

from coder.errors import UsageError

MOST = 64 << 20
"""Bytes."""
_CHUNK = 1 << 20


def read_all() -> bytes:
    """Read standard input to its end.

    Raises:
        UsageError: it is too long.
    """
    content = bytearray()
    while piece := os.read(0, _CHUNK):  # not by sys.stdin: a read that is stuck would hold its lock
        content += piece
        if len(content) > MOST:
            raise UsageError(f"Standard input has more than {MOST >> 20} MiB.")
    return bytes(content)


async def read_input() -> bytes:
    """What the program gets: all of standard input, unless that is a terminal or closed.

    Raises:
        UsageError: it is too long.
    """
    if sys.stdin is None or os.isatty(0):
        return b""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        try:
            content = read_all()
        except (OSError, UsageError) as error:
            loop.call_soon_threadsafe(_fail, arrived, error)
        else:
            loop.call_soon_threadsafe(_give, arrived, content)

    # Not to_thread: asyncio waits for its threads at the end, and this one may wait for ever.
    threading.Thread(target=read, daemon=True).start()
    return await arrived


def _give(arrived: "asyncio.Future[bytes]", content: bytes) -> None:
    if not arrived.done():
        arrived.set_result(content)


def _fail(arrived: "asyncio.Future[bytes]", error: Exception) -> None:
    if not arrived.done():
        arrived.set_exception(error)
