"""Operations that one side may request on the other's objects, by name, besides get, set and call."""

from __future__ import annotations

import builtins
import copy
import operator
from collections.abc import Callable
from typing import Any


def _operators(names: str) -> dict[str, Callable[..., Any]]:
    return {f"__{name}__": getattr(operator, f"__{name}__") for name in names.split()}


def _builtins(names: str) -> dict[str, Callable[..., Any]]:
    return {f"__{name}__": getattr(builtins, name) for name in names.split()}


BINARY = {
    **_operators("add sub mul matmul truediv floordiv mod lshift rshift and xor or"),
    **_builtins("divmod pow"),
}
IN_PLACE = _operators("iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ixor ior")
ORDER = _operators("lt le gt ge")
EQUALITY = _operators("eq ne")
CONTAINS = _operators("contains")
COMPARISONS = frozenset({*ORDER, *EQUALITY})
# These reveal no operand to the object, so they may be requested on any object.
PLAIN = {
    **_operators("neg pos invert index getitem setitem delitem"),
    **_builtins("abs round int float complex bool len iter next reversed"),
}
# Every class has these or can do without them, so their presence isn't checked.
ALWAYS: dict[str, Callable[..., Any]] = {
    **_builtins("hash repr str format dir"),
    **{"__copy__": copy.copy, "__deepcopy__": copy.deepcopy},
}


def _method(name: str) -> Callable[..., Any]:
    return lambda value, *operands: getattr(type(value), name)(value, *operands)


METHODS = {
    name: _method(name)
    for name in ("__call__", "__enter__", "__exit__", "__aiter__", "__anext__", "__aenter__", "__aexit__")
}

OPERATORS = {**BINARY, **IN_PLACE, **ORDER, **EQUALITY, **PLAIN, **CONTAINS, **ALWAYS, **METHODS}
REFLECTED = {f"__r{name[2:]}": name for name in BINARY}


def operators_of(kind: type) -> tuple[str, ...]:
    """Return the operators and reflected ones that a class adds to object's; "unhashable" for no hash."""
    names = []
    spaces = [vars(cls) for cls in kind.__mro__ if cls not in (object, type)]
    for name in (*OPERATORS, *REFLECTED, "__await__"):
        first = next((space[name] for space in spaces if name in space), None)
        if first is not None:
            names.append(name)
    if next((space["__hash__"] for space in spaces if "__hash__" in space), object) is None:
        names.append("unhashable")
    return tuple(names)


def look_up(kind: type, name: str) -> object:
    """Look up a name in a class, bypassing its metaclass."""
    return next((vars(cls)[name] for cls in kind.__mro__ if name in vars(cls)), None)


def fields_of(cls: type) -> tuple[str, ...] | None:
    """Return the fields of a named tuple class; None for any other class."""
    fields = getattr(cls, "_fields", None)
    return fields if issubclass(cls, tuple) and are_fields(fields) else None


def are_fields(fields: Any) -> bool:
    """Whether these are valid field names: `collections.namedtuple` allows no operator's name."""
    return type(fields) is tuple and all(
        type(field) is str and field.isidentifier() and not field.startswith("_") for field in fields
    )
