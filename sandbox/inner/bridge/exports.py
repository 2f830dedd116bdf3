"""Objects of the checker that a candidate may use, with the permitted uses and their number.

A callable may be called, an iterable iterated, any other object used by its public attributes and operators.
Attributes of functions, modules and classes are refused, since they lead to the test. If uses by the case's
own answer were recorded, no others are allowed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from sandbox.inner.bridge.codec import CodecError, encode
from sandbox.inner.bridge.lent import KnownPayloads, Lent, places_of
from sandbox.inner.bridge.operators import (
    EQUALITY,
    OPERATORS,
    REFLECTED,
    fields_of,
    look_up,
    operators_of,
)
from sandbox.inner.bridge.proxies import number_of
from sandbox.inner.bridge.record import UseRecord
from sandbox.inner.bridge.show_values import CandidateGone, NotPlain
from sandbox.inner.bridge.standard import to_parts
from sandbox.inner.bridge.standard_bases import FIELDS, SIGNATURE, parameters_of, standard_base, value_in
from sandbox.inner.bridge.uses import (
    ACTING,
    CHANGING,
    CLOSED,
    COPIES,
    FILES,
    OPERANDS,
    PLAIN,
    PROTOCOLS,
    READING_FILES,
    SAME,
    TEXTS,
    USES,
    is_failure,
    is_protocol,
    shows,
)
from sandbox.inner.bridge.writeback import Writeback

MAX_CALLBACKS = 200_000
"""Callbacks of one check. Sorting 10,000 items by a callback takes some 10,000."""


class Exports:
    """Objects of this side by the numbers that the other side uses."""

    def __init__(self, record: UseRecord, *, spares_mocks: bool = False) -> None:
        """`record`: each use names an argument, the class of an object in it, the action and the attribute.

        `spares_mocks`: refuse changes of mocks.
        """
        self.refused: set[str] = set()
        """Not empty if a use was refused."""
        self.giving: Sequence[tuple[str, object]] = ()
        """Name and value of the arguments of the current call."""
        self.shared: dict[type, str] = {}
        """Classes of the prompt and their names there; answers may recognize and read their objects."""
        self._argument_places: tuple[object, dict[int, str]] = (self.giving, {})
        self._record = record
        self._spares_mocks = spares_mocks
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._owners: list[set[str]] = []
        self._answered: set[int] = set()
        """Numbers of objects that first crossed in an answer, such as iterators made for it."""
        self._serving: set[str] | None = None
        self._callbacks = 0

    def payload(self, value: Any) -> tuple[object, ...]:
        """Return the payload that crosses instead of the object."""
        if isinstance(value, BaseException):
            kinds = type(value).__mro__
            base = next(cls for cls in kinds if number_of(cls) is not None or to_parts(cls) is not None)
            return ("error", self._number(value), base, value.args, type(value).__name__)
        name = getattr(value, "__name__", "") if isinstance(value, CLOSED) else ""
        name = name if type(name) is str else ""
        parts = value_in(value)
        operators, content = (operators_of(type(value)), ()) if parts is None else (parts[1], parts[:1])
        if look_up(type(value), FIELDS) is not None:
            operators = (*operators, FIELDS)
        fields = (self._number(value), name, operators, standard_base(type(value)), content)
        shared = self.shared.get(type(value))
        if shared is None:
            return ("mine", *fields)
        member = value.name if isinstance(value, Enum) else None
        return ("shared", *fields, shared, tuple(value) if fields_of(type(value)) is not None else member)

    def _number(self, value: object) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
            self._owners.append(set())
            if self._serving is not None:
                self._answered.add(number)
        self._owners[number] |= {self._argument_of(value)} if self._serving is None else self._serving
        return number

    def _argument_of(self, value: object) -> str:
        if self._argument_places[0] is not self.giving:
            self._argument_places = (self.giving, places_of(self.giving))
        return self._argument_places[1].get(id(value), "*")

    def original(self, number: object) -> object:
        """Return the object of a number. Raises CodecError for an unknown one."""
        if type(number) is not int or not 0 <= number < len(self._objects):
            raise CodecError("an object of ours that never crossed")
        return self._objects[number]

    def answer(
        self,
        request: list[Any],
        refer: Callable[[object], object],
        lent: Lent,
        thrown: list[BaseException],
    ) -> bytes:
        """Perform a request on our object; return the answer's frame. Raises CandidateGone, NotPlain.

        Containers in the operands may be changed, those in the answer are lent. Errors of called objects are
        added to `thrown`.
        """
        outer = self._serving
        operation = request[0] if request and type(request[0]) is str else ""
        loan = Writeback((*request[2:],))
        payloads = KnownPayloads(loan.known("given"), lent)
        try:
            value = self._do(*request)
            self._serving = self._owners[request[1]]
            frame = encode(("answer", value, loan.changes()), refer=refer, known=payloads)
            use = ("set", request[2]) if operation == "get" else ("change",)
            lent.lend(value, own=payloads.given, owners=self._labels(request[1], *use))
            return frame
        except (CandidateGone, NotPlain):
            raise
        except BaseException as error:  # noqa: BLE001 - it propagates through the candidate, as in one process
            if operation == "call" or is_failure(error):
                thrown.append(error)
            return encode(("threw", error, loan.changes()), refer=refer, known=payloads)
        finally:
            self._serving = outer

    def _do(self, operation: str, number: object, *operands: Any) -> Any:
        value: Any = self.original(number)
        if operation in ("get", "set"):
            return self._access(value, operation, number, *operands)
        self._callbacks += 1
        if self._callbacks > MAX_CALLBACKS:
            raise CandidateGone(f"the candidate made over {MAX_CALLBACKS:,} calls to the test's own objects")
        if tuple(map(type, operands)) not in OPERANDS:  # unpacking another type could read an object of ours
            raise CodecError("no operands")
        if operation == "call" and self._is_permitted(operation, number):
            args, kwargs = operands
            return value(*args, **kwargs)
        if operation == "operator":
            name, others = operands
            if name == SIGNATURE and self._is_permitted("call", number):
                return parameters_of(value)
            if name == FIELDS and look_up(type(value), FIELDS) is not None:
                return tuple(field.name for field in sys.modules["dataclasses"].fields(value))
            is_copied = name in COPIES and look_up(type(value), name) is None
            if is_copied or (name in operators_of(type(value)) and self._serves(name, number, others)):
                return self._operate(value, name, number, others)
            if name in TEXTS:
                return object.__repr__(value)
            if name == "__hash__":
                return object.__hash__(value)
        use_text = f"{operands[0]!r}" if operation == "operator" else "a call"
        raise TypeError(f"{use_text} isn't for answers, or a {type(value).__name__} doesn't have it")

    def _operate(self, value: Any, name: str, number: object, arguments: tuple[Any, ...]) -> Any:
        if name in REFLECTED:
            return OPERATORS[REFLECTED[name]](*arguments, value)
        try:
            return OPERATORS[name](value, *arguments)
        except (StopIteration, StopAsyncIteration):
            is_file = type(value).__module__ == FILES
            if USES.get(name) == "step" and not is_file and not self._is_permitted("drain", number):
                reason = "the end of a test's iterator isn't for answers: the case's own one doesn't reach it"
                raise TypeError(reason) from None
            raise

    def _access(self, value: Any, operation: str, number: object, name: str, *new: object) -> Any:
        if type(name) is not str:  # the message shows the value, which could be an object of ours
            raise CodecError("no name of an attribute")
        if not (shows(value, name) or self._shows_state(value, name)):
            raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")
        is_method = is_protocol(type(value), name) and type(value).__module__ != FILES
        use = (PROTOCOLS[name],) if operation == "get" and is_method else (operation, name)
        if not self._is_permitted(use[0], number, *use[1:]):
            message = f"{name!r} of a test's {type(value).__name__} isn't for answers to {operation}"
            raise AttributeError(f"{message}: the case's own one doesn't")
        if name == "__dict__":
            return dict(vars(value))
        access: Callable[..., object] = getattr if operation == "get" else setattr
        return access(value, name, *new)

    def _shows_state(self, value: object, name: str) -> bool:
        """Whether an attribute is `__dict__`, or one that a class of the prompt may show."""
        state = None if isinstance(value, CLOSED) else getattr(value, "__dict__", None)
        if state is None or name == "__dict__":
            return state is not None
        return type(value) in self.shared and name in state and not name.startswith("__")

    def _serves(self, name: str, number: Any, arguments: tuple[Any, ...]) -> bool:
        is_free = name in EQUALITY and all(one is None for one in arguments)
        use = "read" if type(self._objects[number]).__module__ == FILES else USES.get(name, name)
        if name == "__format__" and arguments != ("",):
            use = name
        return is_free or self._is_permitted(use, number)

    def _is_permitted(self, use: str, number: Any, name: str = "") -> bool:
        """Return whether an object may be used in this way; record the use."""
        value = self._objects[number]
        kind = type(value)
        is_mock = any(cls.__module__ in ("unittest.mock", "mock.mock") for cls in kind.__mro__)
        if is_mock and self._spares_mocks and use in CHANGING:
            return False
        is_plain = kind in CLOSED if use == "call" else kind.__module__ in PLAIN
        writes = kind.__module__ == FILES and use == "get" and name not in READING_FILES
        is_known = kind in self.shared and use not in ACTING
        is_known = is_known or (number in self._answered and use in ("step", "drain"))
        if (is_plain and not writes and use not in CHANGING) or is_known:
            return True
        labels = self._labels(number, use, name, by_line=writes)
        if use == "enter" and hasattr(kind, "close"):  # whoever may read a file may close it
            labels |= self._labels(number, "read") | self._labels(number, "write")
        if self._record.permits(labels, also=(f"* iterator {use}",)):
            return True
        self.refused.add("uses")
        return False

    def _labels(self, number: Any, use: str, name: str = "", *, by_line: bool = False) -> frozenset[str]:
        """Return the recorded form of a use, for each argument that the object came with.

        `by_line`: if uses are recorded by line, keep the line of each argument; otherwise allow any line.
        """
        kind = "iterator" if use in ("step", "drain") else type(self._objects[number]).__name__
        name = SAME.get(name, name)
        owners = self._owners[number] if by_line or not self._record.by_line else ("*",)
        return frozenset(" ".join((owner, kind, use, name)).rstrip() for owner in owners)
