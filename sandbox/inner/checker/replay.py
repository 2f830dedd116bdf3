"""Record calls of a function under test, and repeat them elsewhere."""

from __future__ import annotations

import copy
import heapq
import random
from contextlib import suppress
from typing import Any

from sandbox.inner.bridge.candidate_line import FROM_CANDIDATE, TIMED_OUT, CandidateLine
from sandbox.inner.bridge.codec import decode, encode
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.bridge.link import CandidateLink
from sandbox.inner.bridge.proxies import number_of
from sandbox.inner.bridge.show_values import CandidateGone, show, show_error
from sandbox.inner.bridge.standard import from_parts, has_parts, to_parts

MAX_CALLS = 256
"""Maximum number of recorded calls, chosen at random."""
MAX_BYTES = 1 << 20
"""Bytes of one call's arguments, and of its answer."""
_MAX_KEPT = 16 << 20
"""Maximum bytes of all recorded calls and answers."""
_REPEATED_SHARE = 0.75
"""Share of requests before which another one is made."""
_MOST_MADE, _MOST_BEFORE = 256, 16
"""Requests to one object that may be made again, and of these, before its first one, in another order."""
_REPEATED = ("call", "missing")
"""Operations that are made again."""
_Requests = dict[tuple[str, int], list[tuple[Any, ...]]]
"""Operands by operation and place of the object."""


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
        """Number of calls of functions that it gave, and of values asked of its dicts."""
        self.stop_after: int | None = None
        """Number of calls after which a test is stopped."""
        self.repeats = ""
        """Which requests to an object are made again, by chance, before its next one, as `Trial.repeated`."""
        self._former: _Requests = {}
        self._made: _Requests = {}
        """Requests of the first run, and of this one."""
        self._reverses = False
        self._chance = random.Random()  # that of the tests is their own
        self._places: dict[int | None, int] = {}
        """Places of objects, by number, among those of this run."""
        self._has_missing = False
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
        try:
            value = super().call(proxy, args, kwargs, name)
        except Exception as error:
            self.last_outcome = f"raised {type(error).__name__}: {show_error(error)[:200]}"
            raise
        finally:
            self._keep(proxy)
        self.last_outcome = f"returned {show(value)}"
        return value

    def request(self, operation: str, *operands: object) -> Any:
        """Request an operation; before it, perhaps make other requests to the same object."""
        if operation == "missing":
            self._has_missing = True
            self.other_count += 1
        if self.repeats and operation in _REPEATED:
            self._repeat_others(operation, *operands)
        return super().request(operation, *operands)

    def begin_run(self) -> None:
        """Begin to run the tests from their start."""
        if self.repeats == "later":
            self._former = self._former or self._made
            self._reverses = not self._reverses
        self._made, self._places = {}, {}

    def _repeat_others(self, operation: str, target: Any, *operands: object) -> None:
        """Make other requests to an object, and keep this one."""
        number = target if type(target) is int else number_of(target)
        is_first = number not in self._places
        place = operation, self._places.setdefault(number, len(self._places))
        former, made = self._former.get(place, []), self._made.setdefault(place, [])
        others = former[:_MOST_BEFORE] if is_first else []
        others = others[::-1] if self._reverses else others[1:] + others[:1]
        choices = made[-1:] if self.repeats == "latest" else former + made
        if choices and self._chance.random() < _REPEATED_SHARE:
            others.append(self._chance.choice(choices))
        copied = copy.deepcopy if self.repeats == "copies" else _copied
        for other in others:
            with suppress(Exception, CandidateGone):  # what it gives is seen where the test asks for it
                super().request(operation, target, *copied(other))
            if self.gone is not None and not self.gone.cause:  # only this answer may not cross
                self.gone = None
        with suppress(Exception):  # a test's object that can't be copied
            made[_MOST_MADE - 1 :] = [copied(operands)]

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
    def entry_number(self) -> int | None:
        """Number of the function under test."""
        return self._entry

    @property
    def is_compared(self) -> bool:
        """Whether all calls were recorded and all answers can be compared."""
        return len(self.calls) == self.count and not self.guard.kinds and not self._has_missing

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
        heapq.heappush(self.calls, (self._chance.random(), self.count, request, response))
        self._bytes += len(request) + len(response)
        while len(self.calls) > MAX_CALLS or self._bytes > _MAX_KEPT:
            *_, call, answer = heapq.heappop(self.calls)
            self._bytes -= len(call) + len(answer)

    def _refer(self, value: Any) -> Any:
        payload = super()._refer(value)
        if not has_parts(payload) and payload != ("object", self._entry):
            self._has_references = True
        return payload


def _copied(value: Any) -> Any:
    """Return a copy of a value with the same objects in it; only containers are copied."""
    objects: list[Any] = []

    def refer(one: object) -> object:
        objects.append(one)
        return to_parts(one) or len(objects) - 1

    def resolve(payload: Any) -> object:
        return objects[payload] if type(payload) is int else from_parts(payload)

    return decode(encode(value, refer=refer), resolve=resolve)


def shuffle_calls(calls: list[list[Any]]) -> list[list[Any]]:
    """Shuffle the calls, sorted by their first item, so that none keeps its place."""
    in_order = sorted(calls)
    order = in_order[:]
    while len(order) > 1 and any(call is other_call for call, other_call in zip(order, in_order)):  # noqa: B905 - same length
        random.shuffle(order)
    return order
