"""The checker's side of a call: asks the candidate's process, and lets its answers in as values and proxies.

What comes back is only ever decoded into plain data, values of the standard library that are built here, and
proxies. Callbacks run here, bounded in number and depth.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial
from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.class_proxies import Classes
from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.exports import Exports
from sandbox.inner.bridge.frames import FROM_CANDIDATE, TIMED_OUT, TO_CANDIDATE
from sandbox.inner.bridge.generators import coroutine, generator
from sandbox.inner.bridge.link_errors import CandidateGone, CannotCross, NotPlain
from sandbox.inner.bridge.operators import COMPARISONS
from sandbox.inner.bridge.proxies import Function, Module, Proxy, number_of
from sandbox.inner.bridge.raised import as_raised, make_error
from sandbox.inner.bridge.record_fields import class_number
from sandbox.inner.bridge.show_values import show_call, show_request
from sandbox.inner.bridge.standard import from_parts, to_parts
from sandbox.inner.bridge.writeback import mutable_containers, write_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.inner.process.channel import Channel

MAX_DEPTH = 40
"""Calls within callbacks within calls: each level costs some twenty frames of the interpreter's 1,000."""
MAX_REQUESTS = 1_000_000
"""Requests of one check: an iterator without end is to hit the wall, or this, before it fills memory."""


