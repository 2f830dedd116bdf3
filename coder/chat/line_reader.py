"""Reader: where the lines of a conversation come from. This one reads standard input as it is."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TextIO

CONTINUED = "\\"
"""At the end of a line: the message continues in the next one."""
_PIECE = 1 << 16


class Cancelled(Exception):
    """Ctrl-C was pressed instead of an answer."""


class Reader(Protocol):
    """Asks for a line."""

    async def line(self, question: str) -> str | None:
        """What was answered, without its end; None when nothing more will come.

        Raises:
            Cancelled: nothing was answered.
        """


YES, NO = ("y", "yes", "Y"), ("", "n", "no", "N")


async def answer_to(question: str, reader: Reader) -> str:
    """What was answered to a question; empty at the end of input, and for Ctrl-C."""
    try:
        return (await reader.line(question) or "").strip()
    except Cancelled:
        return ""


class PlainReader:
    """Lines from standard input, be it a pipe, a file or a bare terminal; questions on stderr."""

    def __init__(self, *, errors: TextIO | None = None) -> None:
        self._errors = errors or sys.stderr
        self._rest = b""
        self._ended = False

    async def line(self, question: str) -> str | None:
        """The next line; those that end in a backslash are joined to what follows."""
        print(question, end="", file=self._errors, flush=True)
        if question and not os.isatty(0):
            print(file=self._errors, flush=True)  # a pipe echoes no line end
        parts: list[str] = []
        while (line := await self._line()) is not None:
            if not line.endswith(CONTINUED):
                return "\n".join([*parts, line])
            parts.append(line.removesuffix(CONTINUED))
        return "\n".join(parts) if parts else None

    async def _line(self) -> str | None:
        while b"\n" not in self._rest and not self._ended:
            piece = await next_bytes(0)
            self._ended = not piece
            self._rest += piece
        if not self._rest:
            return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace").removesuffix("\r")


class Typed:
    """Lines typed on a terminal while the model works; they never answer a question."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._rest = b""
        self._is_on = False

    def take(self) -> list[str]:
        """The lines that came, once."""
        lines, self._lines = self._lines, []
        return lines

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take lines from descriptor 0 while the block lasts."""
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows
            loop.add_reader(0, self._read)
            self._is_on = True
        try:
            yield
        finally:
            if self._is_on:
                loop.remove_reader(0)
            self._is_on = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to a question; what was typed before it is asked is thrown away."""
        if not self._is_on:
            yield
            return
        import termios

        loop = asyncio.get_running_loop()
        loop.remove_reader(0)
        termios.tcflush(0, termios.TCIFLUSH)
        self._rest = b""
        try:
            yield
        finally:
            loop.add_reader(0, self._read)

    def _read(self) -> None:
        piece = os.read(0, _PIECE)
        if not piece:  # Ctrl-D, which ends nothing while there is work
            return
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._lines += [line for part in lines if (line := part.decode("utf-8", "replace").strip())]


async def next_bytes(descriptor: int) -> bytes:
    """What can be read next; empty at the end."""
    # Not a thread: one that waits for input can't be cancelled, and would keep the process from ending.
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # a file, or the null device: reading never waits
        return os.read(descriptor, _PIECE)
    except NotImplementedError:  # Windows
        return await asyncio.to_thread(os.read, descriptor, _PIECE)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _PIECE)
