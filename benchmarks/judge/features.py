"""Features of a value, alone and beside the inputs it was computed from, that few lines of code can test."""

import datetime
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from benchmarks.judge.alike import Words, is_power_of_two, tokens, trailing_zeros

_LONGEST = 2_000
"""Longest text or list whose features are computed."""


def differing(some: Mapping[str, object], others: Mapping[str, object]) -> frozenset[str]:
    """Names of the features that differ."""
    return frozenset(name for name in some.keys() | others.keys() if some.get(name) != others.get(name))


def features(value: object, inputs: Sequence[object], words: Words) -> Mapping[str, object]:
    """Features of a plain value by name."""
    match value:
        case bool() | None:
            return {"value": value}
        case int() | float():
            return _of_number(value, [one for one in inputs if isinstance(one, int | float)])
        case str() | bytes():
            text = value if isinstance(value, str) else value.decode("latin-1")
            return _of_text(text[:_LONGEST], [one for one in inputs if isinstance(one, str)], words)
        case list() | tuple():
            return _of_items(value[:_LONGEST], inputs, words)
        case dict():
            return _of_items([*value.values()][:_LONGEST], inputs, words)
    return {}


def _of_number(value: float, inputs: Iterable[float]) -> dict[str, object]:
    if not math.isfinite(value):
        return {"value": repr(value)}
    decimal = Decimal(repr(value))
    exponent = min(int(decimal.as_tuple().exponent), 0)
    whole = abs(int(decimal.scaleb(-exponent)))
    found: dict[str, object] = {
        "sign": (value > 0, value < 0),
        "places": exponent,
        "digits": len(str(whole)),
        "roundness": trailing_zeros(whole),
        "parity": whole % 2,
        "five": whole % 5 == 0,
        "square": math.isqrt(whole) ** 2 == whole,
        "power": is_power_of_two(whole),
    }
    for number, one in enumerate(inputs):
        found[f"order to input {number}"] = (value > one, value == one)
        found[f"multiple of input {number}"] = bool(one) and math.isfinite(one) and value % one == 0
    return found


def _of_text(text: str, inputs: Iterable[str], words: Words) -> dict[str, object]:
    small = text.casefold()
    parts = [token.group() for token in tokens(text)]
    found: dict[str, object] = {
        "length": len(text),
        "parts": len(parts),
        "palindrome": text == text[::-1],
        "case": (text.isupper(), text.islower(), text[:1].isupper()),
        "words": sum(part.isalpha() and not {part, part.lower()} & words for part in parts),
        "format": [_is_read(read, text) for read in (json.loads, float, datetime.datetime.fromisoformat)],
    }
    for number, one in enumerate(inputs):
        folded = one.casefold()
        letters = [Counter(filter(str.isalnum, other)) for other in (small, folded)]
        found[f"letters of input {number}"] = letters[0] == letters[1]
        found[f"input {number} within"] = (one in text, folded in small, text in one, text.startswith(one))
        found[f"parts of input {number}"] = [token.group() in small for token in tokens(folded)]
        found[f"length of input {number}"] = (len(one) > len(text), len(one) == len(text))
    return found


def _is_read(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, RecursionError):
        return False
    return True


def _of_items(items: Sequence[object], inputs: Iterable[object], words: Words) -> dict[str, object]:
    found: dict[str, object] = {
        "count": len(items),
        "order": (_ascends(items), _ascends(items[::-1])),
        "distinct": len({repr(one) for one in items}),
    }
    known = Counter(map(repr, items))
    scalars = [one for one in inputs if not isinstance(one, list | tuple)]
    for number, one in enumerate(one for one in inputs if isinstance(one, list | tuple)):
        given = Counter(map(repr, one))
        found[f"items of input {number}"] = (known == given, known <= given)
    total: Counter[str] = Counter()
    for item in items:
        total.update(f"items' {name}: {value}" for name, value in features(item, scalars, words).items())
    return found | dict(total)


def _ascends(items: Sequence[object]) -> bool:
    try:
        return all(a <= b for a, b in pairwise(items))  # type: ignore[operator]
    except TypeError:
        return False
