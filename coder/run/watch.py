"""Watch: an observer of a run, such as the screen; the default shows nothing."""

import logging
from collections.abc import Callable, Collection, Mapping
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


@runtime_checkable
class Noting(Protocol):
    """A watch that shows notes, which are no events."""

    def note(self, text: str) -> None:
        """Show a line."""


def note_of(watch: object) -> Callable[[str], None]:
    """Return a function that shows a line on the watch, or else logs it as a warning."""
    return watch.note if isinstance(watch, Noting) else logging.getLogger("coder").warning


@runtime_checkable
class Editing(Protocol):
    """A watch whose user has files open in an editor, which may hold more than is saved."""

    async def open_texts(self, paths: Collection[str]) -> Mapping[str, str]:
        """Return the texts that the editor has for files of the run's folder, by path, as far as it does."""

    def saved_digest(self, path: str) -> str | None:
        """Return the digest of the file on the disk which the editor's text has come from."""

    async def write_texts(self, texts: Mapping[str, str]) -> None:
        """Have the editor write files of the run's folder; one that doesn't write files does nothing."""


@runtime_checkable
class Permitting(Protocol):
    """A watch that decides which further hosts a model's programs may reach."""

    @property
    def ask_host(self) -> "AskHost | None":
        """Function that asks a person; None if nobody can be asked."""


class Unwatched(Watch):
    """A watch that shows and asks nothing: files are written without a question."""
