"""Standard error, a terminal or a pipe: lines, pieces of text, a spinner between them; and a question."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coder.run.questions import YES_OR_NO, is_yes
from coder.text.sanitize import one_line

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TICK_S = 0.1
GREEN, RED, YELLOW, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
COLOURS = {"✓": GREEN, "✗": RED, "!": YELLOW, "?": YELLOW}


async def ask_human(question: str) -> bool:
    """True for y or yes; anything else, the end of input, and no terminal to ask on are no."""
    return is_yes(await read_line(f"{one_line(question, width=300)} {YES_OR_NO}") or "")


async def read_line(question: str) -> str | None:
    """What is typed after a question; None at the end of input, and without a terminal to ask on.

    The terminal itself is read, so that a task on standard input doesn't answer.
    """
    from coder.chat.line_reader import next_bytes  # hardly a run asks

    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        print(question, end="", file=sys.stderr, flush=True)
        answer = await next_bytes(terminal)
    finally:
        os.close(terminal)
    return answer.decode("utf-8", "replace").strip() if answer else None


class Terminal:
    """Where a screen writes."""

    def __init__(self) -> None:
        self._out = sys.stderr
        self.is_one = self._out.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self.is_one and not os.environ.get("NO_COLOR")
        self._mid_line = False
        self.doing = ""
        """What the spinner says is going on; empty: no spinner is shown."""
        self._is_held = False
        self._later: list[Callable[[], None]] = []
        """What is written once nothing is held."""

    def print(self, line: str) -> None:
        """Print a line; its sign is coloured on a terminal."""
        if self._is_held:
            self._later.append(lambda: self.print(line))
            return
        self.clear()
        sign = line.lstrip()[:1]
        if self._colour and sign in COLOURS:
            line = line.replace(sign, f"{COLOURS[sign]}{sign}{PLAIN}", 1)
        print(line, file=self._out, flush=True)

    def write(self, text: str) -> None:
        """Write a piece of text behind what stands there."""
        if self._is_held:
            self._later.append(lambda: self.write(text))
            return
        self._out.write(text)
        self._out.flush()
        self._mid_line = not text.endswith("\n")

    def speak(self, text: str) -> None:
        """Write a piece of text; the spinner is wiped before."""
        if not text:
            return
        if not self._mid_line:
            self.clear()
        self.write(text)

    def clear(self) -> None:
        """End a line of pieces, or wipe the spinner's, before something else is written."""
        if self._is_held:
            return
        if self._mid_line:
            self._out.write("\n")
        elif self.is_one:
            self._out.write("\r\x1b[K")
        self._mid_line = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write nothing while the block lasts, as a question stands there; what comes is written after it."""
        self.clear()
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            later, self._later = self._later, []
            for write in later:
                write()

    async def spin(self) -> None:
        """Show a spinner until this is cancelled."""
        started, turn = time.monotonic(), 0
        while True:
            await asyncio.sleep(TICK_S)
            if not self.doing or self._mid_line or self._is_held:
                continue
            turn += 1
            text = f"{FRAMES[turn % len(FRAMES)]} {time.monotonic() - started:.0f} s  {self.doing}"
            # A line that wraps could not be wiped.
            self._out.write(f"\r\x1b[K{text[: self._columns() - 1]}")
            self._out.flush()

    def _columns(self) -> int:
        """The width of the terminal now; 80 where it doesn't say."""
        try:
            return os.get_terminal_size(self._out.fileno()).columns or 80
        except OSError:
            return 80
