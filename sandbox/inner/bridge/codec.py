"""Encode plain data to bytes and decode it by value: the only data that crosses between sandboxes.

Exact types only (`type(x) is list`), so that no class, equality or hash of the sender's crosses. Anything
else crosses as an extension, which the caller defines. Bytes never cause a lookup, an import or a call.
Encoder and decoder are loops with the same caps.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from sandbox.inner.bridge.aliases import EARLIER, Aliases

MAX_BYTES = (16 << 20) - 4096
"""Maximum bytes of one value, so that the rest of its frame fits, too."""
MAX_NODES = 1 << 20
"""About a second of work; bounds a graph of shared references that unfolds endlessly."""
MAX_DEPTH = 200
"""Low enough that repr and == of a decoded value stay below the interpreter's recursion limit."""
MAX_BITS = 1 << 18
"""79,000 digits: beyond that, arithmetic and printing are slow enough to be an attack."""

_NONE, _TRUE, _FALSE, _INT, _FLOAT, _COMPLEX, _STR, _BYTES = b"NTFifcsb"
_LIST, _TUPLE, _SET, _FROZENSET, _DICT, _EXTENSION = b"ltSzdx"
_ALIAS = ord("a")
"""A place stands before a container, which is the one that began there, or crossed in an earlier value."""
_CONTAINERS: dict[type, int] = {list: _LIST, tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}

MAX_ALIKE = 32
"""Keys of one set or dict with the same hash: each new one is compared with all of them."""
_HASH_BUCKETS = 1 << 16
"""A set or dict of this many keys is built within 25 ms, whatever their lower bits."""
_STEP = 1 << 12
_COUNT = struct.Struct("<BI")
_FLOAT_AT = struct.Struct("<Bd")
_COMPLEX_AT = struct.Struct("<Bdd")
_U32 = struct.Struct("<I")


class CodecError(ValueError):
    """The value isn't plain data or exceeds a cap, or the bytes are invalid; the message says which."""


def encode(
    value: object,
    *,
    refer: Callable[[object], object] | None = None,
    known: Mapping[int, object] | None = None,
    aliases: Aliases | None = None,
) -> bytes:
    """Encode `value`.

    Args:
        refer: Called with anything but plain data; returns the plain payload of an extension.
        known: Payloads of extensions that replace these containers, by id().
        aliases: Containers that crossed; each next occurrence says which one it is.

    Raises:
        CodecError: `value` isn't plain data and there is no `refer`, or it exceeds a cap.
    """
    out = bytearray()
    nodes = 0
    stack = [iter((value,))]
    while stack:
        for item in stack[-1]:
            nodes += 1
            if nodes > MAX_NODES or len(out) > MAX_BYTES:
                raise CodecError(f"more than {MAX_NODES:,} values or {MAX_BYTES:,} bytes")
            scalar = _SCALARS.get(type(item))
            if scalar is not None:
                scalar(out, item)
                continue
            if len(stack) > MAX_DEPTH:
                raise CodecError(f"nested deeper than {MAX_DEPTH}")
            if aliases is not None and (known is None or id(item) not in known):
                place = aliases.find(item, nodes)
                if place is not None:
                    out += _COUNT.pack(_ALIAS, place)
            stack.append(iter(_open(out, item, refer, known)))
            break
        else:
            stack.pop()
    if len(out) > MAX_BYTES:
        raise CodecError(f"more than {MAX_BYTES:,} bytes")
    return bytes(out)


