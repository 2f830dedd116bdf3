"""Read exchanges in which the candidate's objects go by where they came from, not by their numbers.

Another right implementation has other objects and classes, but a test asks for them by the same names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.bridge.operators import COMPARISONS, CONTAINS, EQUALITY
from sandbox.inner.bridge.show_values import show, show_call
from sandbox.inner.bridge.standard import from_parts
from sandbox.inner.checker.answer_digests import ReferenceNames, request_digest
from sandbox.inner.checker.exchanges import Exchanged, Frames, read_exchanges
from sandbox.inner.checker.identities import Identities
from sandbox.inner.checker.other_values import Extension

_SILENT = frozenset(("describe", "import", "find", "set", "delete", "__hash__", "__dir__"))
"""Operations whose answers aren't weighed: they say nothing, or nothing that a test compares."""
_REFERENCES = frozenset(("object", "class", "function", "module", "generator", "coroutine", "missing"))
_SAME = {"__eq__": True, "__ne__": False}
"""What comparisons of equal objects answer."""
_MOST_SHOWN = 200
_MOST_BASES = 100


class NamedExchanges(ReferenceNames):
    """Reads the frames of one candidate, part by part."""

    def __init__(self, *, by_attribute: bool = False) -> None:
        """`by_attribute`: an object that a class or module has goes by its name there."""
        super().__init__()
        self.identities = Identities()
        self._by_attribute = by_attribute
        self._names: dict[int, str] = {}
        """Digests of the requests that first gave each object."""
        self._texts: dict[int, str] = {}
        """These requests as text."""
        self._classes: dict[int, str] = {}
        """ReferenceNames of the classes that a test asked for."""
        self._bases: dict[int, list[int]] = {}
        self._modules = set[int]()

    def read(self, frames: Frames) -> list[Exchanged]:
        """Return the exchanges in further frames. Raises CodecError, or another error for odd frames."""
        for request, answer, sent in _pairs(frames):
            self._learn(request, answer, sent)
        return list(read_exchanges(frames, self, is_silent=self._is_silent))

    def _is_silent(self, request: tuple[Any, ...]) -> bool:
        return request[0] in _SILENT or (self._is_of_module(request) and request[2].startswith("__"))

    def _owner(self, request: tuple[Any, ...]) -> int | None:
        """Return the number of the class or module whose attribute is asked for."""
        if request[0] != "get" or type(request[1]) is not Extension:
            return None
        number = request[1].payload[-1]
        return number if number in self._modules or number in self._classes else None

    def _is_of_module(self, request: tuple[Any, ...]) -> bool:
        is_name = request[0] == "get" and type(request[1]) is Extension
        return is_name and request[1].payload[-1] in self._modules

    def of(self, payload: tuple[Any, ...]) -> tuple[object, ...]:
        """Return what a reference is, without its number."""
        number, *rest = payload[1:] or (None,)
        cls = rest[0] if payload[0] == "object" and rest else number if payload[0] == "class" else None
        return (self._names.get(number) if type(number) is int else None, self._classes_of(cls))

    def letters(self, request: tuple[Any, ...], value: object) -> str:
        """Return what an answer is.

        The letters: `o` an object, and the count of its classes; `k` a class, `w` one with another name, too;
        `m` plain data of a module; `q` by which an object was compared. By attribute also: `v` an object that
        a class or module has; `d` one that has two names there, or equals one with another name.
        """
        if type(value) is not Extension or value.payload[0] not in _REFERENCES:
            return "m" if self._is_of_module(request) else self._compared(request, value)
        kind, number, *rest = value.payload
        owner, further = self._owner(request), ""
        if self._by_attribute and kind in ("object", "class") and type(number) is int:
            is_double = owner is not None and self.identities.has_other_name(owner, request[2], number)
            further = (
                "d" if is_double else "v" if kind == "object" and self.identities.is_named(number) else ""
            )
        if kind == "class":
            return ("k" if self._names.get(number) == request_digest(request, self) else "kw") + further
        return f"o{min(len(self._classes_of(rest[0])), 9)}{further}" if kind == "object" and rest else ""

    def _compared(self, request: tuple[Any, ...], value: object) -> str:
        operation, *operands = request
        are_objects = [type(one) is Extension for one in operands]
        if operation in CONTAINS:
            return "q" if any(are_objects) else ""
        if operation not in COMPARISONS or not all(are_objects):
            return ""
        numbers = [one.payload[-1] for one in operands]
        is_double = (
            self._by_attribute
            and operation in EQUALITY
            and value is _SAME[operation]
            and self.identities.are_named_apart(*numbers)
        )
        return "qd" if is_double else "q"

    def show(self, frames: Frames, exchanged: Exchanged) -> str:
        """Return an exchange as text, such as `shop.price('tea') gave 3`."""
        answer = decode(frames[exchanged.at][1][1:], resolve=self._named)
        request = decode(frames[exchanged.asked_at][0], resolve=self._named)
        verb = "raised" if answer[0] == "raised" else "gave"
        return f"{self._text(request)} {verb} {show(answer[1])}"[:_MOST_SHOWN]

    def _classes_of(self, number: object) -> tuple[str, ...]:
        """Return the names of the classes from which a class derives, itself included."""
        found, pending = list[int](), [number]
        while pending and len(found) < _MOST_BASES:
            one = pending.pop()
            if type(one) is int and one not in found:
                found.append(one)
                pending.extend(self._bases.get(one, ()))
        return tuple(sorted(self._classes[one] for one in found if one in self._classes))

    def _learn(self, request: tuple[Any, ...], answer: tuple[Any, ...], sent: bytes) -> None:
        if request[0] == "describe":
            if answer[0] == "value" and type(answer[1]) is tuple:
                bases = [number for _, number, *_ in _references(answer[1][3])]
                self._bases[request[1].payload[-1]] = bases
            return
        self._modules |= {one[1] for one in _references(answer[1:]) if one[0] == "module"}
        unknown = [one for one in _references(answer[1:]) if one[1] not in self._names]
        is_class = request[0] == "get" and type(answer[1]) is Extension and answer[1].payload[0] == "class"
        owner = self._owner(request) if self._by_attribute else None
        if owner is not None and type(answer[1]) is Extension and answer[1].payload[0] == "object":
            number = answer[1].payload[1]
            if not self.identities.is_named(number):
                self.identities.note(owner, request[2], number)
                self._names[number] = request_digest(request, self)
        if unknown or is_class:
            name = request_digest(request, self)
            text = self._text(decode(sent, resolve=self._named))
            for place, (_, number, *_) in enumerate(unknown):
                self._names[number] = f"{name}#{place}" if place else name
                self._texts[number] = text
            if is_class:
                self._classes.setdefault(answer[1].payload[1], name)

    def _text(self, request: tuple[Any, ...]) -> str:
        operation, *operands = request
        if operation == "import":
            return str(operands[0])
        if operation == "call":
            called, args, kwargs = operands
            return show_call(show(called), args, kwargs)
        if operation in ("get", "metadata"):
            return f"{show(operands[0])}.{operands[1]}"
        return show_call(operation, tuple(operands), {})

    def _named(self, payload: Any) -> object:
        return _Named(payload, self)

    def shown(self, payload: tuple[Any, ...]) -> str:
        """Return a value that crosses by its payload as text."""
        if payload[0] in _REFERENCES:
            return self._texts.get(payload[1], f"<{payload[0]}>")
        if payload[0] == "error":
            return repr(payload[-1])
        try:
            return show(from_parts(payload))
        except CodecError:
            return f"<{payload[0]}>"


