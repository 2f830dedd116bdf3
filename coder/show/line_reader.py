"""LineReader: the source of a conversation's lines; PlainReader reads standard input."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from select import select
from typing import Protocol, TextIO

from coder.base.text.sanitize import without_controls
from coder.show.chat_commands import is_command, is_message, reason_against_command
from coder.show.input_line import InputLine

CONTINUATION = "\\"
"""Character at the end of a line whose message continues on the next line."""
_CHUNK_BYTES = 1 << 16
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
"""Marks of a terminal around pasted text."""
_AT_ONCE_S = 0.02
"""Seconds: lines that arrive within this time of each other on a terminal were pasted."""


class Cancelled(Exception):
    """Ctrl-C was pressed instead of an answer."""


class LineReader(Protocol):
    """Protocol: reads lines of the user: messages, and answers to questions."""

    @property
    def bottom(self) -> InputLine | None:
        """The line that reads input while the model works; None if there is none."""

    async def line(self, prompt: str) -> str | None:
        """Return the next message without its line end, which may have been typed before the prompt was
        shown; None at the end of input.

        Raises:
            Cancelled: the user pressed Ctrl-C.
        """

    async def answer(self, question: str) -> str | None:
        """Return the line typed after a question was shown on a terminal; None at the end of input.

        Raises:
            Cancelled: the user pressed Ctrl-C.
        """


async def answer_to(question: str, reader: LineReader, tell: Callable[[str], None]) -> str:
    """Return the answer to a question; empty at the end of input and for Ctrl-C.

    A command is no answer: `tell` gets the reason why it isn't carried out, and the question is repeated.
    """
    while True:
        try:
            answer = without_controls(await reader.answer(question) or "").strip()
        except Cancelled:
            return ""
        if not is_command(answer):
            return answer.removeprefix("/") if answer.startswith("//") else answer
        tell(reason_against_command(answer))


class PlainReader:
    """Reads lines from a pipe, a file or a plain terminal; prints questions on stderr."""

    bottom = None

    def __init__(self, descriptor: int = 0, *, errors: TextIO | None = None) -> None:
        """Read from a descriptor, by default standard input."""
        self._descriptor, self._errors = descriptor, errors or sys.stderr
        self._buffer = b""
        self._ended = False
        self._next_lines: list[str] = []
        """Lines that arrived together with the previous line."""

    async def line(self, prompt: str) -> str | None:
        """Return the next line, with lines that were pasted with it, or that continue it after a backslash.

        In a pipe each line is a message, unless paste marks surround several.
        """
        if self._next_lines:
            return self._next_lines.pop(0)
        print(prompt, end="", file=self._errors, flush=True)
        if prompt and not os.isatty(self._descriptor):
            print(file=self._errors, flush=True)  # a pipe doesn't echo the line end
        if (first_line := await self._message()) is None:
            return None
        lines = [first_line]
        while os.isatty(self._descriptor) and select([self._descriptor], [], [], _AT_ONCE_S)[0]:
            if (line := await self._message()) is None:
                break
            lines.append(line)
        if len(lines) > 1 and is_message(lines):
            return "\n".join(lines)
        first_line, *self._next_lines = lines
        return first_line

    async def answer(self, question: str) -> str | None:
        """Return the next line of a pipe, or the line typed on a terminal after the question was shown."""
        if os.isatty(self._descriptor):
            self._next_lines, self._buffer = [], b""
            discard_typed(self._descriptor)
        return await self.line(question)

    async def _message(self) -> str | None:
        """Return a line with its continuations, or all text between paste marks."""
        parts: list[str] = []
        is_pasted = False
        while (line := await self._line()) is not None:
            is_pasted = is_pasted or line.startswith(_PASTE_BEGINS)
            if is_pasted:
                parts.append(line.removeprefix(_PASTE_BEGINS).replace(_PASTE_ENDS, ""))
                if _PASTE_ENDS in line:
                    break
            elif line.endswith(CONTINUATION):
                parts.append(line.removesuffix(CONTINUATION))
            else:
                return "\n".join([*parts, line])
        return "\n".join(parts) if parts else None

    async def _line(self) -> str | None:
        while b"\n" not in self._buffer and not self._ended:
            chunk = await next_bytes(self._descriptor)
            self._ended = not chunk
            self._buffer += chunk
        if not self._buffer:
            return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace").removesuffix("\r")


class TypedLines:
    """Lines typed on a terminal while the model works, which never answer a question."""

    def __init__(
        self,
        is_taken: Callable[[str], bool] = lambda line: False,
        on_dropped: Callable[[str], None] = lambda text: None,
        bottom: InputLine | None = None,
    ) -> None:
        """Set the functions that get each line, and the unfinished line that a question discards.

        Args:
            is_taken: gets each line; returns whether it was for the program, not for the model.
            bottom: the line at the bottom that reads input; None: descriptor 0 is read directly.
        """
        self._is_taken, self._on_dropped, self._bottom = is_taken, on_dropped, bottom
        if bottom is not None:
            bottom.on_text = self._add
        self._lines: list[str] = []
        self._buffer = b""
        self._is_listening = False

    def take(self) -> list[str]:
        """Return the lines since the last call."""
        lines, self._lines = self._lines, []
        return lines

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Return a context manager that reads lines until it exits."""
        await self._begin()
        self._is_listening = True
        try:
            yield
        finally:
            self._is_listening = False
            await self._end()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Return a context manager that frees the terminal for a question; unfinished text is discarded."""
        if not self._is_listening:
            yield
            return
        await self._end()
        if unfinished := self._take_unfinished().strip():
            self._on_dropped(unfinished)
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

    def _take_unfinished(self) -> str:
        """Return and remove the text typed after the last line end."""
        if self._bottom is not None:
            unfinished, self._bottom.draft = self._bottom.draft, ""
            return unfinished
        if select([0], [], [], 0)[0]:
            self._read()
        unfinished, self._buffer = (self._buffer + unended_line(0)).decode("utf-8", "replace"), b""
        return unfinished

    def _read(self) -> None:
        pieces = [os.read(0, _CHUNK_BYTES)]
        while pieces[-1] and select([0], [], [], _AT_ONCE_S)[0]:  # a terminal returns one line at a time
            pieces.append(os.read(0, _CHUNK_BYTES))
        if not any(pieces):  # Ctrl-D, which has no effect while the model works
            return
        *parts, self._buffer = b"".join([self._buffer, *pieces]).split(b"\n")
        self._add("\n".join(part.decode("utf-8", "replace").rstrip("\r") for part in parts))

    def _add(self, text: str) -> None:
        """Add lines that arrived together."""
        text = without_controls(text)
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        lines = [text.strip("\n")] if is_message(lines) else lines
        self._lines += [line for line in lines if not self._is_taken(line)]


def discard_typed(terminal: int) -> None:
    """Discard what was typed on a terminal and hasn't been read yet, so that it answers no question."""
    try:
        import termios
    except ImportError:  # Windows
        return
    with suppress(termios.error):
        termios.tcflush(terminal, termios.TCIFLUSH)


def unended_line(terminal: int) -> bytes:
    """Return and remove the text typed on a terminal after the last line end."""
    import termios

    modes_before = termios.tcgetattr(terminal)
    modes = [*modes_before]
    modes[3] &= ~termios.ICANON
    modes[6] = [*modes_before[6]]
    modes[6][termios.VMIN], modes[6][termios.VTIME] = 0, 0
    try:
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
        return os.read(terminal, _CHUNK_BYTES)
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, modes_before)


async def next_bytes(descriptor: int) -> bytes:
    """Return the next available input; empty at the end."""
    # Not a thread: a thread that waits for input can't be cancelled, and would block the exit.
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # a file, or the null device: reading never waits
        return os.read(descriptor, _CHUNK_BYTES)
    except NotImplementedError:  # Windows
        return await asyncio.to_thread(os.read, descriptor, _CHUNK_BYTES)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _CHUNK_BYTES)
