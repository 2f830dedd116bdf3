"""Standard error, a terminal or a pipe: print lines and pieces of text above a status line; ask a
question.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TextIO, cast

from coder.base.text.sanitize import one_line
from coder.run.questions import YES_OR_NO, is_yes
from coder.show.line_reader import PlainReader
from coder.show.styling import (
    highlighted,
    is_styled,
    is_terminal,
    live_line,
    open_console,
    signed_line,
    status_line,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from coder.show.input_line import InputLine
    from coder.show.markdown_stream import MarkdownStream

TICK_S = 0.1


async def ask_human(question: str) -> bool:
    """Ask a question; return True for y or yes, False for other answers, end of input or no terminal."""
    return is_yes(await read_line(f"{one_line(question, width=300)} {YES_OR_NO}") or "")


async def read_line(question: str) -> str | None:
    """Return the line typed after a question was shown; None at the end of input, and without a terminal.

    The terminal itself is read, so that a task on standard input doesn't answer.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        answer = await PlainReader(terminal).answer(question)
    finally:
        os.close(terminal)
    return answer.strip() if answer is not None else None


class Terminal:
    """The output of a screen: by rich on a terminal with colours, plain elsewhere."""

    def __init__(self) -> None:
        self._out = sys.stderr
        self._bottom: InputLine | None = None
        """The input line; while it is open, everything is printed above it."""
        self.is_seen = self._out.isatty()
        """Whether the output is a terminal, where a person may answer, even if its cursor can't move."""
        self.is_terminal = is_terminal(self._out)
        self.is_styled = is_styled(self._out)
        """Whether the output gets colours and a status line, which moves the cursor."""
        self._words: MarkdownStream | None = None
        """Splitter of the spoken text in colours; None before its first piece."""
        self._has_words = False
        """Whether blocks of the spoken text were printed."""
        self._is_mid_line = False
        self.doing = ""
        """Text of the status line; empty: no status line."""
        self._live: Live | None = None
        """The status line while it is shown."""
        self.outputs = 0
        """Number of lines and pieces of text that were written."""
        self._is_held = False
        self._held_writes: list[Callable[[], None]] = []
        """Output to write once it isn't held back any more."""

    @cached_property
    def _console(self) -> "Console":
        return open_console(self._out)

    def print_above(self, line: "InputLine") -> None:
        """Print output above an input line, which shows the status while it is open."""
        self._bottom, self._out = line, cast(TextIO, line)
        self._console.file = self._out

    @property
    def is_free(self) -> bool:
        """Whether a line can be printed now: no question is open, and no text ends within a line."""
        return not self._is_held and not self._is_mid_line

    @property
    def results(self) -> TextIO:
        """Standard output; if that is the terminal of an open input line, the output above the line."""
        is_above = self._bottom is not None and self._bottom.is_open and sys.stdout.isatty()
        return self._out if is_above else sys.stdout

    def print(self, line: str) -> None:
        """Print a line; its sign is coloured on a terminal."""
        self._end_words()
        self._print(line, signed_line)

    def print_diff(self, patch: str) -> None:
        """Print a patch."""
        self._end_words()
        self._print(patch, lambda text: highlighted(text, "diff"))

    def _print(self, text: str, styled: "Callable[[str], RenderableType]", *, wraps: bool = False) -> None:
        if self._is_held:
            self._held_writes.append(lambda: self._print(text, styled, wraps=wraps))
            return
        self.outputs += 1
        self._end_line()
        if self.is_styled:
            self._console.print(styled(text), soft_wrap=not wraps)  # above the status line
        else:
            print(text, file=self._out, flush=True)

    def write(self, text: str) -> None:
        """Write a piece of text after the text already there."""
        if self._is_held:
            self._held_writes.append(lambda: self.write(text))
            return
        self.outputs += 1
        self._stop_live()
        self._out.write(text)
        self._out.flush()
        self._is_mid_line = not text.endswith("\n")

    def speak(self, text: str) -> None:
        """Write a piece of a Markdown text: at once, or block by block in colours."""
        if not self.is_styled:
            if text:
                self.write(text)
            return
        if self._words is None:
            from coder.show.markdown_stream import MarkdownStream  # imported late: only conversations need it

            self._words = MarkdownStream()
        self._print_words(self._words.feed(text))

    def clear(self) -> None:
        """End an unfinished line, or erase the status line, before other output."""
        if not self._is_held:
            self._stop_live()
            self._end_words()
            self._end_line()

    @contextmanager
    def hold_output(self) -> Iterator[None]:
        """Return a context manager that holds back output during a question and writes it afterwards."""
        self.clear()
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            writes, self._held_writes = self._held_writes, []
            for write in writes:
                write()

    async def spin(self) -> None:
        """Show the status until cancelled: on a status line, or in a line at the bottom."""
        started = time.monotonic()
        try:
            while True:
                await asyncio.sleep(TICK_S)
                if self._bottom is not None and self._bottom.is_open:
                    self._stop_live()
                    self._bottom.show(status_line(self.doing, started))
                elif not self.doing or self._is_mid_line or self._is_held:
                    self._stop_live()
                else:
                    self._show_live(started)
        finally:
            self._stop_live()
            if self._bottom is not None:
                self._bottom.show("")

    def _show_live(self, started: float) -> None:
        from rich.text import Text

        if self._live is None:
            self._live = live_line(self._console)
            self._live.start()
        line = Text(status_line(self.doing, started), no_wrap=True, overflow="ellipsis")
        self._live.update(line, refresh=True)  # a wrapped line could not be erased

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _end_words(self) -> None:
        if self._words is not None:
            self._print_words(self._words.end())
        self._has_words = False

    def _print_words(self, text: str) -> None:
        """Print blocks of Markdown, if there are any, below a blank line if others are above."""
        from coder.show.markdown_stream import markdown_of  # imported late: only conversations need it

        if text.strip():
            has_blocks_above, self._has_words = self._has_words, True
            self._print(text, lambda text: markdown_of(text, is_below=has_blocks_above), wraps=True)

    def _end_line(self) -> None:
        if self._is_mid_line:
            self._out.write("\n")
        self._is_mid_line = False
