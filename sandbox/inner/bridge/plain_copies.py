"""Plain copies of a candidate's values, for when only plain data may cross.

An object whose class leaves reading and comparing to a builtin or standard type crosses as a value of that
type, an iterator as its items, a scalar of NumPy as the number or text that it equals. The receiver compares
the copy.
"""

from __future__ import annotations

import math
import sys
import types
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, UserString, defaultdict
from collections.abc import Callable, Collection, Mapping, Set
from functools import _lru_cache_wrapper, lru_cache, partial
from itertools import islice
from struct import pack, unpack
from types import CoroutineType, GeneratorType, MappingProxyType
from typing import Any

from sandbox.inner.bridge.codec import MAX_NODES, CodecError
from sandbox.inner.bridge.foreign import Foreign
from sandbox.inner.bridge.operators import (
    ALWAYS,
    BINARY,
    EQUALITY,
    ORDER,
    REFLECTED,
    fields_of,
    look_up,
    operators_of,
)
from sandbox.inner.bridge.standard import taker, to_parts
from sandbox.inner.bridge.standard_bases import VALUES

_READ = (
    *(*EQUALITY, *ORDER, "__contains__"),
    *("__bool__", "__len__", "__iter__", "__reversed__", "__getitem__"),
    *("__int__", "__float__", "__complex__", "__index__"),
)
"""Operators that reveal a value. A class must inherit these from its builtin or standard type."""
_UNHEARD = {*ALWAYS, *EQUALITY, *ORDER, "unhashable"}
"""Operators that the receiver never requests on a reference or a copy."""
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType)
_REFERENCES: dict[type, str] = {
    **dict.fromkeys((*_FUNCTIONS, _lru_cache_wrapper, partial), "function"),
    types.ModuleType: "module",
    GeneratorType: "generator",
    CoroutineType: "coroutine",
}
_EMPTY: tuple[dict[Any, Any], ...] = ({}, OrderedDict())
_VIEWS = [view for one in _EMPTY for view in (one.keys(), one.values(), one.items())]
_SETS = [type(view) for one in _EMPTY for view in (one.keys(), one.items())]
"""Views that equal a set of the same items."""
_TAKE: dict[type, Callable[[Any], tuple[object, ...]]] = {
    MappingProxyType: lambda value: (dict(value),),
    ChainMap: lambda value: (list(value.maps),),
    **dict.fromkeys((UserList, UserDict, UserString), lambda value: (value.data,)),
    **{type(view): lambda value: (list(value),) for view in _VIEWS},
}
"""Functions that take apart standard types that `standard` passes by reference."""
_WRAPPERS = (UserList, UserDict, UserString, ChainMap, MappingProxyType)
_STANDARD = ("builtins", "itertools")
"""Modules whose iterators only yield items: `map`, `zip`, `islice`, …"""
_OF_ITEMS = {"__iter__", "__next__", "__len__", "__contains__", "__reversed__"}


def copied(value: Any, kinds: Collection[str]) -> tuple[object, ...] | None:
    """Return the payload of a plain copy; None if there is none, or a reference of `kinds` crosses instead.

    Raises:
        CodecError: an iterator has too many items.
        BaseException: raised by an iterator of the candidate.
    """
    kind = type(value)
    if computes_missing(value):
        return ("missing", dict.copy(value))
    if taker(kind) is not None or issubclass(kind, type) or ("record" in kinds and is_record(kind)):
        return None
    if is_path(kind):
        return ("path", kind.__name__, str(value))
    if is_array_scalar(kind):
        return ("copy", _item(value))
    if kind not in _TAKE and (kind is GeneratorType or _is_iterable(kind)):
        name = "iterator" if hasattr(kind, "__next__") else "dict_values"  # the latter can be iterated again
        return None if "generator" in kinds else (name, _items(value))
    takers = ((one, _TAKE.get(one) or taker(one)) for one in kind.__mro__)
    standard = next(((one, take) for one, take in takers if take is not None), None)
    base = base_of(kind) if standard is None else standard[0]
    if base is None or not _inherits_reading_from(kind, base):
        is_called = "function" in kinds and "__call__" in _own(kind)
        return None if is_called or base_of(kind) is not None else _container(value)
    if standard is None:
        return ("copy", plain(value))
    parts = standard[1](value)
    return None if parts is None else (base.__name__, *parts)


def _container(value: Any) -> tuple[object, ...] | None:
    """Return the payload of a mapping, set or sequence of a custom class; None if it isn't one."""
    kind = type(value)
    if issubclass(kind, Mapping):
        return ("UserDict", {key: value[key] for key in value})
    if issubclass(kind, Set):
        return ("dict_keys", _items(value))
    if "__getitem__" not in operators_of(kind):
        return None
    try:
        if hasattr(kind, "keys"):
            return ("UserDict", {key: value[key] for key in value.keys()})  # noqa: SIM118 - it may have no iterator
        return ("Items", _items(value), "__eq__" in operators_of(kind))
    except (TypeError, LookupError):  # its keys are others than places
        return None


def computes_missing(value: Any) -> bool:
    """Whether a dict of a custom class, or with a custom factory, computes missing values."""
    kind = type(value)
    if kind is defaultdict:
        factory = value.default_factory  # of the other side, in an argument, it crosses as such
        return not (factory is None or isinstance(factory, Foreign) or to_parts(factory))
    own = look_up(kind, "__missing__") if issubclass(kind, dict) else None
    is_standard = own in (None, vars(defaultdict)["__missing__"], vars(Counter)["__missing__"])
    return not is_standard and taker(kind) is None and _inherits_reading_from(kind, dict)


