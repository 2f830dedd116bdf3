"""The events of a run, one class per type; `parse` returns None for an unknown type.

Read run_events, turn_events.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from coder.base.errors import LogDamaged
from coder.run.event_types.attempt_events import *
from coder.run.event_types.run_events import *
from coder.run.event_types.turn_events import *
from coder.run.events import Body, Event

TYPES: Mapping[str, type[Body]] = {body.type: body for body in Body.__subclasses__()}


def is_newer(event: Event) -> bool:
    """Whether an event has a known type, but a newer version than this version of coder can interpret."""
    body_type = TYPES.get(event.type)
    return body_type is not None and event.version > body_type.version


def parse(event: Event) -> Body | None:
    """Return the typed body of an event; None if its type is unknown or its version is newer.

    Raises:
        LogDamaged: the body has an invalid form, as in logs from before the first release.
    """
    body_type = TYPES.get(event.type)
    if body_type is None or is_newer(event):
        return None
    try:
        return body_type.model_validate(event.body)
    except ValidationError as error:
        raise LogDamaged(
            f"Event {event.seq} of {event.run} ({event.type}) can't be read: "
            "another version of coder wrote it, or it is damaged"
        ) from error


def parse_if_readable(event: Event) -> Body | None:
    """Return the typed body of an event; None if this version can't read it."""
    try:
        return parse(event)
    except LogDamaged:
        return None
