"""Fork: the events with which a run begins that goes on from a step of another one. Pure."""

from collections.abc import Sequence

from coder.errors import UsageError
from coder.run.event_types import RunOrigin, Spoken, ToolAnswered
from coder.run.events import Event
from coder.run.message import HUMAN, Message
from coder.run.state import State
from coder.text.sanitize import count_of


def forked(events: Sequence[Event], run: str, *, step: int) -> list[Event]:
    """What a run's events say up to a step, as the events of another run, and where that comes from.

    Args:
        run: the id of the new run.
        step: an answered tool call, from 1, as `coder show` numbers them.

    Raises:
        UsageError: there is no such step.
    """
    if not events:
        raise UsageError("There is no such run. See the runs with: coder ls")
    origin, ends = events[0].run, [event.seq for event in events if event.type == ToolAnswered.type]
    if not ends:
        raise UsageError(
            f"{origin} has no step to fork at: no tool was called. A model that acts calls some."
        )
    if not 1 <= step <= len(ends):
        count = count_of(len(ends), "step")
        raise UsageError(f"{origin} has {count}, so there is no step {step}. See: coder show {origin}")
    copied = [event.model_copy(update={"run": run}) for event in events[: ends[step - 1]]]
    marked = RunOrigin(run=origin, step=step).model_dump(mode="json")
    return [
        *copied,
        copied[-1].model_copy(
            update={
                "seq": len(copied) + 1,
                "type": RunOrigin.type,
                "version": RunOrigin.version,
                "body": marked,
            }
        ),
    ]


def said(state: State, words: str) -> tuple[Spoken, ...]:
    """What the log holds of the user's words to a fork; nothing where there are none."""
    if not words.strip():
        return ()
    attempt = len(state.codes) + 1
    message = Message(author=HUMAN, kind="answer", sample=1, attempt=attempt, text=words.strip())
    return (Spoken(message=message),)
