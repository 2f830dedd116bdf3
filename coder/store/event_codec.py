"""Encode bodies of events as JSON, with long strings stored apart.

A string over 64 KiB becomes a blob: its place in the body is kept in a list beside the body, so that no
body, whatever it holds, can be mistaken for a reference. JSON is ASCII: lone surrogates and NUL survive.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from operator import eq
from typing import Any

from coder.base.errors import LogDamaged
from coder.run.events import Event

BLOB_BYTES = 64 * 1024
"""Strings longer than this in UTF-8 are stored apart."""

Place = list[str | int]
"""Keys and indices that lead to a string of a body."""


def encode(body: dict[str, Any], store: Callable[[bytes], str]) -> tuple[str, str]:
    """Body and places of its blobs as JSON; `store` keeps a blob. Raises TypeError, ValueError: no JSON."""
    text = json.dumps(body, allow_nan=False, separators=(",", ":"))
    if len(text) <= BLOB_BYTES:
        return text, "[]"
    plain = json.loads(text)
    blobs: list[tuple[Place, str]] = []
    for place, value in list(_strings(plain, [])):
        content = value.encode("utf-8", "surrogatepass")
        if len(content) > BLOB_BYTES:
            blobs.append((place, store(content)))
            _put(plain, place, "")
    return json.dumps(plain, separators=(",", ":")), json.dumps(blobs, separators=(",", ":"))


def decode(body: str, blobs: str, load: Callable[[str], bytes]) -> dict[str, Any]:
    """The body given to `encode`; `load` returns a blob. Raises ValueError: not what `encode` writes."""
    plain = json.loads(body)
    if not isinstance(plain, dict):
        raise ValueError("the body is not an object")
    try:
        for place, name in json.loads(blobs):
            _put(plain, place, load(name).decode("utf-8", "surrogatepass"))
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("a blob's place is not in the body") from error
    return plain


def event_of(
    row: tuple[Any, ...], load: Callable[[str], bytes], damaged: Callable[[str], LogDamaged]
) -> Event:
    """An event of its row: run, seq, time, type, version, body, places of its blobs.

    Raises what `damaged` gives for a row that can't be read.
    """
    run, seq, moment, kind, version, body, blobs = row
    try:
        plain = decode(body, blobs, load)
        return Event(run=run, seq=seq, time=moment, type=kind, version=version, body=plain)
    except (ValueError, TypeError, RecursionError) as error:  # pydantic's error is a ValueError
        raise damaged(f"event {seq} of {run} can't be read") from error


def are_complete(numbers: Sequence[object], after: int, last: object, limit: int | None) -> bool:
    """True when these are the numbers after `after` up to `last`, at most `limit` of them.

    `last` may be of any type and size: it is compared, and nothing as long as it says is made.
    """
    if not isinstance(last, int):
        return False
    upto = last if limit is None else min(last, after + limit)
    return len(numbers) == max(upto - after, 0) and all(map(eq, numbers, count(after + 1)))


def _strings(value: object, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, [*place, key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, [*place, index])


def _put(plain: Any, place: Place, text: str) -> None:  # noqa: ANN401 - a body is any JSON
    *way, last = place
    for step in way:
        plain = plain[step]
    plain[last] = text
