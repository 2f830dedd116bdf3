"""Events: the only state. One envelope for all, and a versioned body per type.

Summary, resume, costs and reports are folds over these. Types that this version doesn't know are kept and
skipped; a run with a newer version of a known type is shown, not resumed.
"""

from collections.abc import Sequence
from json import dumps
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict


class Event(BaseModel, frozen=True, extra="forbid"):
    """One thing that happened."""

    run: str
    seq: int
    """1, 2, 3, … within the run, without gaps."""
    time: float
    """Seconds since the epoch."""
    type: str
    version: int = 1
    body: dict[str, Any]

    def as_json(self) -> str:
        """A line of JSON, in ASCII: a content that isn't UTF-8 stands in it by lone surrogates."""
        return dumps(self.model_dump(mode="json"), separators=(",", ":"))


class Draft(BaseModel, frozen=True, extra="forbid"):
    """An event that the log has not numbered yet."""

    type: str
    version: int = 1
    body: dict[str, Any]
    durable: bool = True
    """On the disk before `append` returns. False: a power cut may lose it until a later durable one."""


class Body(BaseModel):
    """What an event says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1
    durable: ClassVar[bool]
    """Must outlive a power cut: an effect outside of the sandbox rests on it (ADR 0014)."""

    def __init_subclass__(cls, *, type: str, durable: bool = True) -> None:
        """Take the event's type, and whether it is durable."""
        super().__init_subclass__()
        cls.type, cls.durable = type, durable

    def draft(self) -> Draft:
        """This body as an event that waits for its number."""
        return Draft(
            type=self.type, version=self.version, body=self.model_dump(mode="json"), durable=self.durable
        )


class EventStore(Protocol):
    """Where the events of a run are read and written."""

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        """Append behind event number `after`, all or none, and return the numbered events.

        With one durable draft, all of them and all earlier events are on the disk before this returns.

        Args:
            after: seq of the last event the writer has seen; 0 for a new run.
            token: the fencing token of the writer's lease.

        Raises:
            LeaseHeld: the token is stale, or someone else has appended.
            MachineError: the disk is full or the log can't be written.
        """

    async def read(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events of a run with seq > after, in order, at most `limit`; empty for a run that isn't there.

        Raises:
            LogDamaged: an event can't be read or a number is missing.
        """

    async def stop_requested(self, run: str, *, token: int) -> str | None:
        """Who wants the holder of this lease to stop the run, once for each request; None: nobody."""
