"""Ask the person at the terminal one question that is answered with y or n."""

import asyncio
import contextlib
import os
import sys

from coder.text.sanitize import one_line

TERMINAL = "/dev/tty"


async def ask_human(question: str) -> bool:
    """True for y or yes; anything else, and the end of input, is no.

    The terminal itself is read, so that a task on standard input doesn't answer. Where there is none: no.
    """
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        print(f"{one_line(question, width=300)} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = await _line(terminal)
    finally:
        os.close(terminal)
    return answer.strip().lower() in ("y", "yes")


async def _line(terminal: int) -> str:
    # Not a thread: one that waits for a key can't be cancelled, and would keep the process from ending.
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        if not arrived.done():
            with contextlib.suppress(BlockingIOError):
                arrived.set_result(os.read(terminal, 4096))

    loop.add_reader(terminal, read)
    try:
        return (await arrived).decode("utf-8", "replace")
    finally:
        loop.remove_reader(terminal)
