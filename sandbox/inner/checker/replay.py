"""Record calls of a function under test, repeat them elsewhere, and compare the answers."""

from __future__ import annotations

import copy
import heapq
import random
from contextlib import suppress
from functools import partial
from math import isclose
from typing import Any

from sandbox.inner.bridge.candidate_line import FROM_CANDIDATE, TIMED_OUT, CandidateLine
from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.frame_log import FrameLog
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.bridge.link import CandidateLink
from sandbox.inner.bridge.proxies import number_of
from sandbox.inner.bridge.show_values import CandidateGone, show, show_error
from sandbox.inner.bridge.standard import from_parts, has_parts, to_parts
from sandbox.inner.bridge.writeback import mutable_containers

MAX_CALLS = 256
"""Maximum number of recorded calls, chosen at random."""
MAX_BYTES = 1 << 20
"""Bytes of one call's arguments, and of its answer."""
_MAX_KEPT = 16 << 20
"""Maximum bytes of all recorded calls and answers."""
_REPEATED_SHARE = 0.75
"""Share of calls before which an earlier one is made again."""
_CLOSE = 1e-9
"""Relative tolerance; a sum over a set depends on its order."""


class TestStopped(BaseException):
    """A test was ended at a call. Not an Exception, so few tests catch it."""


class RecordingLink(CandidateLink):
    """Record the calls of `entry`, except those with references to objects of one of the processes."""

    def __init__(self, line: CandidateLine, guard: Guard, *, wall_s: float) -> None:
        super().__init__(line, guard, wall_s=wall_s)
        self.calls: list[tuple[float, int, bytes, bytes]] = []
        """For each call: a random number (lowest go first), its number, its frame, the answer's frame."""
        self.count = 0
        """Number of calls of `entry` so far."""
        self.other_count = 0
        """Number of calls of functions that it gave."""
        self.stop_after: int | None = None
        """Number of calls after which a test is stopped."""
        self.repeats = False
        """Whether earlier calls of a function are made again, by chance, before its next one."""
        self._earlier: dict[int | None, list[tuple[tuple[object, ...], dict[str, object]]]] = {}
        self._bytes = 0
        self.last_outcome = ""
        """Answer of the latest call, for messages."""
        self._has_references = False

    def entry(self, module: str, name: str) -> Any:
        """Load the function under test. Raises its module's exception, or AttributeError if it is missing."""
        with self.guard.suspended():
            function = self.request("get", self.request("import", module), name)
        self._entry = number_of(function)
        return function

    def call(self, proxy: object, args: tuple[object, ...], kwargs: dict[str, object], name: str) -> Any:
        """Call a candidate's object, and record the call. Raises TestStopped after `stop_after` calls."""
        self._has_references, self._line.sent = False, None
        if self._entry is not None and number_of(proxy) == self._entry:
            if self.stop_after is not None and self.count >= self.stop_after:
                raise TestStopped
            self.count += 1
        else:
            self.other_count += 1
        if self.repeats:
            self._repeat_earlier(proxy, args, kwargs, name)
        try:
            value = super().call(proxy, args, kwargs, name)
        except Exception as error:
            self.last_outcome = f"raised {type(error).__name__}: {show_error(error)[:200]}"
            raise
        finally:
            self._keep(proxy)
        self.last_outcome = f"returned {show(value)}"
        return value

    def _repeat_earlier(
        self, proxy: object, args: tuple[object, ...], kwargs: dict[str, object], name: str
    ) -> None:
        """Make an earlier call of a function again, by chance, and keep this one's arguments."""
        earlier = self._earlier.setdefault(number_of(proxy), [])
        if earlier and random.random() < _REPEATED_SHARE:
            with suppress(Exception):  # what it gives is seen where the test asks for it
                super().call(proxy, *copy.deepcopy(random.choice(earlier)), name)
        with suppress(Exception):  # a test's object that can't be copied
            earlier.append(copy.deepcopy((args, kwargs)))

    def repeat(self, call: bytes) -> bytes:
        """Repeat a call on this candidate and return the answer. Raises CandidateGone if there is none."""
        self._line.send(call)
        answer = self._line.receive() or b""
        if answer[:1] != FROM_CANDIDATE:
            self.gone = CandidateGone("a repeated call got no answer", timed_out=answer[:1] == TIMED_OUT)
            raise self.gone
        return answer

    def close(self) -> None:
        """Close the line, and release the records."""
        self._line.close()
        self.calls.clear()

    @property
    def frame_log(self) -> FrameLog:
        """The frames that passed."""
        return self._line.frame_log

    @property
    def entry_number(self) -> int | None:
        """Number of the function under test."""
        return self._entry

    @property
    def is_compared(self) -> bool:
        """Whether all calls were recorded and all answers can be compared."""
        return len(self.calls) == self.count and not self.guard.kinds

    def substitute(self, answers: list[tuple[bytes, bytes]]) -> None:
        """Use these frames, each once, as answers when these calls are made again."""
        for call, answer in answers:
            self._line.substitutes.setdefault(call, []).append(answer)

    def _keep(self, proxy: object) -> None:
        request, response = self._line.sent, self._line.received
        if request is None or self._has_references or self._entry is None or number_of(proxy) != self._entry:
            return
        if max(len(request), len(response)) > MAX_BYTES:
            return
        heapq.heappush(self.calls, (random.random(), self.count, request, response))
        self._bytes += len(request) + len(response)
        while len(self.calls) > MAX_CALLS or self._bytes > _MAX_KEPT:
            *_, call, answer = heapq.heappop(self.calls)
            self._bytes -= len(call) + len(answer)

    def _refer(self, value: Any) -> Any:
        payload = super()._refer(value)
        if not has_parts(payload) and payload != ("object", self._entry):
            self._has_references = True
        return payload


