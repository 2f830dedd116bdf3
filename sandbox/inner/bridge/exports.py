"""The checker's own objects that a candidate may use: what it may do with them, how often, and nothing more.

A callable may be called, an iterable stepped through, another object used by its public attributes and
operators. Functions, modules and classes show no attributes, since those lead to the test that they are of.
"""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.codec import CodecError, encode
from sandbox.inner.bridge.link_errors import CandidateGone, NotPlain
from sandbox.inner.bridge.operators import OPERATORS, operators_of
from sandbox.inner.bridge.proxies import number_of
from sandbox.inner.bridge.standard import to_parts

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CALLBACKS = 200_000
"""Of one check. A sort of 10,000 items by a callback takes some 10,000."""

_CLOSED = (FunctionType, MethodType, BuiltinFunctionType, ModuleType, type)


class Exports:
    """Objects of this side by the numbers under which the other side knows them."""

    def __init__(self) -> None:
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._callbacks = 0

    def payload(self, value: Any) -> tuple[object, ...]:
        """What crosses in its place."""
        if isinstance(value, BaseException):
            kinds = type(value).__mro__
            known = next(cls for cls in kinds if number_of(cls) is not None or to_parts(cls) is not None)
            return ("error", self._number(value), known, value.args, type(value).__name__)
        name = getattr(value, "__name__", "") if isinstance(value, _CLOSED) else ""
        return ("mine", self._number(value), name if type(name) is str else "", operators_of(type(value)))

    def _number(self, value: object) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def original(self, number: object) -> object:
        """The object of a number.

        Raises:
            CodecError: there is none.
        """
        if type(number) is not int or not 0 <= number < len(self._objects):
            raise CodecError("an object of ours that never crossed")
        return self._objects[number]

    def answer(self, asked: list[Any], refer: Callable[[object], object]) -> bytes:
        """Do what the candidate asks of one of our objects; gives the frame that answers it."""
        try:
            return encode(("answer", self._do(*asked)), refer=refer)
        except (CandidateGone, NotPlain):
            raise
        except BaseException as error:  # noqa: BLE001 - it goes on through the candidate, as in one process
            return encode(("threw", error), refer=refer)

    def _do(self, operation: str, number: object, *operands: Any) -> Any:
        value: Any = self.original(number)
        if operation in ("get", "set"):
            if isinstance(value, _CLOSED) or operands[0].startswith("_"):
                raise AttributeError(f"{type(value).__name__!r} object has no attribute {operands[0]!r}")
            access: Callable[..., object] = getattr if operation == "get" else setattr
            return access(value, *operands)
        self._callbacks += 1
        if self._callbacks > MAX_CALLBACKS:
            raise CandidateGone(
                f"the candidate made more than {MAX_CALLBACKS:,} calls to the test's own objects"
            )
        if operation == "call":
            args, kwargs = operands
            return value(*args, **kwargs)
        if operation == "operator" and operands[0] in operators_of(type(value)):
            return OPERATORS[operands[0]](value, *operands[1])
        raise TypeError("an operation that the object doesn't have")