def is_record(kind: type) -> bool:
    """Whether a class is a named tuple, or another tuple class, which may name items by properties."""
    return fields_of(kind) is not None or (
        issubclass(kind, tuple) and kind is not tuple and _inherits_reading_from(kind, tuple)
    )


def reference_kind(kind: type, kinds: Collection[str] | None) -> str | None:
    """Return the kind of reference that a class's objects cross as, or None; `kinds`: allowed, None: all."""
    reference = _REFERENCES.get(kind)
    if reference is not None:
        return reference
    goes_on = hasattr(kind, "__next__") and kind.__module__ in _STANDARD
    if _is_iterable(kind) and (goes_on or kinds is not None):
        return "generator"
    if kinds is not None and "generator" in kinds and hasattr(kind, "send") and not hasattr(kind, "__next__"):
        return "generator"
    return "function" if kinds is not None and "function" in kinds and "__call__" in _own(kind) else None


def _is_iterable(kind: type) -> bool:
    """Return whether objects of a class can only be iterated."""
    own = _own(kind)
    return "__iter__" in own and own <= _OF_ITEMS


def _own(kind: type) -> set[str]:
    return {*operators_of(kind)} - _UNHEARD


def _inherits_reading_from(kind: type, base: type) -> bool:
    pairs = ((look_up(kind, name), look_up(base, name)) for name in _READ)
    return all(own_value is base_value for own_value, base_value in pairs if base_value is not None)


def _items(iterable: Any) -> list[Any]:
    items = list(islice(iterable, MAX_NODES))
    if len(items) == MAX_NODES:
        raise CodecError(f"an iterator of {MAX_NODES:,} items or more")
    return items


_COPIES: dict[type, Callable[[Any], object]] = {
    **VALUES,
    list: list.copy,
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    dict: dict.copy,
}
_ARRAY_SCALARS = frozenset("?bhilqBHILQefdFDSU")
"""NumPy's type codes of scalars that equal a builtin value: not extended precision, times and records."""
_SHORTER = {"e": "e", "f": "f", "F": "f"}
"""Format of `struct` by NumPy's type code, for numbers of less precision than a float."""
_MOST_DIGITS = 10
_PATHS = ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
_COMPARED = (*EQUALITY, *ORDER, "__hash__")
_ALL = (*_COMPARED, "__contains__", *BINARY, *REFLECTED)


class Parts:
    """A value whose parts are made during encoding, after everything encoded before it."""

    def __init__(self, make: Callable[[], tuple[object, ...]]) -> None:
        self.make = make


def plain(value: Any) -> object:
    """Return the builtin or standard value of an object. Raises CodecError if it has none."""
    kind = type(value)
    if (wrapper := _wrapper_of(kind)) is not None:
        return Parts(lambda: (wrapper.__name__, *_TAKE[wrapper](value)))
    if is_path(kind):
        return Parts(lambda: ("path", kind.__name__, str(value)))
    if kind in _SETS:
        return set(value)
    if is_array_scalar(kind):
        return _item(value)
    base = base_of(kind)
    if base is None:
        raise CodecError(f"a {kind.__name__} holds no builtin value")
    return _COPIES[base](value)


def copied_of(kind: type) -> tuple[str, ...]:
    """Return the operators that a class inherits from its builtin or standard type; empty without one."""
    if is_path(kind):
        return _COMPARED
    if kind in _SETS:
        return tuple(EQUALITY)
    if is_array_scalar(kind):
        return tuple(name for name in _ALL if look_up(kind, name) is not None)
    base = base_of(kind) or _wrapper_of(kind)
    if base is None:
        return ()
    same = [name for name in _ALL if look_up(kind, name) is look_up(base, name) is not None]
    return tuple(same) if {"__eq__", "__ne__"} <= set(same) else ()


def _wrapper_of(kind: type) -> type | None:
    """Return the standard wrapper of a builtin type that a class is or derives from; None without one."""
    return next((one for one in kind.__mro__ if one in _WRAPPERS), None)


def base_of(kind: type) -> type | None:
    """Return the builtin type that a class derives from; None without one."""
    return next((base for base in kind.__mro__[1:] if base in _COPIES), None)


def is_array_scalar(kind: type) -> bool:
    """Whether a class is NumPy's own for numbers or texts; never one that derives from it."""
    return kind.__module__ == "numpy" and "numpy" in sys.modules and kind in _array_scalars()


def _item(value: Any) -> object:
    """Return the builtin value of a scalar of NumPy; of a number of less precision, the one that it prints.

    So `np.float32(0.1)` is 0.1, as for NumPy. It equals no other number: a tolerance would be one for cheats.
    """
    item, code = value.item(), _SHORTER.get(value.dtype.char)
    if code is None:
        return item
    if isinstance(item, complex):
        return complex(shortest(item.real, code), shortest(item.imag, code))
    return shortest(item, code)


def shortest(number: float, code: str) -> float:
    """Return the shortest decimal that rounds to a number in `struct`'s format `code`; an integer exactly."""
    if not math.isfinite(number) or number.is_integer():
        return number
    decimals = (float(f"{number:.{digits}g}") for digits in range(1, _MOST_DIGITS))
    return next((one for one in decimals if unpack(code, pack(code, one)) == (number,)), number)


@lru_cache(maxsize=1)
def _array_scalars() -> frozenset[type]:
    return frozenset(sys.modules["numpy"].dtype(code).type for code in _ARRAY_SCALARS)


def is_path(kind: type) -> bool:
    """Whether a class is one of pathlib's."""
    return kind.__name__ in _PATHS and kind.__module__.partition(".")[0] == "pathlib"
