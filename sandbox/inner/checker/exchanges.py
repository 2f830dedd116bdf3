"""Read the recorded exchanges of a trial: what was requested and answered. Change one, and repeat them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any, Literal, get_args

from sandbox.inner.bridge.candidate_line import CandidateLine
from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.show_values import show, show_call
from sandbox.inner.bridge.standard import from_parts
from sandbox.inner.checker.answer_digests import (
    VALUE_PLACES,
    ReferenceNames,
    describe_answer,
    request_digest,
    uncopied,
    value_in,
    visible_digest,
)
from sandbox.inner.checker.other_values import Extension, Unchangeable, change, count_items, shortened

Frames = Sequence[tuple[bytes, bytes]]
"""Each frame sent, with the one received for it."""
_OPERATIONS = ("call", "resume", "await", "get", "missing")
"""Operations whose answers a test looks at."""
_FIRST_OPERAND = (3, 4)
"""Index, in what a candidate asks of an object, of the first operand; of the value that an attribute gets."""
_OTHER_ERROR = "BufferError"
Part = Literal["value", "changes", "printed"]
"""What a test sees of an answer: its value, changes of arguments, and what was printed."""
_PARTS: tuple[Part, ...] = get_args(Part)
_MOST_SHOWN = 200
"""Characters of an exchange as text."""


@dataclass(frozen=True)
class Exchanged:
    """A request to the candidate, and its answer, as digests."""

    request: str
    answer: str
    letters: str
    """What the answer is, as `describe_answer` says."""
    at: int
    """Index of the frame with the answer."""
    asks: tuple[int, ...] = ()
    """Indexes of frames before it by which the candidate changed or called what the test gave it."""
    asked_at: int = 0
    """Index of the frame with the request."""
    place: int | None = None
    """Place of the value in the answer, as `VALUE_PLACES`."""
    size: int = 0
    """Number of items in the answer, also in those of its items."""
    error: str = ""
    """Nearest builtin class of an exception, after `raise` if a statement raised it."""

    @property
    def is_error(self) -> bool:
        """Whether an exception was raised."""
        return "r" in self.letters

    @property
    def is_call(self) -> bool:
        """Whether it is a call of a function."""
        return self.request.startswith("call-")

    @property
    def places(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Indexes of frames to change: with the answer, unless it is empty, and with what was asked."""
        return (() if self.asks and "e" in self.letters else (self.at,)), self.asks

    @property
    def key(self) -> str:
        """The digests, the error and the letters."""
        return f"{self.request}:{self.answer}:{self.error}:{self.letters}"


def _is_no_operation(request: tuple[Any, ...]) -> bool:
    return request[0] not in _OPERATIONS


def read_exchanges(
    frames: Frames, names: ReferenceNames, *, is_silent: Callable[[tuple[Any, ...]], bool] = _is_no_operation
) -> Iterator[Exchanged]:
    """Yield the exchanges in which the candidate computed something. Raises CodecError.

    Args:
        is_silent: whether a request is left out; by default all but calls and steps.
    """
    pending: list[Any] = []
    for at, (sent, received) in enumerate(frames):
        request = decode(sent, resolve=Extension)
        if request[0] not in ("answer", "threw"):
            pending.append((request, at, [], []))
        aliases: list[int] = []
        answer = decode(received[1:], resolve=Extension, note=aliases.append)
        if not pending:
            continue
        if answer[0] == "ask":
            if len(answer) > _FIRST_OPERAND[answer[1] == "set"]:
                pending[-1][2].append(at)
                pending[-1][3].append(visible_digest(answer, names))
            continue
        request, asked_at, asks, asked = pending.pop()
        if not is_silent(request) and not names.is_entry(answer):
            sent = frames[asked_at][0]
            digest, letters = describe_answer(request, sent, answer, asked, aliases, names)
            error = str(answer[3]) if answer[0] == "raised" else ""
            place = VALUE_PLACES.get(request[0])
            name = request_digest(request, names)
            value = uncopied(answer[1])
            size = count_items(value if place is None or type(value) is not tuple else value[place:])
            if answer[0] == "value":
                size += sum(count_items(now) for _, now in _changed_containers(uncopied(answer[2])))
            yield Exchanged(name, digest, letters, at, tuple(asks), asked_at, place, size, error)


