"""Stand-ins, in the candidate's process, for a test's objects that can't be copied, such as callbacks.

Calls, public attributes and operators are requests to the test's process; nothing else is reachable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.inner.bridge.operators import OPERATORS

_OWN = ("__call__", "__copy__", "__deepcopy__")
"""Not made from the names of operators: with keywords, or on every class."""


class Foreign:
    """Stands for object `number` of the other side."""

    __slots__ = ("__ask", "__number", "__weakref__")
    __ask: Callable[..., Any]
    __number: int

    def __init__(self, ask: Callable[..., Any], number: int) -> None:
        object.__setattr__(self, "_Foreign__ask", ask)
        object.__setattr__(self, "_Foreign__number", number)

    @staticmethod
    def number_of(value: Foreign) -> int:
        """The other side's number for it."""
        return value.__number

    def __copy__(self) -> object:
        return self.__ask("operator", self.__number, "__copy__", ())

    def __deepcopy__(self, memo: object) -> object:
        return self.__ask("operator", self.__number, "__deepcopy__", ())

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):  # none is shown; one that isn't set yet would recurse
            raise AttributeError(f"no attribute {name!r} of a test's object is for answers")
        return self.__ask("get", self.__number, name)

    def __setattr__(self, name: str, value: object) -> None:
        self.__ask("set", self.__number, name, value)


def foreign(ask: Callable[..., Any], number: int, name: str, operators: tuple[str, ...]) -> object:
    """Make a Foreign with its own class, which has the operators of the other side's object."""
    space: dict[str, object] = {"__slots__": ()}
    own = [one for one in OPERATORS if one in operators and one not in _OWN]
    space.update((one, _operator(ask, one)) for one in own)
    # A class has its operators from type, and its instances have them from the class.
    if name or "__call__" in operators:
        space["__call__"] = _call(ask)
    if "unhashable" in operators:
        space["__hash__"] = None
    if name:
        space["__name__"] = space["__qualname__"] = name
    return type("Foreign", (Foreign,), space)(ask, number)


def foreign_instance(ask: Callable[..., Any], number: int, known: type) -> object:
    """Make a Foreign that is an instance of a class which both sides know. Raises TypeError if none can be.

    What the class has operators for is done here, all else is a request.
    """

    def read(self: Any, name: str) -> object:
        if name == "__class__":
            return known
        if name == "__dict__" or not name.startswith("_"):
            return ask("get", number, name)
        try:
            return object.__getattribute__(self, name)
        except AttributeError:
            if name.startswith("__"):
                raise
            return ask("get", number, name)

    space: dict[str, object] = {"__slots__": (), "__getattribute__": read}
    made: object = type.__call__(type(known.__name__, (Foreign, known), space), ask, number)
    return made


def _call(ask: Callable[..., Any]) -> Callable[..., object]:
    return lambda self, /, *args, **kwargs: ask("call", Foreign.number_of(self), args, kwargs)


def _operator(ask: Callable[..., Any], name: str) -> Callable[..., object]:
    return lambda self, *operands: ask("operator", Foreign.number_of(self), name, operands)
