"""A link that lets in only what was agreed on before: kinds of values, exceptions, changes to arguments.

What isn't agreed on ends the trial for good, also where the test catches whatever is raised.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.exports import Exports
from sandbox.inner.bridge.frames import FROM_CANDIDATE, TIMED_OUT
from sandbox.inner.bridge.link import Link
from sandbox.inner.bridge.link_errors import CandidateGone, CannotCross
from sandbox.inner.bridge.peer import Tap
from sandbox.inner.bridge.proxies import number_of
from sandbox.inner.bridge.show_values import show, show_error, show_kind
from sandbox.inner.bridge.writeback import mutable_containers

if TYPE_CHECKING:
    from collections.abc import Collection

    from sandbox.inner.bridge.peer import Peer
    from sandbox.inner.process.channel import Channel

MAX_RECORDED = 256
"""Calls of one trial that can be replayed later."""
MAX_RECORDED_BYTES = 1 << 16
"""Of one call's arguments, and of its answer."""
_OF_ERRORS = frozenset({"error", "class"})  # what crosses with any exception
_SILENT = ("describe", "import")  # operations of our own, whose answers the test never holds


class GuardedLink(Link):
    """A link with a border. Where `kinds` or `errors` is None nothing is refused, all is noted."""

    def __init__(
        self,
        channel: Channel | Peer,
        *,
        writes_back: bool,
        kinds: Collection[str] | None,
        errors: Collection[str] | None,
        wall_s: float,
        keeps_inputs: bool = False,
        steps: int | None = None,
        changed: Collection[str] | None = None,
        uses: Collection[str] | None = None,
    ) -> None:
        self._keeps_inputs = keeps_inputs
        self._tap = Tap(channel)
        exports = Exports(uses, spares_mocks=uses is not None)
        super().__init__(
            self._tap,  # type: ignore[arg-type]
            writes_back=writes_back,
            compares=kinds is None,
            wall_s=wall_s,
            exports=exports,
        )
        self.kinds: set[str] = set()
        """Kinds of references that crossed: all else was plain data, or the standard library's."""
        self.errors: set[str] = set()
        """Names of the standard exceptions that it raised, or that those of its own derive from."""
        self.calls: list[tuple[bytes, bytes]] = []
        """Frames of calls and of their answers, for a replay."""
        self.inputs: list[tuple[tuple[object, ...], dict[str, object]]] = []
        """Arguments of those calls, as they were."""
        self.changed: set[str] = set()
        """Arguments, by position or name, that calls of the entry changed; `*`: those of other calls."""
        self._may_change = None if changed is None else frozenset(changed)
        self._owners: list[str] = []
        self.steps = 0
        """Steps that its generators were asked for."""
        self._most_steps = steps
        self.last = ""
        """The last call with what it gave, for a message."""
        self._allowed = None if kinds is None else frozenset(kinds)
        self._expected = None if errors is None else frozenset(errors)
        self._met: dict[str, object] = {}
        self._operation = ""
        self._ties = False
        self._entry: int | None = None

    @property
    def writes_back(self) -> bool:
        """Whether changes of arguments are seen by the test."""
        return self._writes_back

    @property
    def uses(self) -> set[str]:
        """What was done with the test's own objects."""
        return self._exports.uses

    @property
    def gone(self) -> CandidateGone | None:
        """Why the candidate is of no more use, once it is so."""
        return self._gone

    def entry(self, module: str, name: str) -> Any:
        """What the candidate has under `name`; not yet held to what was agreed on.

        Raises:
            BaseException: what its module raises when it is loaded, AttributeError where the name is missing.
        """
        agreed, self._allowed, self._expected = (self._allowed, self._expected), None, None
        try:
            found = self.request("get", self.request("import", module), name)
        finally:
            self._allowed, self._expected = agreed
        self.kinds.clear()
        self.errors.clear()
        self._entry = number_of(found)
        return found

    def call(self, proxy: object, args: tuple[object, ...], kwargs: dict[str, object], name: str) -> Any:
        """Call one of the candidate's objects, and remember the call."""
        self._ties = False
        self._tap.sent = None
        given = copy.deepcopy((args, kwargs)) if self._keeps_inputs else ((), {})
        try:
            value = super().call(proxy, args, kwargs, name)
        except Exception as error:
            self.last = f"raised {type(error).__name__}: {show_error(error)[:200]}"
            raise
        finally:
            self._remember(proxy, given)
        self.last = f"returned {show(value)}"
        return value

    def replay(self, frame: bytes) -> bytes:
        """The answer of this candidate to a call that another one was asked.

        Raises:
            CandidateGone: there is none.
        """
        self._channel.send(frame)
        answer = self._channel.receive()
        if answer is None or answer[:1] != FROM_CANDIDATE:
            timed_out = answer is not None and answer[:1] == TIMED_OUT
            raise self._lost("a repeated call got no answer", timed_out=timed_out)
        return answer

    def _remember(self, proxy: object, given: tuple[tuple[object, ...], dict[str, object]]) -> None:
        sent, received = self._tap.sent, self._tap.received
        if sent is None or self._ties or number_of(proxy) != self._entry or len(self.calls) >= MAX_RECORDED:
            return
        if max(len(sent), len(received)) <= MAX_RECORDED_BYTES:
            self.calls.append((sent, received))
            self.inputs += [given] if self._keeps_inputs else []

    def _exchange(self, message: tuple[object, ...]) -> Any:
        if message[0] == "resume":
            self.steps += 1
            if self._most_steps is not None and self.steps > self._most_steps:
                raise self._lost(f"its generators went on for more than {self._most_steps:,} steps")
        outer = self._met, self._operation, self._owners
        given, self._exports.giving = self._exports.giving, self._parts_of(message)
        self._met, self._operation = {}, str(message[0])
        self._owners = self._owners_of(message) if self._writes_back else []
        try:
            return super()._exchange(message)
        finally:
            self._met, self._operation, self._owners = outer
            self._exports.giving = given

    def _parts_of(self, message: tuple[Any, ...]) -> list[tuple[str, object]]:
        """Name and value of each argument of a call of the entry; none of what else is asked."""
        if message[0] != "call" or number_of(message[1]) != self._entry:
            return []
        return [*((str(i), value) for i, value in enumerate(message[2])), ("*", {}), *message[3].items()]

    def _owners_of(self, message: tuple[object, ...]) -> list[str]:
        """For each container that a message lends, the argument that it is of."""
        parts = self._exports.giving
        if not parts:
            return ["*"] * len(mutable_containers(message))
        return [name for name, value in parts for _ in mutable_containers(value)]

    def _kept(self, changes: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those changes that may be seen: of arguments that the case's own answer changes, too."""
        owners = self._owners
        if any(type(one) is not tuple or type(one[0]) is not int for one in changes):
            return changes  # refused as ill-formed by whoever applies them
        owned = [(owners[one[0]] if 0 <= one[0] < len(owners) else "*", one) for one in changes]
        self.changed.update(owner for owner, _ in owned)
        may = self._may_change
        return changes if may is None else tuple(one for owner, one in owned if owner in may)

    def _receive(self, lent: list[Any]) -> tuple[Any, ...]:
        message = super()._receive(lent)
        if message[0] == "ask":  # what comes with it is the test's at once, however the call ends
            self._let_in()
            self._met = {}
        return message

    def _refer(self, value: Any) -> object:
        payload: Any = super()._refer(value)
        if payload[0] in ("mine", "record", "error") or (
            payload[0] == "object" and payload[1] != self._entry
        ):
            self._ties = True  # a call that leans on objects of this very conversation
        return payload

    def _resolve(self, lent: list[Any], payload: Any) -> object:
        value = super()._resolve(lent, payload)
        if payload[0] in self._take and payload[0] != "yours":
            self._met.setdefault(payload[0], value)
        return value

    def _outcome(self, kind: str, rest: list[Any], lent: list[Any]) -> tuple[object, BaseException | None]:
        if self._writes_back and len(rest) >= 2 and type(rest[-2]) is tuple:
            rest = [*rest[:-2], self._kept(rest[-2]), rest[-1]]
        value, raised = super()._outcome(kind, rest, lent)
        if self._operation in _SILENT:
            return value, raised
        if isinstance(raised, CannotCross) and self._allowed is not None:
            raise self._lost(str(raised))
        if raised is not None:
            return None, self._as_expected(raised, self._met.keys() - _OF_ERRORS)
        self._let_in()
        return value, None

    def _let_in(self) -> None:
        self.kinds |= self._met.keys()
        if self._allowed is not None and (refused := self._met.keys() - self._allowed):
            found = show_kind(min(refused), self._met[min(refused)])
            raise self._lost(f"{self.calling or self._doing} gave {found} where plain data is expected")

    def _as_expected(self, raised: BaseException, met: set[str]) -> BaseException:
        """The exception as one of the standard library's.

        Raises:
            CandidateGone: nobody expects it.
        """
        names = [cls.__name__ for cls in type(raised).__mro__ if number_of(cls) is None]
        self.errors.add(names[0])
        if self._expected is None:
            return raised
        if not self._expected.intersection(names):
            text = show_error(raised)[:300]
            place = "".join(f" at {one}" for one in vars(raised).get("__where__", [])[-1:])
            doing = self.calling or self._doing
            raise self._lost(f"{doing} raised {type(raised).__name__}: {text}{place}")
        standard: Any = next(cls for cls in type(raised).__mro__ if number_of(cls) is None)
        plain: BaseException = standard.__new__(standard)
        if not met - (self._allowed or frozenset()):
            with suppress(TypeError, ValueError):  # arguments that this class doesn't take
                plain = standard(*raised.args)
        return plain
