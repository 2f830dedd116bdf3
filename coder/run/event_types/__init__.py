"""The events of a run, one class per type; `parse` gives None for a type that this version doesn't know.

Read run_events, turn_events.
"""

from collections.abc import Mapping

from coder.run.event_types.attempt_events import *
from coder.run.event_types.run_events import *
from coder.run.event_types.turn_events import *
from coder.run.events import Body, Event

TYPES: Mapping[str, type[Body]] = {body.type: body for body in Body.__subclasses__()}


def is_newer(event: Event) -> bool:
    """Whether a newer version of the product wrote this event of a type that we know: it may mean more."""
    known = TYPES.get(event.type)
    return known is not None and event.version > known.version


def parse(event: Event) -> Body | None:
    """The typed body of an event; None where this version doesn't know the type, or its version is newer."""
    known = TYPES.get(event.type)
    if known is None or is_newer(event):
        return None
    return known.model_validate(event.body)
