"""Events are the only stored state of a run: an envelope, and a versioned body per type.

Summary, resume, costs and reports are computed from events. Events of unknown types are kept and skipped;
a run with a newer version of a known type can be shown, but not resumed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Any, ClassVar, Protocol

from sandbox.result import Value


class Event(Value):
    """One numbered event in the log of a run."""

    run: str
    seq: int
    """Number of the event in the run: 1, 2, 3, … without gaps."""
    time: float
    """Seconds since the epoch."""
    type: str
    version: int = 1
    body: dict[str, Any]

    def as_json(self) -> str:
        """Return one line of ASCII JSON; content that isn't UTF-8 is written as lone surrogates."""
        return dumps(self.model_dump(mode="json"), separators=(",", ":"))


class Draft(Value):
    """An event that the log has not numbered yet."""

    type: str
    version: int = 1
    body: dict[str, Any]
    durable: bool = True
    """Whether the event is on the disk before `append` returns; else a power cut may lose it."""


class Body(Value):
    """The typed content of an event."""

    type: ClassVar[str]
    version: ClassVar[int] = 1
    durable: ClassVar[bool]
    """Whether the event must survive a power cut, because an outside effect depends on it (ADR 0014)."""

    def __init_subclass__(cls, *, type: str, durable: bool = True) -> None:
        """Set the event's type, and whether it is durable."""
        super().__init_subclass__()
        cls.type, cls.durable = type, durable

    def draft(self) -> Draft:
        """Return this body as an event without a number."""
        return Draft(
            type=self.type, version=self.version, body=self.model_dump(mode="json"), durable=self.durable
        )


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A person's message to a run."""

    id: str
    text: str


class Messages(Protocol):
    """Messages to runs, kept until the process that works on a run, or continues it, has logged them."""

    async def send(self, run: str, text: str) -> None:
        """Store a message.

        Raises:
            UsageError: the message is empty, or can't be encoded.
            MachineError: the log can't be written.
        """

    async def unread(self, run: str) -> list[SentMessage]:
        """Return the messages to a run that haven't been removed, in order."""

    async def remove(self, run: str, ids: Collection[str]) -> None:
        """Remove these messages to a run; only the lease's holder calls this, once its log has them."""


class EventStore(Protocol):
    """Storage for the events of runs."""

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        """Append events after number `after`, all or none, and return the numbered events.

        If one draft is durable, all of them and all earlier events are on the disk before this returns.

        Args:
            after: `seq` of the last event that the writer has read; 0 for a new run.
            token: the fencing token of the writer's lease.

        Raises:
            EventRefused: an event couldn't be read back.
            LeaseHeld: the token is stale, or someone else has appended.
            MachineError: the disk is full or the log can't be written.
        """

    async def read(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Return the events of a run with seq > `after`, in order, at most `limit`; empty for an unknown run.

        Raises:
            LogDamaged: an event can't be read or a number is missing.
        """

    async def stop_requested(self, run: str, *, token: int) -> str | None:
        """Return who requested this lease's holder to stop, once per request; None: no request."""

    @property
    def messages(self) -> Messages:
        """Messages of other processes to the one that works on a run."""
