"""Step: what came of one message of the user's in a conversation, once the next one has been said."""

from dataclasses import dataclass

from coder.run.event_types import (
    CommitMade,
    CommitRefused,
    LandingPlanned,
    LandingRefused,
    PatchProposed,
    RunStopped,
)
from coder.run.message import Message
from coder.run.task import Task


@dataclass(frozen=True, slots=True)
class Step:
    """One task of several in the same run, and how it ended."""

    task: Task
    messages: tuple[Message, ...]
    landing: LandingPlanned | None
    landed: tuple[str, ...]
    proposed: PatchProposed | None
    refused: LandingRefused | None
    stopped: RunStopped | None
    taken_back: bool
    """The user has taken back what it had written."""
    committed: CommitMade | CommitRefused | None = None

    @property
    def patch(self) -> str:
        """What has landed, or would have; empty where nothing was proposed."""
        shown = self.landing or self.proposed
        return shown.patch if shown is not None else ""
