"""Pass values of the standard library by their parts; the receiver rebuilds them.

So equality, order and hash are the receiver's own. Exact types only.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from sandbox.inner.bridge.codec import CodecError, refusal_of
from sandbox.inner.bridge.receiving import Items

_DIGITS, _FRACTION_BITS = 200_000, 1 << 15
"""Digits of a Decimal, and bits of a part of a Fraction: either is built within 10 ms."""
_PATTERN = 1_000
"""Characters of a regular expression: one of ranges without case may take a second to compile."""
_BUILTIN_TYPES = {name: value for name, value in vars(builtins).items() if isinstance(value, type)}
_BUILTIN_NAMES = {value: name for name, value in _BUILTIN_TYPES.items() if name == value.__name__}
_ADDRESSES = ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network")
_SINGLES = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}


def to_parts(value: Any) -> tuple[object, ...] | None:
    """Return the payload of a standard value: its type's name and its parts; None for any other value."""
    kind = type(value)
    if kind is type:
        name = _BUILTIN_NAMES.get(value)
        return None if name is None else ("builtin", name)
    for single, constant in _SINGLES.items():
        if value is constant:
            return ("single", single)
    take = taker(kind)
    parts = None if take is None else take(value)
    return None if parts is None else (kind.__name__, *parts)


def parts_of(value: object) -> tuple[object, ...]:
    """Return the payload of a standard value. Raises CodecError for anything else."""
    parts = to_parts(value)
    if parts is None:
        raise CodecError(f"a value of type {type(value).__name__} isn't plain data")
    return parts


def taker(kind: type) -> Callable[[Any], tuple[object, ...] | None] | None:
    """Return the function that takes values of a standard type apart; None for any other type."""
    if kind in _PART_GETTERS:
        return _PART_GETTERS[kind]
    take = _PART_GETTERS_BY_NAME.get((kind.__module__, kind.__name__))
    is_loaded = getattr(sys.modules.get(kind.__module__), kind.__name__, None) is kind
    return take if is_loaded else None


def names_plain(module: str, name: str) -> bool:
    """Whether a module's name is a class of plain data, as pickles have it: also as in Python 2."""
    if module in ("builtins", "__builtin__"):
        return getattr(builtins, name, None) in (*_PART_GETTERS, set, frozenset, complex)
    return (module, name) in _PART_GETTERS_BY_NAME or any(
        (kind.__module__, kind.__name__) == (module, name) for kind in _PART_GETTERS
    )


def has_parts(payload: tuple[Any, ...]) -> bool:
    """Whether a payload is a standard value's, so that every process can rebuild it."""
    return payload[0] in _MAKE


def from_parts(payload: tuple[Any, ...]) -> object:
    """Rebuild a value. Raises CodecError for an unknown type or invalid parts."""
    name, *parts = payload
    make = _MAKE.get(name) if type(name) is str else None
    if make is None:
        raise CodecError(f"a value of unknown kind {str(name)[:40]!r}" if type(name) is str else "no kind")
    try:
        return make(*parts)
    except _MISFITS as error:
        raise CodecError(f"parts that don't make a {name}") from error


