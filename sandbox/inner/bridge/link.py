"""The checker's side of a call: send requests to the candidate's process, and admit its answers.

Answers are decoded into plain data, standard library values built here, and proxies. Callbacks run here,
bounded in number and depth. A guard decides what may cross.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from types import CoroutineType, GeneratorType
from typing import Any

from sandbox.inner.bridge.candidate_line import FROM_CANDIDATE, TIMED_OUT, CandidateLine
from sandbox.inner.bridge.class_proxies import Classes
from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.exchange import Exchange
from sandbox.inner.bridge.frame_log import FrameLog
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.bridge.named_tuples import class_number
from sandbox.inner.bridge.operators import COMPARISONS
from sandbox.inner.bridge.proxies import Function, Module, Proxy, number_of
from sandbox.inner.bridge.receiving import ComputingDict, make_table
from sandbox.inner.bridge.show_values import (
    CandidateGone,
    CannotCross,
    NotPlain,
    as_raised,
    make_error,
    show_call,
    show_compared,
    show_request,
)
from sandbox.inner.bridge.standard import from_parts, to_parts
from sandbox.inner.bridge.withheld import Withheld, withheld, withhold
from sandbox.inner.bridge.writeback import coroutine, generator

MAX_DEPTH = 40
"""Nested calls and callbacks: each level costs some twenty of the interpreter's 1,000 frames."""
MAX_REQUESTS = 1_000_000
"""Requests of one check: an endless iterator must not fill memory."""
_OWN = ("describe", "import")
"""Operations whose answers no test keeps."""
_ITERATION = ("__next__", "__anext__", "resume", "await")
"""Operations that end an iteration by an exception."""


