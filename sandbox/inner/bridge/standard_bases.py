"""The standard class and value of a test's object, which cross with its reference.

A class of the test may derive from a builtin or standard one. In one process `isinstance` and `match`
detect that; across processes, the stand-in of its object is an instance of the same standard class.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, MutableMapping, MutableSequence
from types import SimpleNamespace
from typing import Any

from sandbox.inner.bridge.operators import EQUALITY, ORDER, look_up, operators_of

SIGNATURE = "__signature__"
"""Name among the operators that requests the parameters of a function."""
FIELDS = "__dataclass_fields__"
"""So, the names of the fields of a dataclass's object."""
VALUES: dict[type, Callable[[Any], object]] = {
    int: int.__int__,
    float: float.__float__,
    complex: lambda value: complex.__pos__(value),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}
"""Types of numbers and texts, and how to take the value of an object whose class derives from one."""
_MODULES = ("builtins", "collections", "collections.abc", "enum", "numbers")
_TOLD = (*EQUALITY, *ORDER, "__hash__", "__bool__", "__len__", "__iter__", "__getitem__", "__contains__")
_REGISTERED = {dict: MutableMapping, list: MutableSequence}
Base = tuple[str, str]
"""Module and name of a standard class; empty for none."""


def standard_base(kind: type) -> Base:
    """Return the standard class that a class is, or derives from."""
    for base in kind.__mro__[:-1] if not issubclass(kind, type) else ():
        if base.__module__ in _MODULES and vars(sys.modules[base.__module__]).get(base.__name__) is base:
            return base.__module__, base.__name__
    return "", ""


def value_in(value: Any) -> tuple[object, tuple[str, ...]] | None:
    """Return the number or text that an object compares as, and the operators that its class overrides."""
    kind = type(value)
    base: Any = next((one for one in kind.__mro__[1:] if one in VALUES), None)
    if base is None or any(look_up(kind, name) is not look_up(base, name) for name in _TOLD):
        return None
    own = (name for name in operators_of(kind) if look_up(kind, name) is not look_up(base, name))
    return VALUES[base](value), tuple(own)


def parameters_of(function: Any) -> tuple[tuple[str, int, bool], ...]:
    """Return name and kind of each parameter, and whether it has a default. Raises as `inspect.signature`."""
    import inspect  # slow to import, and few answers need it

    every = inspect.signature(function).parameters.values()
    return tuple((one.name, int(one.kind), one.default is not one.empty) for one in every)


def signature(parameters: Any) -> object:
    """Make a signature with these parameters, where `...` stands for any default."""
    import inspect

    none = inspect.Parameter.empty
    new_parameters = [
        inspect.Parameter(name, inspect._ParameterKind(kind), default=... if optional else none)
        for name, kind, optional in parameters
    ]
    return inspect.Signature(new_parameters)


def code_of(parameters: Any) -> object:
    """Return what the code of a function with these parameters says about them."""
    names = [name for name, *_ in parameters]
    counts = [sum(kind in kinds for _, kind, _ in parameters) for kinds in ((0, 1), (0,), (3,))]
    of_code = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
    return SimpleNamespace(**dict(zip(of_code, counts)), co_varnames=tuple(names))  # noqa: B905 - before 3.10


class FieldsOfData:
    """The fields of a dataclass, as `dataclasses.fields` reads them, with the names that `ask` returns."""

    def __init__(self, ask: Callable[[], tuple[str, ...]]) -> None:
        self._ask = ask

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        import dataclasses  # slow to import, and few answers need it

        names = self._ask()
        return dict(vars(dataclasses.make_dataclass("Data", names))[FIELDS])


def class_like(base: Base, parent: type, space: dict[str, Any]) -> Any:
    """Make a class whose objects count as instances of a standard class."""
    module, name = base
    if not module:
        return type(parent.__name__, (parent,), space)
    standard_class: Any = getattr(importlib.import_module(module), name)
    cls = type(parent.__name__, (parent,), {**space, "__class__": property(lambda self: standard_class)})
    register = getattr(_REGISTERED.get(standard_class, standard_class), "register", None)
    if register is not None:
        register(cls)  # for `match`, which looks at the class itself
    return cls
