"""A tool call of a model that works in a session: called before it is carried out, answered after."""

from pydantic import Field

from coder.run.event_types.body import Body
from coder.run.event_types.stored import StoredFile


class ToolCalled(Body):
    """A tool is about to be called; a resume doesn't call it again."""

    type = "tool.called"
    durable = False

    call: int
    """The model call that asked for it."""
    id: str
    """Of the call, as the model's dialogue names it; empty for edits in the text of an answer."""
    name: str
    arguments: str
    """JSON, redacted."""
    effect: bool = False
    """It can change something outside of the sandbox."""


class ToolAnswered(Body):
    """What a tool gave, and what it changed in the session's workspace."""

    type = "tool.answered"
    later = ("exit_code", "seconds", "running", "changes", "left_out")

    call: int
    id: str
    name: str
    text: str
    """What the model is told, redacted."""
    exit_code: int | None = None
    seconds: float = 0.0
    running: bool = False
    """It left programs running in the background."""
    changes: dict[str, StoredFile | None] = Field(default_factory=dict)
    """Files by path as they are now, where the call changed them; None is one that was removed."""
    left_out: tuple[str, ...] = ()
    """Paths that it changed and that can't be taken over, a line each with the reason."""
