"""Watch: an observer of a run. The screen is one; the default shows nothing."""

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from coder.run.events import Event

if TYPE_CHECKING:
    from sandbox.policy import AskHost


class Watch(Protocol):
    """What a run tells, which a watch may ignore, and the one question it may ask."""

    def event(self, event: Event) -> None:
        """An event was appended to the log."""
        return

    def token(self, text: str) -> None:
        """A piece of an answer has arrived; secrets are redacted."""
        return

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """A program in the sandbox wrote something."""
        return

    async def confirm(self, question: str, diff: str) -> bool:
        """Ask the human. False refuses."""


@runtime_checkable
class Asking(Protocol):
    """A watch that can ask what starting the run has not answered."""

    async def ask(self, question: str, diff: str, *, by_flag: bool) -> bool | None:
        """Show a change and ask about it; None without a human. `by_flag`: `--yes` answers it too."""


@runtime_checkable
class Listening(Protocol):
    """A watch that hears what the user says while the model works."""

    def typed(self) -> list[str]:
        """The lines since the last look."""


@runtime_checkable
class Permitting(Protocol):
    """A watch that decides which hosts a model's programs may reach beside those that are named."""

    @property
    def ask_host(self) -> "AskHost | None":
        """Asks; None where there is no human to ask."""


class Unwatched(Watch):
    """Looks at nothing and says yes: the caller asked for the files to be written."""

    async def confirm(self, question: str, diff: str) -> bool:
        """Agree."""
        return True