def show_exchange(frames: Frames, exchanged: Exchanged, called: str) -> str:
    """Return a request and its answer as text, such as `f(3) returned []`."""
    sent, received = frames[exchanged.at]
    answer = decode(received[1:], resolve=_shown)
    operation, _, *operands = decode(sent, resolve=_shown)
    outcome = f"returned {show(value_in(operation, answer[1]))}"
    if answer[0] == "raised":
        outcome = f"raised {str(answer[3]).removeprefix('raise ')}: {answer[1]!r}"
    call = show_call(called, *operands) if operation == "call" else f"what {called}() gave"
    if operation in ("get", "missing"):
        call += f", for {show(operands[0])},"
    return f"{call} {outcome}"[:_MOST_SHOWN]


class _Shown:
    """A value that can't be rebuilt here, as text."""

    def __init__(self, payload: Any) -> None:
        self._text = str(payload[-1]) if payload[0] == "error" else f"<{payload[0]}>"

    def __repr__(self) -> str:
        return self._text


def _shown(payload: Any) -> object:
    try:
        return from_parts(payload)
    except CodecError:
        return _Shown(payload)


class Diverged(BaseException):
    """A test made a request that wasn't recorded."""


class Recording:
    """The frames of a trial, by request."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self._places: dict[bytes, list[int]] = {}
        for at, (sent, _) in enumerate(frames):
            self._places.setdefault(sent, []).append(at)

    def find(self, request: bytes, start: int) -> int:
        """Return the index of a request's next frame from `start`, else of its last one; -1 if none."""
        places = self._places.get(request, (-1,))
        return places[min(bisect_left(places, start), len(places) - 1)]


class RecordedLine(CandidateLine):
    """Answers requests by what was recorded; no candidate is asked."""

    def __init__(self, recording: Recording, changed: Mapping[int, bytes] = MappingProxyType({})) -> None:
        """`changed`: received frames that replace recorded ones, by index."""
        super().__init__(None)
        self.has_diverged = False
        self._recording, self._changed, self._next, self._at = recording, changed, 0, 0

    def send(self, request: bytes) -> None:
        """Find a request: the next one, or else any that is the same. Raises Diverged."""
        self.sent = self.sent or request
        self._at = self._recording.find(request, self._next)
        if self._at < 0:
            self.has_diverged = True
            raise Diverged
        self._next = self._at + 1

    def receive(self) -> bytes:
        """Return what was received then."""
        self.received = self._changed.get(self._at) or self._recording.frames[self._at][1]
        return self.received


def parts_in(frame: bytes) -> list[Part]:
    """Return the parts of an answer that can be changed. Raises CodecError."""
    kind, _, *rest = map(uncopied, decode(frame[1:], resolve=Extension))
    if kind != "value":
        return []
    changes, printed = rest
    has_changes = type(changes) is tuple and changes != ()
    parts: dict[Part, object] = {"value": True, "changes": has_changes, "printed": printed}
    return [name for name, part in parts.items() if part]


def shorten_answer(frame: bytes, place: int | None = None) -> Iterator[list[bytes]]:
    """Yield, for each collection in a value or changed argument, frames with fewer items. Raises CodecError.

    `place`: as of an exchange.
    """
    kind, outcome, *rest = decode(frame[1:], resolve=Extension)
    if kind == "value":
        for values in shortened(outcome if place is None else outcome[place]):
            outcomes = [_replaced(outcome, place, lambda _, value=value: value) for value in values]  # type: ignore[misc]
            yield [frame[:1] + encode((kind, one, *rest), refer=_payload) for one in outcomes]
        changes, *printed = map(uncopied, rest)
        for at, (number, now) in enumerate(_changed_containers(changes)):
            for values in shortened(now):
                others = [(*changes[:at], (number, one), *changes[at + 1 :]) for one in values]
                yield [frame[:1] + encode((kind, outcome, one, *printed), refer=_payload) for one in others]