_MISFITS = (
    *(TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    *(OSError, NotImplementedError),  # a time zone that is a folder, a path of another system
)


_FORMATS = frozenset("bBchHiIlLqQfd?")
"""Formats of a memoryview whose bytes hold data and nothing else."""
_PART_GETTERS: dict[type, Callable[[Any], tuple[object, ...] | None]] = {
    range: lambda v: (v.start, v.stop, v.step),
    slice: lambda v: (v.start, v.stop, v.step),
    bytearray: lambda v: (bytes(v),),
    deque: lambda v: (list(v), v.maxlen),
    OrderedDict: lambda v: (list(v.items()),),
    Counter: lambda v: (dict(v),),
    defaultdict: lambda v: (v.default_factory, dict(v)),
    memoryview: lambda v: (v.tobytes(), v.readonly, *_layout(v)) if v.format in _FORMATS else None,
    Items: lambda v: (v.items, v.has_equality),
}
# By name, so that nothing unused is imported.
_PART_GETTERS_BY_NAME: dict[tuple[str, str], Callable[[Any], tuple[object, ...] | None]] = {
    ("decimal", "Decimal"): lambda v: (str(v),),
    ("fractions", "Fraction"): lambda v: (v.numerator, v.denominator),
    ("datetime", "date"): lambda v: (v.isoformat(),),
    ("datetime", "time"): lambda v: _with_zone(v),
    ("datetime", "datetime"): lambda v: _with_zone(v),
    ("datetime", "timezone"): lambda v: v.__getinitargs__(),
    ("zoneinfo", "ZoneInfo"): lambda v: None if v.key is None else (v.key,),
    ("uuid", "UUID"): lambda v: (v.int,),
    ("array", "array"): lambda v: (v.typecode, v.tolist()),
    **{("ipaddress", name): lambda v: (str(v),) for name in _ADDRESSES},
    ("datetime", "timedelta"): lambda v: (v.days, v.seconds, v.microseconds),
    ("re", "Pattern"): lambda v: (v.pattern, v.flags),
}


def _layout(value: memoryview) -> tuple[object, ...]:
    return () if value.format == "B" and value.ndim == 1 else (value.format, value.shape)


def _memoryview(raw: bytes, is_constant: bool, form: str = "B", shape: tuple[int, ...] = ()) -> memoryview:
    view = memoryview(raw if is_constant else bytearray(raw))
    return view.cast(form, shape) if shape and raw else view  # type: ignore[call-overload]


def _with_zone(value: Any) -> tuple[object, ...] | None:
    zone = value.tzinfo
    if zone is not None and to_parts(zone) is None:
        return None
    return (value.replace(tzinfo=None).isoformat(), value.fold, zone)


def _zoned(kind: str, text: str, fold: object, zone: object) -> object:
    moment = _imported("datetime", kind).fromisoformat(_exact(text, str))
    return moment.replace(fold=fold, tzinfo=zone)


def _pattern(text: object, flags: object) -> object:
    source = _exact(text, str, bytes)
    if len(source) > _PATTERN:
        raise ValueError("too long")
    try:
        return re.compile(source, _exact(flags, int) & ~re.DEBUG)
    except (re.error, RecursionError) as error:
        raise ValueError("no pattern") from error


def _path(name: str, text: str) -> object:
    if _exact(name, str) not in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"):
        raise TypeError("no path")
    return _imported("pathlib", name)(_exact(text, str))


def _dict(pairs: object) -> dict[Any, Any]:
    if reason := refusal_of([key for key, _ in (_exact(pair, tuple) for pair in _exact(pairs, list))]):
        raise CodecError(reason)
    return dict(pairs)  # type: ignore[call-overload, no-any-return]


def _imported(module: str, name: str) -> Any:
    return getattr(__import__(module), name)


def _brief(text: object) -> str:
    digits: str = _exact(text, str)
    if len(digits) > _DIGITS:
        raise ValueError("too many digits")
    return digits


def _small(number: object) -> int:
    part: int = _exact(number, int)
    if part.bit_length() > _FRACTION_BITS:
        raise ValueError("too many bits")
    return part


def _exact(value: object, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise TypeError(f"{type(value).__name__} is out of place")
    return value


_MAKE: dict[str, Callable[..., object]] = {
    "builtin": lambda name: _BUILTIN_TYPES[name],
    "single": lambda name: _SINGLES[name],
    "range": lambda *parts: range(*(_exact(part, int, bool) for part in parts)),
    "slice": slice,
    "bytearray": lambda raw: bytearray(_exact(raw, bytes)),
    "deque": lambda items, maxlen: deque(_exact(items, list), maxlen),
    "OrderedDict": lambda pairs: OrderedDict(_dict(pairs)),
    "Counter": lambda counts: Counter(_exact(counts, dict)),
    "defaultdict": lambda factory, content: defaultdict(factory, _exact(content, dict)),
    "mappingproxy": lambda content: MappingProxyType(_exact(content, dict)),
    "ChainMap": lambda maps: ChainMap(*(_exact(one, dict) for one in _exact(maps, list))),
    "UserDict": lambda content: UserDict(_exact(content, dict)),
    "UserList": lambda items: UserList(_exact(items, list)),
    "UserString": lambda text: UserString(_exact(text, str)),
    **dict.fromkeys(
        ("dict_keys", "odict_keys"), lambda keys: _dict([(key, None) for key in _exact(keys, list)]).keys()
    ),
    **dict.fromkeys(
        ("dict_values", "odict_values"), lambda items: dict(enumerate(_exact(items, list))).values()
    ),
    **dict.fromkeys(("dict_items", "odict_items"), lambda pairs: _dict(pairs).items()),
    "memoryview": lambda raw, *parts: _memoryview(_exact(raw, bytes), *parts),
    "Items": lambda items, has_equality: Items(_exact(items, list), _exact(has_equality, bool)),
    "copy": lambda value: value,
    "iterator": lambda items: iter(_exact(items, list)),
    "Decimal": lambda text: _imported("decimal", "Decimal")(_brief(text)),
    "Fraction": lambda top, bottom: _imported("fractions", "Fraction")(_small(top), _small(bottom)),
    "date": lambda text: _imported("datetime", "date").fromisoformat(_exact(text, str)),
    "time": lambda *parts: _zoned("time", *parts),
    "datetime": lambda *parts: _zoned("datetime", *parts),
    "timezone": lambda *parts: _imported("datetime", "timezone")(*parts),
    "ZoneInfo": lambda key: _imported("zoneinfo", "ZoneInfo")(_exact(key, str)),
    "UUID": lambda number: _imported("uuid", "UUID")(int=_exact(number, int)),
    "array": lambda code, items: _imported("array", "array")(
        _exact(code, str), [_exact(item, int, float, str) for item in _exact(items, list)]
    ),
    "path": _path,
    "Pattern": _pattern,
    **{name: lambda text, name=name: _imported("ipaddress", name)(_exact(text, str)) for name in _ADDRESSES},
    "timedelta": lambda *parts: _imported("datetime", "timedelta")(*(_exact(part, int) for part in parts)),
}
