"""Read the recorded exchanges of a trial: what was requested and answered. Change one, and repeat them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

from sandbox.inner.bridge.candidate_line import CandidateLine
from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.show_values import show, show_call
from sandbox.inner.bridge.standard import from_parts
from sandbox.inner.bridge.writeback import mutable_containers
from sandbox.inner.checker.other_values import Extension, Unchangeable, change

Frames = Sequence[tuple[bytes, bytes]]
"""Each frame sent, with the one received for it."""
_OPERATIONS = ("call", "resume", "await")
"""Operations whose answers a test looks at."""
_FIRST_OPERAND = (3, 4)
"""Index, in what a candidate asks of an object, of the first operand; of the value that an attribute gets."""
_MOST_SHOWN = 200
"""Characters of an exchange as text."""
_KINDS = {
    **dict.fromkeys(("number", "complex", "Decimal", "Fraction"), "N"),
    **dict.fromkeys(("str", "bytes", "bytearray", "UserString"), "T"),
    **dict.fromkeys(("list", "tuple", "set", "dict", "deque", "range", "Items", "iterator"), "C"),
}
"""Letters of kinds of values that no test takes for one another: numbers, texts, collections."""
_EMPTY: tuple[object, ...] = (None, "", b"", [], (), {}, set(), frozenset())


@dataclass(frozen=True)
class Exchanged:
    """A request to the candidate, and its answer."""

    request: str
    """Digest of the operation and its operands."""
    answer: str
    """Digest of the answer as a test sees it, and what it is: `r` raised, `e` empty, `z` zero or false,
    `n` not a number, `a` equal to an argument, `l` one of the arguments, and its kind as in `_KINDS`."""
    at: int
    """Index of the frame with the answer."""
    asks: tuple[int, ...] = ()
    """Indexes of frames before it by which the candidate changed or called what the test gave it."""

    @property
    def is_error(self) -> bool:
        """Whether an exception was raised."""
        return "r" in self.answer

    @property
    def places(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Indexes of frames to change: with the answer, unless it is empty, and with what was asked."""
        is_empty = "e" in self.answer.rpartition(":")[2]
        return (() if self.asks and is_empty else (self.at,)), self.asks

    @property
    def key(self) -> str:
        """The two digests."""
        return f"{self.request}:{self.answer}"


def read_exchanges(frames: Frames, entry: int | None) -> Iterator[Exchanged]:
    """Yield the exchanges in which the candidate computed something. Raises CodecError.

    Args:
        entry: number of the function under test.
    """
    pending: list[Any] = []
    for at, (sent, received) in enumerate(frames):
        request = decode(sent, resolve=Extension)
        if request[0] not in ("answer", "threw"):
            pending.append((request, sent, [], []))
        answer = decode(received[1:], resolve=Extension)
        if not pending:
            continue
        if answer[0] == "ask":
            if len(answer) > _FIRST_OPERAND[answer[1] == "set"]:
                pending[-1][2].append(at)
                pending[-1][3].append(_plain(answer, {}, None))
            continue
        request, sent, asks, asked = pending.pop()
        if request[0] in _OPERATIONS:
            answer_digest = _describe(request, sent, answer, asked)
            yield Exchanged(_digest(_plain(request, {}, entry)), answer_digest, at, tuple(asks))


def show_exchange(frames: Frames, exchanged: Exchanged, called: str) -> str:
    """Return a request and its answer as text, such as `f(3) returned []`."""
    sent, received = frames[exchanged.at]
    answer = decode(received[1:], resolve=_shown)
    outcome = f"raised {answer[1]!r}" if answer[0] == "raised" else f"returned {show(answer[1])}"
    request = decode(sent, resolve=_shown)
    call = show_call(called, request[2], request[3]) if request[0] == "call" else f"what {called}() gave"
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


class RecordedLine(CandidateLine):
    """Answers requests by what was recorded; no candidate is asked."""

    def __init__(self, frames: Frames) -> None:
        super().__init__(None)
        self.has_diverged = False
        self._frames, self._next, self._at = frames, 0, 0
        self._places: dict[bytes, list[int]] = {}
        for at, (sent, _) in enumerate(frames):
            self._places.setdefault(sent, []).append(at)

    def send(self, request: bytes) -> None:
        """Find a request: the next one, or else any that is the same. Raises Diverged."""
        self.sent = self.sent or request
        places = self._places.get(request, ())
        self._at = next((at for at in places if at >= self._next), places[-1] if places else -1)
        if self._at < 0:
            self.has_diverged = True
            raise Diverged
        self._next = self._at + 1

    def receive(self) -> bytes:
        """Return what was received then."""
        self.received = self._frames[self._at][1]
        return self.received


def change_answer(frame: bytes, chance: Random) -> bytes:
    """Return a frame whose value, text of an error, or operand of what is asked, is another.

    Raises Unchangeable or CodecError.
    """
    message = decode(frame[1:], resolve=Extension)
    if message[0] == "ask":
        first = _FIRST_OPERAND[message[1] == "set"]
        if message[1] == "get":
            raise Unchangeable
        operands = change(message[first:], chance)
        return frame[:1] + encode((*message[:first], *operands), refer=_payload)
    kind, outcome, *rest = map(_uncopied, message)
    if kind == "raised":
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
    chance.shuffle(places)
    for at in places:
        try:
            if at == 1:
                place = chance.randrange(len(changes))
                number, now = changes[place]
                changed = (number, change(now, chance))
                parts[1] = (*changes[:place], changed, *changes[place + 1 :])
            else:
                parts[at] = change(parts[at], chance)
        except Unchangeable:
            continue
        value, new_changes, new_printed = parts
        whole = (kind, value, new_changes if new_changes is not None else changes, new_printed or "")
        return frame[:1] + encode(whole, refer=_payload)
    raise Unchangeable