class _Named(Extension):
    __slots__ = ("_names",)

    def __init__(self, payload: Any, names: NamedExchanges) -> None:
        super().__init__(payload)
        self._names = names

    def __repr__(self) -> str:
        return self._names.shown(self.payload)[:_MOST_SHOWN]


def _pairs(frames: Frames) -> Iterator[tuple[Any, Any, bytes]]:
    """Yield each request with what was received for it, also what was asked before, and its frame."""
    pending: list[Any] = []
    for sent, received in frames:
        request, answer = decode(sent, resolve=Extension), decode(received[1:], resolve=Extension)
        if request[0] not in ("answer", "threw"):
            pending.append((request, sent))
        if pending:
            request, asking = pending[-1]
            yield request, answer, asking
            if answer[0] != "ask":
                pending.pop()


def _references(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the payloads of references in a value, in order."""
    stack = [value]
    while stack:
        one = stack.pop()
        if type(one) is Extension:
            if one.payload[0] in _REFERENCES and len(one.payload) > 1 and type(one.payload[1]) is int:
                yield one.payload
            elif one.payload[0] == "record" and len(one.payload) > 2:
                stack.append(one.payload[2])
            elif one.payload[0] == "copy":
                stack.append(one.payload[1])
        elif type(one) in (list, tuple):
            stack.extend(reversed(one))
        elif type(one) is dict:
            stack.extend(reversed([*one.values()]))
