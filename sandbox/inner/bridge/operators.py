"""The operations that one side may ask of the other's objects, by name; everything else is get, set, call."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

BINARY: dict[str, Callable[..., Any]] = {
    "__add__": operator.add,
    "__sub__": operator.sub,
    "__mul__": operator.mul,
    "__matmul__": operator.matmul,
    "__truediv__": operator.truediv,
    "__floordiv__": operator.floordiv,
    "__mod__": operator.mod,
    "__divmod__": divmod,
    "__pow__": pow,
    "__lshift__": operator.lshift,
    "__rshift__": operator.rshift,
    "__and__": operator.and_,
    "__xor__": operator.xor,
    "__or__": operator.or_,
}
IN_PLACE: dict[str, Callable[..., Any]] = {
    f"__i{name[2:]}": getattr(operator, f"__i{name[2:]}") for name in BINARY if name != "__divmod__"
}
ORDER: dict[str, Callable[..., Any]] = {
    "__lt__": operator.lt,
    "__le__": operator.le,
    "__gt__": operator.gt,
    "__ge__": operator.ge,
}
EQUALITY: dict[str, Callable[..., Any]] = {"__eq__": operator.eq, "__ne__": operator.ne}
COMPARISONS = frozenset({*ORDER, *EQUALITY})
# These give the object nothing that the caller expects of it, so they may be asked of any object.
PLAIN: dict[str, Callable[..., Any]] = {
    "__neg__": operator.neg,
    "__pos__": operator.pos,
    "__invert__": operator.invert,
    "__abs__": abs,
    "__round__": round,
    "__int__": int,
    "__float__": float,
    "__complex__": complex,
    "__index__": operator.index,
    "__bool__": bool,
    "__len__": len,
    "__iter__": iter,
    "__next__": next,
    "__reversed__": reversed,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
}
# Every class has these or can do without them: nothing asks whether they are there.
ALWAYS: dict[str, Callable[..., Any]] = {
    "__hash__": hash,
    "__repr__": repr,
    "__str__": str,
    "__format__": format,
    "__dir__": dir,
    "__copy__": copy.copy,
    "__deepcopy__": copy.deepcopy,
}


def _method(name: str) -> Callable[..., Any]:
    return lambda value, *operands: getattr(type(value), name)(value, *operands)


METHODS: dict[str, Callable[..., Any]] = {
    name: _method(name)
    for name in ("__call__", "__enter__", "__exit__", "__aiter__", "__anext__", "__aenter__", "__aexit__")
}

CONTAINS: dict[str, Callable[..., Any]] = {"__contains__": operator.contains}
OPERATORS = {**BINARY, **IN_PLACE, **ORDER, **EQUALITY, **PLAIN, **CONTAINS, **ALWAYS, **METHODS}
REFLECTED = {f"__r{name[2:]}": name for name in BINARY}


def operators_of(kind: type) -> tuple[str, ...]:
    """Operators and reflected operators that a class has beyond object's; "unhashable" for no hash."""
    found = []
    spaces = [vars(cls) for cls in kind.__mro__ if cls not in (object, type)]
    for name in (*OPERATORS, *REFLECTED, "__await__"):
        first = next((space[name] for space in spaces if name in space), None)
        if first is not None:
            found.append(name)
    if next((space["__hash__"] for space in spaces if "__hash__" in space), object) is None:
        found.append("unhashable")
    return tuple(found)


def fields_of(cls: type) -> tuple[str, ...] | None:
    """The fields of a class of named tuples, None for any other class."""
    fields = getattr(cls, "_fields", None)
    return fields if issubclass(cls, tuple) and are_fields(fields) else None


def are_fields(fields: Any) -> bool:
    """Whether these can be names of fields: by collections.namedtuple's rule none is an operator's."""
    return type(fields) is tuple and all(
        type(field) is str and field.isidentifier() and not field.startswith("_") for field in fields
    )