def empty_answer(frame: bytes) -> bytes:
    """Return a frame whose value is the empty one of its kind. Raises Unchangeable or CodecError."""
    kind, outcome, *rest = decode(frame[1:], resolve=Extension)
    if kind != "value" or outcome is None or type(outcome) is Extension:
        raise Unchangeable
    return frame[:1] + encode((kind, type(outcome)(), *rest), refer=_payload)


def _uncopied(part: Any) -> Any:
    """Return what a part holds that crosses as a copy."""
    return part.payload[1] if type(part) is Extension and part.payload[0] == "copy" else part


def _payload(value: Any) -> object:
    if type(value) is not Extension:
        raise CodecError("no plain data")
    return value.payload


def _describe(request: tuple[Any, ...], sent: bytes, answer: tuple[Any, ...], asked: list[Any]) -> str:
    """Return the digest of an answer, what was asked and printed for it, and letters that say what it is."""
    kind, outcome, *_, changes, printed = map(_uncopied, answer)
    if kind != "value":
        shown = outcome.payload[2:] if kind == "raised" and type(outcome) is Extension else (kind,)
        return f"{_digest((_plain(shown, {}, None), asked, printed))}:r"
    lent: dict[Any, Any] = dict(enumerate(mutable_containers(decode(sent, resolve=_rebuilt))))
    changes = changes if type(changes) is tuple else ()
    lent.update(changes)
    for number, place in _objects_in(request):
        lent["yours", number] = place
    value = _plain(outcome, lent, None)
    letters = "e" if _is_empty(outcome, lent) else _KINDS.get(value[0], "")
    letters += "l" if type(outcome) is Extension and outcome.payload[0] == "lent" else ""
    letters += "z" if value == _plain(False, {}, None) else ""
    letters += "n" if _has_nan(value) else ""
    given = [_plain(one, {}, None) for one in request[2]] if request[0] == "call" else []
    letters += "a" if value in given else ""
    return f"{_digest((value, _plain(changes, lent, None), asked, printed))}:{letters}"


def _objects_in(value: Any) -> Iterator[tuple[Any, int]]:
    """Yield the numbers of the test's objects in a request, each with its place."""
    found, stack = [], [value]
    while stack:
        one = stack.pop()
        if type(one) is Extension and one.payload[0] in ("mine", "shared"):
            found.append(one.payload[1])
        elif type(one) in (list, tuple):
            stack.extend(reversed(one))
        elif type(one) is dict:
            stack.extend(reversed(one.values()))
    return ((number, place) for place, number in enumerate(dict.fromkeys(found)))


def _rebuilt(payload: Any) -> object:
    try:
        return from_parts(payload)
    except CodecError:
        return Extension(payload)


def _digest(value: object) -> str:
    return blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _plain(value: Any, lent: Mapping[Any, Any], entry: int | None) -> Any:
    """Return a value as tuples that are equal where a test can hardly tell the values apart."""
    kind = type(value)
    if kind in (bool, int) or (kind is float and value.is_integer()):
        return ("number", hex(int(value)))
    if kind is float:
        return ("number", f"{value:.9g}")
    if kind in (list, tuple):
        return (kind.__name__, *(_plain(item, lent, entry) for item in value))
    if kind in (set, frozenset):
        return ("set", *sorted(repr(_plain(item, lent, entry)) for item in value))
    if kind is dict:
        pairs = ((repr(_plain(key, lent, entry)), _plain(item, lent, entry)) for key, item in value.items())
        return ("dict", *sorted(pairs, key=repr))
    if kind is not Extension:
        return (kind.__name__, repr(value))
    name, *parts = value.payload
    if name == "copy":
        return _plain(parts[0], lent, entry)
    if name == "lent":
        return _plain(lent.get(parts[0]), {}, entry)
    if name in ("record", "missing", "error"):
        return (name, _plain(tuple(parts[1:]), lent, entry))
    if name == "yours":
        return (name, lent.get((name, parts[0])))
    if name in ("object", "class", "function", "module", "generator", "coroutine", "mine", "shared"):
        return (name, bool(parts) and parts[0] == entry)
    return (name, _plain(tuple(parts), lent, entry))


def _is_empty(value: Any, lent: Mapping[Any, Any]) -> bool:
    if type(value) is Extension:
        name, *parts = value.payload
        if name == "lent":
            return _is_empty(lent.get(parts[0]), {})
        return bool(parts) and name not in ("error", "record") and all(_is_empty(part, {}) for part in parts)
    return any(type(value) is type(one) and value == one for one in _EMPTY)


def _has_nan(plain: Any) -> bool:
    if type(plain) is not tuple:
        return False
    return plain == ("number", "nan") or any(map(_has_nan, plain))
