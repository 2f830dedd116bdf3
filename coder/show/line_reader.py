"""Reader: where the lines of a conversation come from. This one reads standard input as it is."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from select import select
from typing import Protocol, TextIO

from coder.show.chat_commands import is_for_us, is_message, why_not_now
from coder.show.input_line import InputLine

CONTINUED = "\\"
"""At the end of a line: the message continues in the next one."""
_PIECE = 1 << 16
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
"""Marks that a terminal puts around what is pasted."""
_AT_ONCE_S = 0.02
"""Lines that come within this time of each other on a terminal were pasted."""


class Cancelled(Exception):
    """Ctrl-C was pressed instead of an answer."""


class LineReader(Protocol):
    """Asks for a line."""

    @property
    def bottom(self) -> InputLine | None:
        """Takes what is typed while the model works; None: the terminal itself does, or there is none."""

    async def line(self, question: str) -> str | None:
        """What was answered, without its end; None when nothing more will come.

        Raises:
            Cancelled: nothing was answered.
        """


async def answer_to(question: str, reader: LineReader, tell: Callable[[str], None]) -> str:
    """What was answered to a question; empty at the end of input, and for Ctrl-C.

    A command is no answer: `tell` says why it isn't carried out, and the question is asked again.
    """
    while True:
        try:
            answer = (await reader.line(question) or "").strip()
        except Cancelled:
            return ""
        if not is_for_us(answer):
            return answer.removeprefix("/") if answer.startswith("//") else answer
        tell(why_not_now(answer))


class PlainReader:
    """Lines from standard input, be it a pipe, a file or a bare terminal; questions on stderr."""

    bottom = None

    def __init__(self, *, errors: TextIO | None = None) -> None:
        self._errors = errors or sys.stderr
        self._rest = b""
        self._ended = False
        self._ahead: list[str] = []
        """Commands that came at once with the line before."""

    async def line(self, question: str) -> str | None:
        """The next line, with those that were pasted with it, or that continue it behind a backslash.

        In a pipe a line is a message of its own, unless the marks of a paste are around several.
        """
        if self._ahead:
            return self._ahead.pop(0)
        print(question, end="", file=self._errors, flush=True)
        if question and not os.isatty(0):
            print(file=self._errors, flush=True)  # a pipe echoes no line end
        if (first := await self._message()) is None:
            return None
        lines = [first]
        while os.isatty(0) and select([0], [], [], _AT_ONCE_S)[0]:
            if (line := await self._message()) is None:
                break
            lines.append(line)
        if len(lines) > 1 and is_message(lines):
            return "\n".join(lines)
        first, *self._ahead = lines
        return first

    async def _message(self) -> str | None:
        """A line with its continuations, or all that the marks of a paste surround."""
        parts: list[str] = []
        is_pasted = False
        while (line := await self._line()) is not None:
            is_pasted = is_pasted or line.startswith(_PASTE_BEGINS)
            if is_pasted:
                parts.append(line.removeprefix(_PASTE_BEGINS).replace(_PASTE_ENDS, ""))
                if _PASTE_ENDS in line:
                    break
            elif line.endswith(CONTINUED):
                parts.append(line.removesuffix(CONTINUED))
            else:
                return "\n".join([*parts, line])
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

    def __init__(
        self,
        is_taken: Callable[[str], bool] = lambda line: False,
        on_dropped: Callable[[str], None] = lambda text: None,
        bottom: InputLine | None = None,
    ) -> None:
        """Take what hears of each line as it comes, and of one without an end that a question throws away.

        Args:
            is_taken: whether the line was for the program, and not for the model.
            bottom: where lines are typed; None: descriptor 0 is read as it is.
        """
        self._is_taken, self._on_dropped, self._bottom = is_taken, on_dropped, bottom
        if bottom is not None:
            bottom.on_text = self._add
        self._lines: list[str] = []
        self._rest = b""
        self._is_on = False

    def take(self) -> list[str]:
        """The lines that came, once."""
        lines, self._lines = self._lines, []
        return lines

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take lines while the block lasts."""
        await self._begin()
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False
            await self._end()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Release the terminal for a question. A half-typed line is discarded and reported."""
        if not self._is_on:
            yield
            return
        await self._end()
        if begun := self._take_begun().strip():
            self._on_dropped(begun)
        try:
            yield
        finally:
            await self._begin()

    async def _begin(self) -> None:
        if self._bottom is not None:
            await self._bottom.begin()
            return
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_reader(0, self._read)

    async def _end(self) -> None:
        if self._bottom is not None:
            await self._bottom.end()
            return
        with suppress(NotImplementedError):
            asyncio.get_running_loop().remove_reader(0)

    def _take_begun(self) -> str:
        """What was typed behind the last line end, once."""
        if self._bottom is not None:
            begun, self._bottom.draft = self._bottom.draft, ""
            return begun
        if select([0], [], [], 0)[0]:
            self._read()
        begun, self._rest = (self._rest + unended_line(0)).decode("utf-8", "replace"), b""
        return begun

    def _read(self) -> None:
        pieces = [os.read(0, _PIECE)]
        while pieces[-1] and select([0], [], [], _AT_ONCE_S)[0]:  # a terminal gives a line at a time
            pieces.append(os.read(0, _PIECE))
        if not any(pieces):  # Ctrl-D, which ends nothing while there is work
            return
        *parts, self._rest = b"".join([self._rest, *pieces]).split(b"\n")
        self._add("\n".join(part.decode("utf-8", "replace").rstrip("\r") for part in parts))

    def _add(self, text: str) -> None:
        """Take lines that came at once."""
        filled = [line.strip() for line in text.split("\n") if line.strip()]
        filled = [text.strip("\n")] if is_message(filled) else filled
        self._lines += [line for line in filled if not self._is_taken(line)]


def unended_line(terminal: int) -> bytes:
    """What was typed on a terminal behind the last line end; it is taken from the terminal."""
    import termios

    before = termios.tcgetattr(terminal)
    now = [*before]
    now[3] &= ~termios.ICANON
    now[6] = [*before[6]]
    now[6][termios.VMIN], now[6][termios.VTIME] = 0, 0
    try:
        termios.tcsetattr(terminal, termios.TCSANOW, now)
        return os.read(terminal, _PIECE)
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


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