def _changed_containers(changes: Any) -> tuple[tuple[int, Any], ...]:
    return changes if type(changes) is tuple else ()


def change_answer(frame: bytes, chance: Random, place: int | None = None, only: Part | None = None) -> bytes:
    """Return a frame whose value, text of an error, or operand of what is asked, is another.

    `place`: as of an exchange. `only`: the part that is changed. Raises Unchangeable or CodecError.
    """
    message = decode(frame[1:], resolve=Extension)
    if message[0] == "ask":
        first = _FIRST_OPERAND[message[1] == "set"]
        if message[1] == "get":
            raise Unchangeable
        operands = change(message[first:], chance)
        return frame[:1] + encode((*message[:first], *operands), refer=_payload)
    kind, outcome, *rest = map(uncopied, message)
    if kind == "raised" and _is_new_error(outcome):
        name, number, cls, arguments, text = outcome.payload
        other = change(text, chance)
        shown = [other if one == text else one for one in arguments]
        outcome = Extension((name, number, cls, tuple(shown), other))
        return frame[:1] + encode((kind, outcome, *rest), refer=_payload)
    if kind != "value":
        raise Unchangeable
    changes, printed = rest
    parts = [outcome, changes if type(changes) is tuple and changes else None, printed or None]
    places = [at for at, part in enumerate(parts) if at == 0 or part is not None]
    if only is not None:
        places = [_PARTS.index(only)]
    chance.shuffle(places)
    for at in places:
        try:
            if at == 1:
                place = chance.randrange(len(changes))
                number, now = changes[place]
                changed = (number, change(now, chance))
                parts[1] = (*changes[:place], changed, *changes[place + 1 :])
            elif at == 0:
                parts[0] = _replaced(outcome, place, lambda value: change(value, chance))
            else:
                parts[at] = change(parts[at], chance)
        except Unchangeable:
            continue
        value, new_changes, new_printed = parts
        whole = (kind, value, new_changes if new_changes is not None else changes, new_printed or "")
        return frame[:1] + encode(whole, refer=_payload)
    raise Unchangeable


def other_error(frame: bytes) -> bytes:
    """Return a frame with an error of a class that no test names. Raises Unchangeable or CodecError."""
    kind, outcome, *rest = decode(frame[1:], resolve=Extension)
    if kind != "raised" or not _is_new_error(outcome):
        raise Unchangeable
    name, number, _, *more = outcome.payload
    other = Extension((name, number, Extension(("builtin", _OTHER_ERROR)), *more))
    return frame[:1] + encode((kind, other, *rest), refer=_payload)


def _is_new_error(outcome: Any) -> bool:
    """Whether an outcome is an error of the candidate's, and none of the test's own that comes back."""
    return type(outcome) is Extension and outcome.payload[0] == "error"


def empty_answer(frame: bytes, place: int | None = None) -> bytes:
    """Return a frame whose value is the empty one of its kind. Raises Unchangeable or CodecError."""
    kind, outcome, *rest = decode(frame[1:], resolve=Extension)
    if kind != "value":
        raise Unchangeable
    return frame[:1] + encode((kind, _replaced(outcome, place, _emptied), *rest), refer=_payload)


def _emptied(value: Any) -> Any:
    if value is None or type(value) is Extension:
        raise Unchangeable
    return type(value)()


def _replaced(outcome: Any, place: int | None, other: Callable[[Any], Any]) -> Any:
    """Return an outcome with another value in this place, or in place of it."""
    if place is None or type(outcome) is not tuple or len(outcome) <= place:
        return other(outcome)
    return (*outcome[:place], other(outcome[place]), *outcome[place + 1 :])


def _payload(value: Any) -> object:
    if type(value) is not Extension:
        raise CodecError("no plain data")
    return value.payload
