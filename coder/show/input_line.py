"""InputLine: the line at the bottom of a terminal that takes what is typed; others are printed above it."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from io import TextIOBase
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import Application
    from prompt_toolkit.formatted_text import StyleAndTextTuples

SIGN = "+ "
"""Stands before what is typed while the model works; the prompt between messages has another one."""


class InputLine(TextIOBase):
    """A stream, too: what is written into it stands above the line, or goes to the terminal without one.

    Not `patch_stdout`: its thread writes after a question has been asked, it sends a piped stdout to the
    terminal, and the terminal echoes what is typed while it writes.
    """

    encoding = "utf-8"

    def __init__(self, session: "PromptSession[str]", stream: TextIO) -> None:
        """Take a session whose application erases itself, and the terminal that it draws on."""
        self.draft = ""
        """What was typed and not sent."""
        self.on_text: Callable[[str], None] = lambda text: None
        """Hears of what is sent."""
        self.encoding = stream.encoding
        self._session = session
        self._stream = stream
        self._status = self._begun = ""
        self._app: Application[str] | None = None
        """Reads the line, while it is shown."""
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """The line is shown."""
        return self._app is not None and self._app.is_running

    async def begin(self) -> None:
        """Show the line with its draft."""
        is_shown = asyncio.Event()
        self._reading = asyncio.create_task(self._read(is_shown.set))
        waiting = asyncio.create_task(is_shown.wait())
        await asyncio.wait([self._reading, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.is_open:
            _keep_signals()

    async def end(self) -> None:
        """Erase the line; what stands in it is the draft, and what came since is read or thrown away."""
        from prompt_toolkit.input.typeahead import clear_typeahead

        app, reading, self._reading = self._app, self._reading, None
        if app is not None and app.is_running and not app.is_done:
            app.key_processor.feed_multiple(app.input.read_keys())
            app.key_processor.process_keys()
        if app is not None and app.is_running and not app.is_done:
            app.exit(result="")
        if reading is not None:
            await reading
        if app is not None:
            clear_typeahead(app.input)  # or it would answer a question
        self._app = None
        begun, self._begun = self._begun, ""
        self._stream.write(begun)
        self._stream.flush()

    def show(self, status: str) -> None:
        """Show what is going on, above the line; empty: nothing."""
        if status != self._status:
            self._status = status
            self._draw()

    def write(self, text: str) -> int:
        """Print lines above; one that has no end yet is shown in the last row above the line."""
        app = self._app
        if app is None or not app.is_running:
            return self._stream.write(text)
        lines, end, self._begun = (self._begun + text).rpartition("\n")
        if end:
            app.renderer.erase()
            self._stream.write(lines + end)
            self._stream.flush()
        self._draw()
        return len(text)

    def flush(self) -> None:
        """Leave nothing in the buffer of the terminal's stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the terminal."""
        return self._stream.fileno()

    def send(self, text: str) -> None:
        """Tell of a text that was sent."""
        if text.strip():
            self.on_text(text)

    def _draw(self) -> None:
        if self._app is not None and self._app.is_running:
            self._app.invalidate()

    async def _read(self, on_shown: Callable[[], None]) -> None:
        """Read until the line is closed, or the terminal has no further input."""
        self._app, draft, self.draft = self._session.app, self.draft, ""
        with suppress(EOFError):
            await self._session.prompt_async(
                self._rows, default=draft, pre_run=on_shown, handle_sigint=False, set_exception_handler=False
            )
        self.draft = self._session.default_buffer.text

    def _rows(self) -> "StyleAndTextTuples":
        width = max(self._session.app.output.get_size().columns - 1, 1)
        rows = [self._begun[-width:]] if self._begun else []
        if self._status:
            rows.append(self._status if len(self._status) <= width else f"{self._status[: width - 1]}…")
        return [("", "".join(f"{row}\n" for row in rows) + SIGN)]


def interrupt() -> None:
    """Do what Ctrl-C does on a terminal that sends signals."""
    signal.raise_signal(signal.SIGINT)


def _keep_signals() -> None:
    """Let Ctrl-C send its signal, as a program that is busy doesn't read keys; Ctrl-Z stays a key."""
    try:
        import termios
    except ImportError:  # Windows
        return
    with suppress(termios.error):
        now = termios.tcgetattr(0)
        now[3] |= termios.ISIG
        now[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(0, termios.TCSANOW, now)
