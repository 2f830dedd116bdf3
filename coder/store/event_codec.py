"""Encode bodies of events as JSON, with long strings stored separately.

A string over 64 KiB becomes a blob. A list next to the body has its position, so that no content can be
mistaken for a reference. JSON is ASCII, so that lone surrogates and NUL survive. Every log appends what
`encode_events` returns, which refuses an event that couldn't be read back.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from operator import eq
from typing import Any, NamedTuple

from pydantic import ValidationError

from coder.base.errors import EventRefused, LogDamaged, UsageError
from coder.base.text.usable import require_encodable, require_usable_name
from coder.run.events import Body, Draft, Event
from coder.store.blobs import blob_name

BLOB_BYTES = 64 * 1024
"""Strings with more UTF-8 bytes are stored separately."""

_MAX_VERSION = (1 << 31) - 1
Place = list[str | int]
"""Keys and indices that lead to a string in a body."""


class EncodedEvent(NamedTuple):
    """An event as it will be read, and the texts that are stored."""

    event: Event
    body: str
    blobs: str


def encode_events(
    run: str, drafts: Sequence[Draft], contents: dict[str, bytes], *, after: int, time: float = 0.0
) -> list[EncodedEvent]:
    """Encode the events to append after number `after`.

    Args:
        contents: receives the contents of the blobs by name; the caller stores them before the events.

    Raises EventRefused if one couldn't be read back, by this or another log; the caller stores none.
    """
    encoded_events = []
    for seq, draft in enumerate(drafts, start=after + 1):
        try:
            require_usable_name(run, "The id of the run")
            require_usable_name(draft.type, "The type of the event")
            if not 1 <= draft.version <= _MAX_VERSION:
                raise ValueError(f"{draft.version} is no version")
            body, blobs = encode(draft.body, contents)
            event = Event(
                run=run,
                seq=seq,
                time=time,
                type=draft.type,
                version=draft.version,
                body=decode(body, blobs, contents.__getitem__),
            )
            _require_readable(event)
        except (ValueError, TypeError, RecursionError, UsageError) as error:
            raise EventRefused(
                f"Event {seq} of {run!r} ({draft.type!r}) couldn't be read back, so it was not stored: "
                f"{_reason(error)}"
            ) from error
        encoded_events.append(EncodedEvent(event, body, blobs))
    return encoded_events


def _require_readable(event: Event) -> None:
    """Raise ValidationError if the body of an event of a type known in this process can't be read."""
    for body_type in Body.__subclasses__():
        if body_type.type == event.type and event.version <= body_type.version:
            body_type.model_validate(event.body)


def _reason(error: Exception) -> str:
    """Return what is wrong with an event, without quoting its content."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def encode_message(run: str, text: str) -> bytes:
    """Encode a message to a run. Raises UsageError if the message is empty, or can't be encoded."""
    require_usable_name(run, "The id of the run")
    require_encodable(text, "The message")
    if not text.strip():
        raise UsageError("The message is empty. Nothing was stored. Say in words what the run must do.")
    return text.encode()


def encode(body: dict[str, Any], contents: dict[str, bytes]) -> tuple[str, str]:
    """Return a body and the places of its blobs as JSON. Raises ValueError.

    Args:
        contents: receives the contents of the blobs by name; the caller stores them before the body.
    """
    text = json.dumps(body, allow_nan=False, separators=(",", ":"))
    if len(text) <= BLOB_BYTES:
        return text, "[]"
    document = json.loads(text)
    blobs: list[tuple[Place, str]] = []
    for place, value in list(_strings(document, [])):
        content = value.encode("utf-8", "surrogatepass")
        if len(content) > BLOB_BYTES:
            contents[name := blob_name(content)] = content
            blobs.append((place, name))
            _put(document, place, "")
    return json.dumps(document, separators=(",", ":")), json.dumps(blobs, separators=(",", ":"))


def decode(body: str, blobs: str, load: Callable[[str], bytes]) -> dict[str, Any]:
    """Return the body given to `encode`; `load` reads a blob. Raises ValueError if either text is invalid."""
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the body is not an object")
    try:
        for place, name in json.loads(blobs):
            _put(document, place, load(name).decode("utf-8", "surrogatepass"))
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("a blob's place is not in the body") from error
    return document


def names_in(blobs: str) -> set[str]:
    """Return the names in an event's places of blobs. Raises ValueError if they can't be read."""
    try:
        return {name for _, name in json.loads(blobs)}
    except (TypeError, RecursionError) as error:
        raise ValueError("the places of blobs can't be read") from error


def event_of(
    row: tuple[Any, ...], load: Callable[[str], bytes], damaged: Callable[[str], LogDamaged]
) -> Event:
    """Return the event in a row: run, seq, time, type, version, body, places of blobs.

    Raises the error that `damaged` returns if the row can't be read.
    """
    run, seq, timestamp, event_type, version, body, blobs = row
    try:
        document = decode(body, blobs, load)
        return Event(run=run, seq=seq, time=timestamp, type=event_type, version=version, body=document)
    except (ValueError, TypeError, RecursionError) as error:  # pydantic's error is a ValueError
        raise damaged(f"event {seq} of {run} can't be read") from error


def are_complete(numbers: Sequence[object], after: int, last: object, limit: int | None) -> bool:
    """Whether the numbers are exactly those after `after` up to `last`, or the first `limit` of these.

    `last` may have any type and size; it is only compared, so that a huge value allocates no memory.
    """
    if not isinstance(last, int):
        return False
    end = last if limit is None else min(last, after + limit)
    return len(numbers) == max(end - after, 0) and all(map(eq, numbers, count(after + 1)))


def _strings(value: object, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, [*place, key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, [*place, index])


def _put(document: Any, place: Place, text: str) -> None:  # noqa: ANN401 - a body is any JSON
    *parents, key = place
    for step in parents:
        document = document[step]
    document[key] = text
