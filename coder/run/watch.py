"""Watch: an observer of a run. The screen is one; the default shows nothing."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from coder.run.events import Event

if TYPE_CHECKING:
    from sandbox.policy import AskHost


class Watch(Protocol):
    """What a run tells, which a watch may ignore; one that is a `Decider`, too, is asked its questions."""

    def event(self, event: Event) -> None:
        """An event was appended to the log."""
        return

    def token(self, text: str) -> None:
        """A piece of an answer has arrived; secrets are redacted."""
        return

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """A program in the sandbox wrote something."""
        return


@runtime_checkable
class Listening(Protocol):
    """A watch that hears what the user says while the model works."""

    def typed(self) -> list[str]:
        """The lines since the last look."""


@runtime_checkable
class Noting(Protocol):
    """A watch that shows what is no event."""

    def note(self, text: str) -> None:
        """Show a line."""


def note_of(watch: object) -> Callable[[str], None]:
    """Shows a line to whoever watches; where nobody does, it is logged as a warning, which Python prints."""
    return watch.note if isinstance(watch, Noting) else logging.getLogger("coder").warning


@runtime_checkable
class Permitting(Protocol):
    """A watch that decides which hosts a model's programs may reach beside those that are named."""

    @property
    def ask_host(self) -> "AskHost | None":
        """Asks; None where there is no human to ask."""


class Unwatched(Watch):
    """A watch that shows and asks nothing: files are written without a question."""
