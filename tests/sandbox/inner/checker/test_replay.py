"""Calls are recorded for repetition only if another process can rebuild what they are made with."""

import enum
from collections import Counter, namedtuple
from decimal import Decimal
from typing import Any

import pytest

from sandbox.inner.bridge.candidate_line import ENDED, FROM_CANDIDATE
from sandbox.inner.bridge.codec import encode
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.bridge.proxies import Function, Proxy
from sandbox.inner.checker.replay import RecordingLink

ENTRY = 1


class Answering:
    """A candidate whose entry point returns None, whatever it is called with."""

    sent: bytes | None = None
    received = b""

    def send(self, frame: bytes) -> None:
        self.sent = frame

    def receive(self) -> bytes:
        if self.sent is None:
            return ENDED
        self.received = FROM_CANDIDATE + encode(("value", None, (), ""))
        return self.received


class Cell:
    value = 0


class Color(enum.Enum):
    RED = 1


Point = namedtuple("Point", "x y")


def link() -> RecordingLink:
    """A link with the entry point loaded, whose prompt defines the classes above."""
    link = RecordingLink(Answering(), Guard(), wall_s=1)  # type: ignore[arg-type]
    link._entry = ENTRY
    link.guard.exports.shared = {Cell: "Cell", Color: "Color", Point: "Point"}
    return link


def references(link: RecordingLink) -> dict[str, Any]:
    """A value of each kind that crosses by a number of one of the two processes."""
    return {
        "an object of the test": object(),
        "a function of the test": lambda: None,
        "a class of the test": Cell,
        "an object of a class of the prompt": Cell(),
        "a member of an enum of the prompt": Color.RED,
        "a named tuple of the prompt": Point(1, 2),
        "an error": ValueError("x"),
        "an object of the candidate": Proxy(link, 5),
        "another function of the candidate": Function(link, 6, "g", ""),
    }


@pytest.mark.parametrize("kind", references(link()))
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [(value,)], lambda value: {"a": value}])
def test_a_call_with_a_reference_is_not_repeated(kind: str, wrap: Any) -> None:
    recording = link()

    recording.call(Function(recording, ENTRY, "f", ""), (wrap(references(recording)[kind]),), {}, "f")

    assert (recording.count, recording.calls) == (1, [])
    assert not recording.is_compared


@pytest.mark.parametrize(
    "value", [3, "x", [1, {2: (3,)}], range(3), Counter("aab"), Decimal("1.5"), int, ...]
)
def test_a_call_with_plain_data_is_repeated(value: object) -> None:
    recording = link()

    recording.call(Function(recording, ENTRY, "f", ""), (value,), {"key": value}, "f")

    assert (recording.count, len(recording.calls)) == (1, 1)
    assert recording.is_compared


def test_a_call_after_one_with_references_is_repeated() -> None:
    recording = link()
    entry = Function(recording, ENTRY, "f", "")

    for value in (Cell(), None, Cell()):
        recording.call(entry, (value,), {}, "f")

    assert (recording.count, len(recording.calls)) == (3, 1)