class Link:
    """Requests to one candidate's process. Threads of the checker take turns."""

    def __init__(
        self,
        channel: Channel,
        *,
        writes_back: bool = True,
        plain: bool = False,
        compares: bool = True,
        wall_s: float = 0.0,
        exports: Exports | None = None,
    ) -> None:
        self.mutated = False
        """Some call changed an argument."""
        self.referred = False
        self.disowned = False
        """Some call gave something that isn't plain data."""
        self.calling: str | None = None
        """The call that is under way, for the message when it never ends."""
        self._doing = "the candidate"
        self._channel = channel
        self._writes_back = writes_back
        self._plain = plain
        self._compares = compares
        self._wall_s = wall_s
        self._lock = threading.RLock()
        self._depth = 0
        self._requests = 0
        self._gone: CandidateGone | None = None
        self._exports = exports or Exports()
        self._classes = Classes(self)
        self._names: dict[int, str] = {}
        self._alive: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._origins: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._take: dict[str, Callable[..., object]] = {
            "object": lambda number, cls: self._proxy(self._classes.of_instance(cls), number),
            "class": self._classes.of,
            "function": self._function,
            "module": self._module,
            "generator": lambda number: self._stepwise(generator, number),
            "coroutine": lambda number: self._stepwise(coroutine, number),
            "error": lambda number, cls, args, text: make_error(self, number, cls, args, text),
            "record": self._classes.record,
            "yours": self._exports.original,
        }

    def call(self, proxy: object, args: tuple[object, ...], kwargs: dict[str, object], name: str) -> Any:
        """Call one of the candidate's objects; arguments that it changes are changed here too.

        Raises:
            NotPlain: it gave something else than plain data, and this link takes nothing else.
        """
        outer, self.calling = self.calling, show_call(name, args, kwargs)
        try:
            value = self.request("call", proxy, args, kwargs)
            if self._plain:
                encode(value)
        except CodecError as error:
            raise NotPlain(f"{self.calling} returned something else than plain data: {error}") from None
        finally:
            self.calling = outer
        return value

    def request(self, operation: str, *operands: object) -> Any:
        """Have one operation done by the candidate's process.

        Raises:
            NotPlain: it compares objects of the candidate, and this link takes only data for the truth.
            CandidateGone: there is no answer, and there will be none.
            CannotCross: an operand or the answer can't be copied.
            BaseException: what the candidate raised.
        """
        if operation in COMPARISONS and not self._compares:
            raise NotPlain(f"the test compares what isn't plain data ({operation})")
        with self._lock:
            if self._gone is not None:
                raise CandidateGone(f"not run: {self._gone}")
            if self._depth >= MAX_DEPTH:
                raise RecursionError(f"calls and callbacks nested deeper than {MAX_DEPTH}")
            self._requests += 1
            if self._requests > MAX_REQUESTS:
                raise CandidateGone(f"more than {MAX_REQUESTS:,} requests to the candidate")
            self._depth += 1
            self._doing = show_request(operation, operands)
            try:
                return self._exchange((operation, *operands))
            finally:
                self._depth -= 1

    def _exchange(self, message: tuple[object, ...]) -> Any:
        try:
            frame = encode(message, refer=self._refer)
        except CodecError as error:
            raise CannotCross(f"an argument can't be copied to the candidate: {error}") from None
        lent = mutable_containers(message)
        self._channel.send(TO_CANDIDATE + frame)
        while True:
            try:
                kind, *rest = self._receive(lent)
                value, raised = (None, None) if kind == "ask" else self._outcome(kind, rest, lent)
            except (ValueError, TypeError) as error:
                raise self._lost(f"the candidate's process sent what isn't an answer: {error}") from error
            if raised is not None:
                raise raised
            if kind != "ask":
                return value
            self._channel.send(TO_CANDIDATE + self._exports.answer(rest, self._refer))

    def _receive(self, lent: list[Any]) -> tuple[Any, ...]:
        frame = self._channel.receive()
        if frame is None:
            raise self._lost("the host closed the channel")
        if frame[:1] == TIMED_OUT:
            doing = self.calling or self._doing
            raise self._lost(f"{doing} did not return within {self._wall_s:g} s", timed_out=True)
        if frame[:1] != FROM_CANDIDATE:
            reason = frame[1:].decode("utf-8", "replace")
            doing = self.calling or self._doing
            raise self._lost(f"{doing}: the candidate's process ended before it answered{reason}")
        message = decode(frame[1:], resolve=partial(self._resolve, lent))
        if type(message) is not tuple or not message:
            raise CodecError("no tuple")
        return message

    def _lost(self, message: str, *, timed_out: bool = False) -> CandidateGone:
        self._gone = CandidateGone(message, timed_out=timed_out)
        return self._gone

    def _outcome(self, kind: str, rest: list[Any], lent: list[Any]) -> tuple[object, BaseException | None]:
        """The value that an answer gives, or what it raises; ValueError and TypeError for what isn't one."""
        *outcome, changes, printed = rest
        if changes:
            self.mutated = True
            if self._writes_back:
                write_back(lent, changes)
        if type(printed) is not str:
            raise CodecError("no text")
        if printed:
            print(printed, end="")
        if kind == "value":
            (value,) = outcome
            return value, None
        if kind == "unsent":
            return None, CannotCross(f"{self.calling}: its value can't be copied: {outcome[0]}")
        if kind != "raised":
            raise CodecError("unknown kind of answer")
        error, where = outcome
        return None, as_raised(error, where)

    def _refer(self, value: Any) -> object:
        number = number_of(value)
        if number is None and type(value) in (GeneratorType, CoroutineType):
            number = self._origins.get(value)
        if number is not None:
            return ("object", number)
        number = class_number(value)
        if number is not None:
            return ("record", number, tuple(value))
        parts = to_parts(value)
        return self._exports.payload(value) if parts is None else parts

    def _resolve(self, lent: list[Any], payload: Any) -> object:
        if type(payload) is not tuple or not payload or type(payload[0]) is not str:
            raise CodecError("an extension that isn't a tuple")
        kind, *rest = payload
        if kind == "lent" and len(rest) == 1 and type(rest[0]) is int and 0 <= rest[0] < len(lent):
            return lent[rest[0]]
        take = self._take.get(kind)
        if take is None:
            return from_parts(payload)
        if not rest or type(rest[0]) is not int:
            raise CodecError(f"a {kind} without a number")
        self.referred = True
        return take(*rest)

    def name_of(self, function: Function) -> str:
        """The name of a function, for messages."""
        return self._names.get(number_of(function) or 0, "function")

    def _proxy(self, cls: type, number: int) -> object:
        proxy = self._alive.get(number)
        if proxy is None:
            # Not cls(…): that would have the candidate make a new object.
            proxy = self._alive[number] = type.__call__(cls, self, number)
        return proxy

    def _function(self, number: int, name: object) -> object:
        self._names.setdefault(number, str(name))
        return self._proxy(Function, number)

    def _module(self, number: int, name: object) -> object:
        module = self._alive.get(number)
        if module is None:
            module = self._alive[number] = Module(self, number, str(name))
        return module

    def _stepwise(self, make: Callable[..., Any], number: int) -> object:
        made = self._alive.get(number)
        if made is None:
            made = self._alive[number] = make(self, Proxy(self, number))
            self._origins[made] = number
        return made
