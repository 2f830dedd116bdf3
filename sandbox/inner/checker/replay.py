"""Whether two answers say the same: what a function gave in one process, and in another."""

from __future__ import annotations

from functools import partial
from math import isclose
from typing import Any

from sandbox.inner.bridge.codec import CodecError, decode, encode
from sandbox.inner.bridge.frames import FROM_CANDIDATE
from sandbox.inner.bridge.standard import from_parts, to_parts
from sandbox.inner.bridge.writeback import mutable_containers

_CLOSE = 1e-9
"""Relative; sums over a set add up in any order."""


def answers_alike(call: bytes, one: bytes, other: bytes) -> bool:
    """Whether two frames answer a call alike, but for what was printed, and for which object was meant."""
    if one == other:
        return True
    try:
        lent = mutable_containers(decode(call, resolve=_given))
        (kind, value, *_), (other_kind, other_value, *_) = (_parsed(frame, lent) for frame in (one, other))
    except (CodecError, TypeError, ValueError):
        return False
    return kind == other_kind and (kind == "unsent" or _alike(value, other_value))


def same_answer(one: Any, other: Any) -> bool:
    """Whether two answers hold the same value; None stands for no answer."""
    return (one is None) == (other is None) and (one is None or _alike(one, other))


class _Reference(tuple):  # type: ignore[type-arg]
    """An extension, by what says which kind it is."""

    __slots__ = ()


def _parsed(frame: bytes, lent: list[Any]) -> Any:
    if frame[:1] != FROM_CANDIDATE:
        raise CodecError("no answer of the candidate's")
    return decode(frame[1:], resolve=partial(_reference, lent))


def _given(payload: Any) -> object:
    """A value of a call, as the candidate had it."""
    try:
        return from_parts(payload)
    except CodecError:
        return _Reference(payload)


def _payload(value: Any) -> object:
    return tuple(value) if type(value) is _Reference else to_parts(value)


def _reference(lent: list[Any], payload: Any) -> object:
    if type(payload) is not tuple or not payload:
        raise CodecError("an extension that isn't a tuple")
    if payload[0] == "lent":  # an argument and a copy of it are the same answer
        return decode(encode(lent[payload[1]], refer=_payload), resolve=partial(_reference, lent))
    if payload[0] == "error":
        return _Reference(("error", payload[2]))
    if payload[0] in ("object", "class", "function", "module", "generator", "coroutine", "yours"):
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
