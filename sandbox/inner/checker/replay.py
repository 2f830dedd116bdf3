"""Whether two answers say the same: what a function gave in one process, and in another."""

from __future__ import annotations

from math import isclose
from typing import Any

from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.bridge.frames import FROM_CANDIDATE

_CLOSE = 1e-9
"""Relative; sums over a set add up in any order."""


def answers_alike(one: bytes, other: bytes) -> bool:
    """Whether two frames hold the same answer, but for what was printed, and for which object was meant."""
    if one == other:
        return True
    try:
        (kind, value, *_), (other_kind, other_value, *_) = (_parsed(frame) for frame in (one, other))
    except (CodecError, TypeError, ValueError):
        return False
    return kind == other_kind and (kind == "unsent" or _alike(value, other_value))


def same_answer(one: Any, other: Any) -> bool:
    """Whether two answers hold the same value; None stands for no answer."""
    return (one is None) == (other is None) and (one is None or _alike(one, other))


class _Reference(tuple):  # type: ignore[type-arg]
    """An extension, by what says which kind it is."""

    __slots__ = ()


def _parsed(frame: bytes) -> Any:
    if frame[:1] != FROM_CANDIDATE:
        raise CodecError("no answer of the candidate's")
    return decode(frame[1:], resolve=_reference)


def _reference(payload: Any) -> object:
    if type(payload) is not tuple or not payload:
        raise CodecError("an extension that isn't a tuple")
    if payload[0] == "error":
        return _Reference(("error", payload[2]))
    if payload[0] in ("object", "class", "function", "module", "generator", "coroutine", "lent", "yours"):
        return _Reference(payload[:1])
    if payload[0] == "record":
        return _Reference(("record", payload[2]))
    return _Reference(payload)


def _alike(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) is float:
        return one == other or isclose(one, other, rel_tol=_CLOSE) or (one != one and other != other)
    if type(one) in (list, tuple, _Reference):
        return len(one) == len(other) and all(map(_alike, one, other))
    if type(one) is dict:
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    return bool(one == other)
