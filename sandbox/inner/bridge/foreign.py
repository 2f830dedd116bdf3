"""Stand-ins, in the candidate's process, for a test's objects that can't be copied, such as callbacks.

Calls, public attributes and operators are requests to the test's process; nothing else is reachable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from sandbox.inner.bridge.operators import OPERATORS, REFLECTED
from sandbox.inner.bridge.standard_bases import (
    FIELDS,
    SIGNATURE,
    Base,
    FieldsOfData,
    class_like,
    code_of,
    signature,
)

_HANDWRITTEN = ("__call__", "__copy__", "__deepcopy__")
"""Operators that aren't made by name: one takes keywords, the others are on every class."""


_KNOWN = "@known"
"""Attribute of a stand-in's class: the candidate's own class that it stands for."""


class Foreign:
    """Stand-in for object `number` of the other side."""

    __slots__ = ("__ask", "__number", "__weakref__")
    __ask: Callable[..., Any]
    __number: int

    def __init__(self, ask: Callable[..., Any], number: int) -> None:
        object.__setattr__(self, "_Foreign__ask", ask)
        object.__setattr__(self, "_Foreign__number", number)

    @staticmethod
    def number_of(value: Foreign) -> int:
        """Return the other side's number of the object."""
        return value.__number

    def __copy__(self) -> object:
        return self.__ask("operator", self.__number, "__copy__", ())

    def __deepcopy__(self, memo: object) -> object:
        return self.__ask("operator", self.__number, "__deepcopy__", ())

    def __getattr__(self, name: str) -> object:
        return _read(self.__ask, self.__number, name)

    def __setattr__(self, name: str, value: object) -> None:
        self.__ask("set", self.__number, name, value)


def foreign(
    ask: Callable[..., Any],
    number: int,
    name: str,
    operators: tuple[str, ...],
    base: Base = ("", ""),
    content: tuple[object, ...] = (),
) -> object:
    """Make a Foreign with its own class, which has the operators of the other side's object.

    Args:
        base: standard class from which its class derives.
        content: the value, if it is a number or text: the result is one, too, and no Foreign.
    """
    operator_names = [
        name_of_operator
        for name_of_operator in (*OPERATORS, *REFLECTED)
        if name_of_operator in operators and name_of_operator not in _HANDWRITTEN
    ]
    space: dict[str, object] = {
        name_of_operator: _operator(ask, number, name_of_operator) for name_of_operator in operator_names
    }
    if content:
        (value,) = content
        space["__getattr__"] = lambda self, attribute: _read(ask, number, attribute)
        return class_like(base, type(value), space)(value)
    space["__slots__"] = ()
    space["__dict__"] = property(lambda self: ask("get", number, "__dict__"))
    # A class has its operators from type, and its instances have them from the class.
    if name or "__call__" in operators:
        space["__call__"] = _call(ask)
    if "unhashable" in operators:
        space["__hash__"] = None
    if name:
        space["__name__"] = space["__qualname__"] = name
        space[SIGNATURE] = property(lambda self: signature(ask("operator", number, SIGNATURE, ())))
        space["__code__"] = property(lambda self: code_of(ask("operator", number, SIGNATURE, ())))
    if FIELDS in operators:
        space[FIELDS] = FieldsOfData(lambda: ask("operator", number, FIELDS, ()))
    return class_like(base, Foreign, space)(ask, number)


def own_instance(modules: Sequence[ModuleType]) -> Callable[..., object]:
    """Return a function that makes an object of a class of the prompt, as defined in one of the modules."""

    def make(ask: Callable[..., Any], number: int, *more: Any) -> object:
        *reference, class_name, content = more
        cls: Any = next((vars(module)[class_name] for module in modules if class_name in vars(module)), None)
        if not isinstance(cls, type) or issubclass(cls, BaseException):
            return foreign(ask, number, *reference)
        try:
            if content is None:
                return _foreign_instance(ask, number, cls)
            instance: object = cls[content] if type(content) is str else cls._make(content)  # type: ignore[index, attr-defined]
        except Exception:  # noqa: BLE001 - the candidate has another class of this name
            return foreign(ask, number, *reference)
        return instance

    return make


def _foreign_instance(ask: Callable[..., Any], number: int, shared_class: type) -> object:
    """Make a Foreign that is an instance of a class known to both sides. Raises TypeError if impossible.

    Operators that the class defines run here; anything else is a request.
    """

    def read(self: Any, name: str) -> object:
        if name == "__class__":
            return shared_class
        if name == "__dict__" or not name.startswith("_"):
            return ask("get", number, name)
        try:
            return object.__getattribute__(self, name)
        except AttributeError:
            if name.startswith("__"):
                raise
            return ask("get", number, name)

    space: dict[str, object] = {"__slots__": (), "__getattribute__": read, _KNOWN: shared_class}
    instance: object = type.__call__(type(shared_class.__name__, (Foreign, shared_class), space), ask, number)
    return instance


def type_of(value: object) -> type:
    """Return the type that a value would have if test and candidate shared a process."""
    kind = type(value)
    shared_class: type = vars(kind).get(_KNOWN, kind) if issubclass(kind, Foreign) else kind
    return shared_class


def _call(ask: Callable[..., Any]) -> Callable[..., object]:
    return lambda self, /, *args, **kwargs: ask("call", Foreign.number_of(self), args, kwargs)


def _operator(ask: Callable[..., Any], number: int, name: str) -> Callable[..., object]:
    return lambda self, *operands: ask("operator", number, name, operands)


def _read(ask: Callable[..., Any], number: int, name: str) -> object:
    if name.startswith("_"):  # none is shown; one that isn't set yet would recurse
        raise AttributeError(f"no attribute {name!r} of a test's object is for answers")
    return ask("get", number, name)
