"""Watch: an observer of a run, such as the screen; the default shows nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from coder.run.events import Event

if TYPE_CHECKING:
    from sandbox.policy import AskHost


class Watch(Protocol):
    """Receives a run's events and output. A watch that is also a `Decider` is asked the run's questions."""

    def event(self, event: Event) -> None:
        """Handle an event that was appended to the log."""
        return

    def token(self, text: str) -> None:
        """Handle a piece of an answer, with secrets redacted."""
        return

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Handle output of a program in the sandbox."""
        return


@runtime_checkable
class Listening(Protocol):
    """A watch that also receives lines typed while the model works."""

    def typed(self) -> list[str]:
        """Return the lines since the last call."""


def typed_lines(watch: object) -> list[str]:
    """Return the lines typed since the last call; none if the watch receives none."""
    return watch.typed() if isinstance(watch, Listening) else []


@runtime_checkable
class Noting(Protocol):
    """A watch that shows notes, which are no events."""

    def note(self, text: str) -> None:
        """Show a line."""


def note_of(watch: object) -> Callable[[str], None]:
    """Return a function that shows a line on the watch, or else logs it as a warning."""
    return watch.note if isinstance(watch, Noting) else logging.getLogger("coder").warning


@runtime_checkable
class Waiting(Protocol):
    """A watch that may have a status line."""

    def set_status(self, status: str) -> str | None:
        """Set the text of the status line; return the earlier text, or None if there is no status line."""


SLOW_S = 2.0
"""Seconds after which a watch without a status line shows the reason for a wait."""


@asynccontextmanager
async def shown_wait(watch: object, text: str) -> AsyncIterator[None]:
    """Show a text within the context: on the watch's status line, else as a note after SLOW_S seconds."""
    earlier = watch.set_status(text) if isinstance(watch, Waiting) else None
    note = watch.note if earlier is None and isinstance(watch, Noting) else None
    timer = asyncio.get_running_loop().call_later(SLOW_S, note, text) if note is not None else None
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        elif earlier is not None and isinstance(watch, Waiting):
            watch.set_status(earlier)


@runtime_checkable
class Installing(Protocol):
    """A watch whose user is offered to install missing packages, for which the run ends before any call."""

    offers_install: bool
    """Whether that is so now."""


def offers_install(watch: object) -> bool:
    """Whether a run ends for missing packages, so that its user is offered to install them."""
    return isinstance(watch, Installing) and watch.offers_install


@runtime_checkable
class Editing(Protocol):
    """A watch whose user has files open in an editor, possibly with unsaved changes."""

    async def open_texts(self, paths: Collection[str]) -> Mapping[str, str]:
        """Return the editor's texts of files of the run's folder, by path; some may be omitted."""

    def saved_digest(self, path: str) -> str | None:
        """Return the digest of the file on disk on which the editor's text is based."""

    async def write_texts(self, texts: Mapping[str, str]) -> None:
        """Let the editor write files of the run's folder; do nothing if it doesn't write files."""


@runtime_checkable
class Permitting(Protocol):
    """A watch that decides which further hosts a model's programs may reach."""

    @property
    def ask_host(self) -> "AskHost | None":
        """Function that asks a person; None if nobody can be asked."""


class Unwatched(Watch):
    """A watch that shows and asks nothing: files are written without a question."""
