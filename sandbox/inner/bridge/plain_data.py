"""Objects of classes derived from a builtin type: the builtin value, and the operators that are that type's.

So a str enum equals its text, and a list of the candidate's own class its items: the receiver compares a copy
that it made. Paths count, too; their files stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.operators import BINARY, EQUALITY, ORDER, REFLECTED

if TYPE_CHECKING:
    from collections.abc import Callable

_COPIES: dict[type, Callable[[Any], object]] = {
    int: int.__int__,
    float: float.__float__,
    complex: lambda value: complex.__pos__(value),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    list: list.copy,
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    dict: dict.copy,
}
_PATHS = ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
_COMPARED = (*EQUALITY, *ORDER, "__hash__")
_ALL = (*_COMPARED, "__contains__", *BINARY, *REFLECTED)


class Parts:
    """A value whose parts are made when it is encoded, after what is encoded before it."""

    def __init__(self, make: Callable[[], tuple[object, ...]]) -> None:
        self.make = make


def plain(value: Any) -> object:
    """The builtin value that an object holds.

    Raises:
        CodecError: it holds none.
    """
    kind = type(value)
    if is_path(kind):
        return Parts(lambda: ("path", kind.__name__, str(value)))
    base = base_of(kind)
    if base is None:
        raise CodecError(f"a {kind.__name__} holds no builtin value")
    return _COPIES[base](value)


def copied_of(kind: type) -> tuple[str, ...]:
    """Operators of a class that are those of the builtin type it derives from; none where there is none."""
    if is_path(kind):
        return _COMPARED
    base = base_of(kind)
    if base is None:
        return ()
    same = [name for name in _ALL if found_in(kind, name) is found_in(base, name) is not None]
    return tuple(same) if {"__eq__", "__ne__"} <= set(same) else ()


def base_of(kind: type) -> type | None:
    """The builtin type that a class derives from."""
    return next((base for base in kind.__mro__[1:] if base in _COPIES), None)


def is_path(kind: type) -> bool:
    """Whether it is a class of pathlib's."""
    return kind.__name__ in _PATHS and kind.__module__.partition(".")[0] == "pathlib"


def found_in(kind: type, name: str) -> object:
    """What a class has under a name, without its metaclass."""
    return next((vars(cls)[name] for cls in kind.__mro__ if name in vars(cls)), None)