def _open(
    out: bytearray,
    item: Any,
    refer: Callable[[object], object] | None,
    known: Mapping[int, object] | None,
) -> Sequence[object]:
    """Write a container's or extension's head; return its contents, not yet written. Raises CodecError."""
    kind = type(item)
    if known is not None and id(item) in known:
        out.append(_EXTENSION)
        return (known[id(item)],)
    if kind in _CONTAINERS:
        inside = tuple(item)  # a copy: the count below must hold even if the container changes
        out += _COUNT.pack(_CONTAINERS[kind], len(inside))
        return inside
    if kind is dict:
        inside = tuple(chain.from_iterable(item.items()))
        out += _COUNT.pack(_DICT, len(inside) // 2)
        return inside
    if refer is None:
        raise CodecError(f"a value of type {kind.__name__} isn't plain data")
    out.append(_EXTENSION)
    return (refer(item),)


def _write_int(out: bytearray, value: int) -> None:
    bits = value.bit_length()
    if bits > MAX_BITS:
        raise CodecError(f"an int of {bits:,} bits; {MAX_BITS:,} is the limit")
    _write_bytes(out, value.to_bytes(bits // 8 + 1, "little", signed=True), _INT)


def _write_bytes(out: bytearray, value: bytes, tag: int = _BYTES) -> None:
    if len(value) > MAX_BYTES:
        raise CodecError(f"{len(value):,} bytes in one value; {MAX_BYTES:,} is the limit")
    out += _COUNT.pack(tag, len(value))
    out += value


_SCALARS: dict[type, Callable[[bytearray, Any], None]] = {
    type(None): lambda out, _: out.append(_NONE),
    bool: lambda out, value: out.append(_TRUE if value else _FALSE),
    int: _write_int,
    float: lambda out, value: out.extend(_FLOAT_AT.pack(_FLOAT, value)),
    complex: lambda out, value: out.extend(_COMPLEX_AT.pack(_COMPLEX, value.real, value.imag)),
    str: lambda out, value: _write_bytes(out, value.encode("utf-8", "surrogatepass"), _STR),
    bytes: _write_bytes,
}


def decode(
    data: bytes,
    *,
    resolve: Callable[[Any], object] | None = None,
    note: Callable[[int], object] | None = None,
) -> Any:
    """Decode one value.

    Args:
        resolve: Called with the payload of an extension; returns its value.
        note: Called with the place of each container that occurs again.

    Raises:
        CodecError: `data` is malformed, exceeds a cap, or has an extension and there is no `resolve`.
    """
    if len(data) > MAX_BYTES:
        raise CodecError(f"{len(data):,} bytes; {MAX_BYTES:,} is the limit")
    try:
        return _decode(data, resolve, note)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise CodecError("the bytes end early or aren't a value") from error


def _decode(
    data: bytes, resolve: Callable[[Any], object] | None, note: Callable[[int], object] | None
) -> object:
    at = nodes = 0
    root: list[Any] = []
    stack: list[tuple[int, int, list[Any], int, int | None]] = [(0, 1, root, 0, None)]
    built: dict[int, Any] = {}
    while not root:
        nodes += 1
        if nodes > MAX_NODES:
            raise CodecError(f"more than {MAX_NODES:,} values")
        tag, first = data[at], None
        if tag == _ALIAS:
            (first,) = _U32.unpack_from(data, at + 1)
            at += 5
            tag = data[at]
        if tag in _SIZES:
            (count,) = _U32.unpack_from(data, at + 1) if tag != _EXTENSION else (1,)
            at += _SIZES[tag]
            want = count * 2 if tag == _DICT else count
            if want > len(data) - at:  # every value takes at least one byte
                raise CodecError("a container announces more than there is")
            if len(stack) > MAX_DEPTH:
                raise CodecError(f"nested deeper than {MAX_DEPTH}")
            stack.append((tag, want, [], nodes, first))
        elif first is None:
            value, at = _read_scalar(data, at, tag)
            stack[-1][2].append(value)
        else:
            raise CodecError("an alias of what isn't a container")
        while len(stack) > 1 and len(stack[-1][2]) == stack[-1][1]:
            tag, _, items, place, first = stack.pop()
            value = built[place] = _build(tag, items, resolve)
            if first is not None:
                value = built[place] = _known_again(value, first, built)
                if note is not None:
                    note(first)
            stack[-1][2].append(value)
    if at != len(data):
        raise CodecError("there are bytes after the value")
    return root[0]


def _known_again(value: object, place: int, built: Mapping[int, object]) -> object:
    """Return the container of a place, which is whole; `value` if it crossed earlier. Raises CodecError."""
    first = value if place == EARLIER else built.get(place)
    if type(first) is not type(value):
        raise CodecError("an alias of what isn't such a container")
    return first


_SIZES = {_LIST: 5, _TUPLE: 5, _SET: 5, _FROZENSET: 5, _DICT: 5, _EXTENSION: 1}
_CONSTANTS = {_NONE: None, _TRUE: True, _FALSE: False}


def _read_scalar(data: bytes, at: int, tag: int) -> tuple[object, int]:
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at + 1
    if tag == _FLOAT:
        return _FLOAT_AT.unpack_from(data, at)[1], at + 9
    if tag == _COMPLEX:
        return complex(*_COMPLEX_AT.unpack_from(data, at)[1:]), at + 17
    if tag not in (_INT, _STR, _BYTES):
        raise CodecError(f"no value begins with byte {tag}")
    (length,) = _U32.unpack_from(data, at + 1)
    start, end = at + 5, at + 5 + length
    if end > len(data):
        raise CodecError("a value announces more bytes than there are")
    raw = data[start:end]
    if tag == _BYTES:
        return raw, end
    if tag == _STR:
        return raw.decode("utf-8", "surrogatepass"), end
    if length > MAX_BITS // 8 + 1:
        raise CodecError(f"an int of {length * 8:,} bits; {MAX_BITS:,} is the limit")
    return int.from_bytes(raw, "little", signed=True), end


def _table(keys: list[Any], values: list[Any] | None) -> Any:
    """Build a set, or a dict with `values`, in steps, so that other threads can run."""
    whole: Any = set() if values is None else {}
    for start in range(0, len(keys), _STEP):
        part = keys[start : start + _STEP]
        whole.update(part if values is None else zip(part, values[start : start + _STEP]))  # noqa: B905 - before 3.10
    return whole


def _build(tag: int, items: list[Any], resolve: Callable[[Any], object] | None) -> object:
    if tag == _LIST:
        return items
    if tag == _TUPLE:
        return tuple(items)
    if tag == _EXTENSION:
        if resolve is None:
            raise CodecError("it holds a value that isn't plain data")
        return resolve(items[0])
    keys = items[0::2] if tag == _DICT else items
    if reason := refusal_of(keys):
        raise CodecError(reason)
    built = _table(keys, items[1::2] if tag == _DICT else None)
    if len(built) != len(keys):
        raise CodecError("a set or dict with two equal keys")
    return frozenset(built) if tag == _FROZENSET else built


def refusal_of(keys: list[object]) -> str:
    """Return why a set or dict of these keys takes too long to build; empty if it doesn't."""
    try:
        hashes = [hash(key) for key in keys]
    except TypeError:
        return "a key of a set or dict that can't be hashed"
    most = MAX_ALIKE + 4 * (len(hashes) // _HASH_BUCKETS)
    is_crowded = (
        len(hashes) > _HASH_BUCKETS and _most_alike([value % _HASH_BUCKETS for value in hashes]) > most
    )
    if is_crowded or _most_alike(hashes) > MAX_ALIKE:
        return f"more than {MAX_ALIKE} keys of a set or dict with the same hash, or hashes that end alike"
    return ""


def _most_alike(numbers: list[int]) -> int:
    counts: dict[int, int] = {}
    for number in numbers:
        counts[number] = counts.get(number, 0) + 1
    return max(counts.values(), default=0)