def shuffle_calls(calls: list[list[Any]]) -> list[list[Any]]:
    """Shuffle the calls, sorted by their first item, so that none keeps its place."""
    in_order = sorted(calls)
    order = in_order[:]
    while len(order) > 1 and any(call is other_call for call, other_call in zip(order, in_order)):  # noqa: B905 - same length
        random.shuffle(order)
    return order


def is_same_answer(call: bytes, answer: bytes, other_answer: bytes) -> bool:
    """Return whether two frames hold the same answer to a call, as a test sees it.

    That is its value or error, its changes of arguments and what it printed, without numbers of objects.
    """
    if answer == other_answer:
        return True
    try:
        lent = mutable_containers(decode(call, resolve=_resolve_argument))
        return _same_value(
            _visible_parts(_parse_answer(answer, lent)), _visible_parts(_parse_answer(other_answer, lent))
        )
    except (CodecError, TypeError, ValueError):
        return False


def _visible_parts(answer: Any) -> tuple[object, ...]:
    """Return the parts of an answer that a test sees: no error's position, nor why a value wasn't sent."""
    kind, outcome, *_, changes, printed = answer
    return (kind, None if kind == "unsent" else outcome, changes, printed)


class _Reference(tuple):  # type: ignore[type-arg]
    """An extension, by its kind."""

    __slots__ = ()


def _parse_answer(frame: bytes, lent: list[Any]) -> Any:
    if frame[:1] != FROM_CANDIDATE:
        raise CodecError("no answer of the candidate's")
    return decode(frame[1:], resolve=partial(_reference, lent))


def _resolve_argument(payload: Any) -> object:
    """Rebuild an argument of a call as the candidate received it."""
    try:
        return from_parts(payload)
    except CodecError:
        return _Reference(payload)


def _payload(value: Any) -> object:
    return tuple(value) if type(value) is _Reference else to_parts(value)


def _reference(lent: list[Any], payload: Any) -> object:
    if type(payload) is not tuple or not payload:
        raise CodecError("an extension that isn't a tuple")
    if payload[0] == "lent":  # an argument and a copy of it are the same answer
        return decode(encode(lent[payload[1]], refer=_payload), resolve=partial(_reference, lent))
    if payload[0] == "error":
        return _Reference(("error", *payload[2:]))  # its class, arguments and text
    if payload[0] in ("object", "missing"):
        return _Reference((payload[0], *payload[-1:]))  # its truth, its content
    if payload[0] in ("class", "function", "module", "generator", "coroutine", "yours"):
        return _Reference(payload[:1])
    if payload[0] == "record":
        return _Reference(("record", payload[2]))
    return _Reference(payload)


def _same_value(value: Any, other_value: Any) -> bool:
    if type(value) is not type(other_value):
        return False
    if type(value) is float:
        return (
            value == other_value
            or isclose(value, other_value, rel_tol=_CLOSE)
            or (value != value and other_value != other_value)
        )
    if type(value) in (list, tuple, _Reference):
        return len(value) == len(other_value) and all(map(_same_value, value, other_value))
    if type(value) is dict:
        return value.keys() == other_value.keys() and all(
            _same_value(value[key], other_value[key]) for key in value
        )
    return bool(value == other_value)
