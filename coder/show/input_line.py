"""InputLine: the line at the bottom of a terminal for typed input; all output is printed above it."""

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

WORKING_PROMPT = "+ "
"""Prompt while the model works; between messages there is another prompt."""


class InputLine(TextIOBase):
    """The input line, which is also a stream: written text is printed above the line while it is open.

    Unlike `patch_stdout`, it starts no thread that could write after a question. It also keeps a piped stdout
    off the terminal, and stops the terminal from echoing typed keys.
    """

    encoding = "utf-8"

    def __init__(self, session: "PromptSession[str]", stream: TextIO) -> None:
        """Use a session whose application erases itself, and the terminal on which it draws."""
        self.draft = ""
        """Typed text that was not sent."""
        self.on_text: Callable[[str], None] = lambda text: None
        """Function that receives the text that the user sends."""
        self.encoding = stream.encoding
        self._session = session
        self._stream = stream
        self._status = self._unfinished = ""
        self._app: Application[str] | None = None
        """The application that reads the line while it is shown."""
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the line is shown."""
        return self._app is not None and self._app.is_running

    async def begin(self) -> None:
        """Show the line with its draft."""
        is_shown = asyncio.Event()
        self._reading = asyncio.create_task(self._read(is_shown.set))
        wait_task = asyncio.create_task(is_shown.wait())
        await asyncio.wait([self._reading, wait_task], return_when=asyncio.FIRST_COMPLETED)
        wait_task.cancel()
        if self.is_open:
            _keep_signals()

    async def end(self) -> None:
        """Erase the line and keep its text as the draft; later input is read or discarded."""
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
            clear_typeahead(app.input)  # else it would answer a question
        self._app = None
        unfinished, self._unfinished = self._unfinished, ""
        self._stream.write(unfinished)
        self._stream.flush()

    def show(self, status: str) -> None:
        """Show the current status above the line; an empty status shows nothing."""
        if status != self._status:
            self._status = status
            self._draw()

    def write(self, text: str) -> int:
        """Print complete lines above the input line; an incomplete line is drawn in the row above it."""
        app = self._app
        if app is None or not app.is_running:
            return self._stream.write(text)
        lines, end, self._unfinished = (self._unfinished + text).rpartition("\n")
        if end:
            app.renderer.erase()
            self._stream.write(lines + end)
            self._stream.flush()
        self._draw()
        return len(text)

    def flush(self) -> None:
        """Flush the terminal's stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the terminal."""
        return self._stream.fileno()

    def send(self, text: str) -> None:
        """Pass on a text that the user has sent."""
        if text.strip():
            self.on_text(text)

    def _draw(self) -> None:
        if self._app is not None and self._app.is_running:
            self._app.invalidate()

    async def _read(self, on_shown: Callable[[], None]) -> None:
        """Read until the line is closed, or the input ends."""
        self._app, draft, self.draft = self._session.app, self.draft, ""
        with suppress(EOFError):
            await self._session.prompt_async(
                self._rows, default=draft, pre_run=on_shown, handle_sigint=False, set_exception_handler=False
            )
        self.draft = self._session.default_buffer.text

    def _rows(self) -> "StyleAndTextTuples":
        width = max(self._session.app.output.get_size().columns - 1, 1)
        rows = [self._unfinished[-width:]] if self._unfinished else []
        if self._status:
            rows.append(self._status if len(self._status) <= width else f"{self._status[: width - 1]}…")
        return [("", "".join(f"{row}\n" for row in rows) + WORKING_PROMPT)]


def interrupt() -> None:
    """Send this process the signal that Ctrl-C sends on a terminal."""
    signal.raise_signal(signal.SIGINT)


def _keep_signals() -> None:
    """Make Ctrl-C send its signal, as a busy program doesn't read keys; Ctrl-Z remains an ordinary key."""
    try:
        import termios
    except ImportError:  # Windows
        return
    with suppress(termios.error):
        modes = termios.tcgetattr(0)
        modes[3] |= termios.ISIG
        modes[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(0, termios.TCSANOW, modes)