class CandidateLink:
    """Requests to one candidate's process. Threads of the checker take turns."""

    def __init__(self, line: CandidateLine, guard: Guard | None = None, *, wall_s: float = 0.0) -> None:
        self.guard = guard or Guard()
        self.custom_equality = False
        """Whether an object with a custom `__eq__` was compared with plain data, which it never equals."""
        self.withheld = 0
        """Comparisons with plain data whose answer, by the object's custom `__eq__`, wasn't taken."""
        self.ambiguous: set[str] = set()
        """Modules of the candidate that weren't imported, since the checker has them, too."""
        self.errors: dict[type, type] = {}
        """Classes that stand in for standard exceptions raised by the candidate."""
        self.gone: CandidateGone | None = None
        """Why the candidate no longer answers requests."""
        self._entry: int | None = None
        """Number of the function under test, if any."""
        self._line = line
        self._wall_s = wall_s
        self._calling: str | None = None
        self._doing = "the candidate"
        self._lock = threading.RLock()
        self._depth = 0
        self._requests = 0
        self._exports = self.guard.exports
        self._now = Exchange(("",), self.guard, is_entry=False)
        self._classes = Classes(self)
        self._alive: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._origins: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._take: dict[str, Callable[..., object]] = {
            "object": self._object,
            "missing": lambda number, content: make_table(self, number, content),
            "class": self._classes.of,
            "function": lambda number, *names: self._keep_one(number, lambda: Function(self, number, *names)),
            "module": lambda number, name: self._keep_one(number, lambda: Module(self, number, str(name))),
            "generator": lambda number: self._stepwise(generator, number),
            "coroutine": lambda number: self._stepwise(coroutine, number),
            "error": lambda number, cls, args, text: make_error(self, number, cls, args, text),
            "record": self._classes.record,
        }

    def call(self, proxy: object, args: tuple[object, ...], kwargs: dict[str, object], name: str) -> Any:
        """Call one of the candidate's objects; its changes to arguments are applied here too."""
        outer, self._calling = self._calling, show_call(name, args, kwargs)
        try:
            return self.request("call", proxy, args, kwargs)
        finally:
            self._calling = outer

    def request(self, operation: str, *operands: object) -> Any:
        """Request one operation from the candidate's process.

        Raises:
            NotPlain: it compares the candidate's objects, and only data may decide.
            CandidateGone: the candidate doesn't answer, now or later.
            CannotCross: an operand or the answer can't be copied.
            BaseException: raised by the candidate.
        """
        if operation in COMPARISONS and not self.guard.compares:
            self.guard.refused.add("comparisons")
            raise NotPlain(f"the test compares what isn't plain data: {show_compared(operation, operands)}")
        with self._lock:
            if self.gone is not None:
                raise CandidateGone(f"not run: {self.gone}", cause="cut")
            if self._depth >= MAX_DEPTH:
                raise RecursionError(f"calls and callbacks nested deeper than {MAX_DEPTH}")
            self._requests += 1
            self._depth += 1
            self._doing = show_request(operation, operands)
            try:
                if self._requests > MAX_REQUESTS:
                    raise CandidateGone(f"more than {MAX_REQUESTS:,} requests to the candidate")
                return self._within((operation, *operands))
            except CandidateGone as gone:
                self.gone = self.gone or gone
                raise
            finally:
                self._depth -= 1

    def _within(self, message: tuple[Any, ...]) -> Any:
        """Exchange a request for its answer, then restore the state of the enclosing request."""
        if message[0] == "resume":
            self.guard.step()
        is_entry = message[0] == "call" and self._entry is not None and number_of(message[1]) == self._entry
        outer, giving = self._now, self._exports.giving
        self._now = Exchange(message, self.guard, is_entry=is_entry)
        self._exports.giving = self._now.named
        try:
            return self._exchange(message)
        finally:
            self._now, self._exports.giving = outer, giving

    def _exchange(self, message: tuple[object, ...]) -> Any:
        try:
            frame = encode(message, refer=self._refer)
        except CodecError as error:
            raise CannotCross(f"an argument can't be copied to the candidate: {error}") from None
        self._now.call = frame if self._now.is_entry else None
        self._line.send(frame)
        while True:
            try:
                kind, *rest = self._receive()
                value, raised = (None, None) if kind == "ask" else self._outcome(kind, rest)
            except (ValueError, TypeError) as error:
                raise CandidateGone(f"the candidate's process sent what isn't an answer: {error}") from error
            if raised is not None:
                raise raised
            if kind == "ask":
                now = self._now
                self._line.send(self._exports.answer(rest, self._refer, now.lent, now.thrown))
                continue
            for thrown in self._now.thrown:
                self.guard.check_caught(thrown)
            return value

    def _receive(self) -> tuple[Any, ...]:
        frame = self._line.receive()
        if frame is None:
            raise CandidateGone("the host closed the channel")
        doing = self._calling or self._doing
        if frame[:1] == TIMED_OUT:
            raise CandidateGone(f"{doing} did not return within {self._wall_s:g} s", timed_out=True)
        if frame[:1] != FROM_CANDIDATE:
            reason = frame[1:].decode("utf-8", "replace")
            text = f"{doing}: the candidate's process ended before it answered{reason}"
            raise CandidateGone(text, cause="exit")
        self._now.frame = frame
        message = decode(frame[1:], resolve=self._resolve)
        if type(message) is not tuple or not message:
            raise CodecError("no tuple")
        if message[0] == "ask":  # what comes with it reaches the test at once, however the call ends
            self.guard.admit(self._now.met, doing)
            self._now.met = {}
        return message

    def _outcome(self, kind: str, rest: list[Any]) -> tuple[object, BaseException | None]:
        """Return an answer's value, or its exception. Raises ValueError or TypeError if it is malformed."""
        *outcome, changes, printed = rest
        outcome = self._now.take_changes(outcome, changes, self._resolve)
        if type(printed) is not str:
            raise CodecError("no text")
        if printed:
            print(printed, end="")
        if kind == "unsent":
            text = f"{self._calling or self._doing}: its value can't be copied: {outcome[0]}"
            if self.guard.only_data:
                raise CandidateGone(text)
            return None, CannotCross(text)
        if kind not in ("value", "raised"):
            raise CodecError("unknown kind of answer")
        met, doing = self._now.met, self._calling or self._doing
        if kind == "value":
            (value,) = outcome
            if self._now.operation not in _OWN:
                self.guard.admit(met, doing)
            self.guard.note_return(self._now.call)
            return value, None
        error, where, _ = outcome
        raised = as_raised(error, where)
        if self._now.operation not in _OWN:
            raised = self.guard.expected(raised, met, doing, self._now.call)
        return None, raised if self._now.operation in _ITERATION else self.guard.ended(raised)

    def _refer(self, value: Any) -> Any:
        number = value.number if type(value) is ComputingDict else number_of(withheld(value))
        if number is None and type(value) in (GeneratorType, CoroutineType):
            number = self._origins.get(value)
        if number is not None:
            return ("object", number)
        number = class_number(value)
        if number is not None:
            return ("record", number, tuple(value))
        parts = to_parts(value)
        return self._exports.payload(value) if parts is None else parts

    def _resolve(self, payload: Any) -> object:
        if type(payload) is not tuple or not payload or type(payload[0]) is not str:
            raise CodecError("an extension that isn't a tuple")
        kind, *rest = payload
        if kind == "lent" and len(rest) == 1 and (lent := self._now.lent_container(rest[0])) is not None:
            return lent
        take = self._exports.original if kind == "yours" else self._take.get(kind)
        if take is None:
            return from_parts(payload)
        if not rest or type(rest[0]) is not int:
            raise CodecError(f"a {kind} without a number")
        value = take(*rest)
        if kind not in ("yours", "missing") and type(value) is not Withheld:
            self._now.met.setdefault(kind, value)
        return value

    def _object(self, number: int, cls: int, truth: object = None) -> object:
        proxy = self._keep_one(number, lambda: self._proxy(self._classes.of_instance(cls), number))
        if self.guard.admits("object"):
            return proxy
        return withhold(self, proxy, truth, self._calling or self._doing)

    @property
    def frame_log(self) -> FrameLog:
        """The frames that passed."""
        return self._line.frame_log

    def replay(self, line: CandidateLine) -> None:
        """Send further requests over another line."""
        self._line = line

    def refuse(self, gone: CandidateGone) -> None:
        """End the candidate, as a test used something other than plain data."""
        self.guard.refused.add("kinds")
        self.gone = self.gone or gone

    def _keep_one(self, number: int, make: Callable[[], Any]) -> Any:
        """Return the local stand-in of an object, the same one as long as it is referenced."""
        stand_in = self._alive.get(number)
        if stand_in is None:
            stand_in = self._alive[number] = make()
        return stand_in

    def _proxy(self, cls: type, number: int) -> object:
        # Not cls(…): that would make the candidate create a new object.
        return self._keep_one(number, lambda: type.__call__(cls, self, number))

    def _stepwise(self, make: Callable[..., Any], number: int) -> object:
        stand_in = self._keep_one(number, lambda: make(self, Proxy(self, number)))
        self._origins[stand_in] = number
        return stand_in
