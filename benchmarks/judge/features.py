"""Compute features of a value, alone and relative to its inputs, that few lines of code can test."""

import datetime
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from benchmarks.judge.alike import Words, is_power_of_two, tokens, trailing_zeros

_MAX_LENGTH = 2_000
"""Compute features of at most this many characters or items."""


def differing_features(first: Mapping[str, object], second: Mapping[str, object]) -> frozenset[str]:
    """Return the names of the features that differ."""
    return frozenset(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def features(value: object, inputs: Sequence[object], words: Words) -> Mapping[str, object]:
    """Return the features of a plain value, by name."""
    match value:
        case bool() | None:
            return {"value": value}
        case int() | float():
            return _number_features(
                value, [operand for operand in inputs if isinstance(operand, int | float)]
            )
        case str() | bytes():
            text = value if isinstance(value, str) else value.decode("latin-1")
            return _text_features(
                text[:_MAX_LENGTH], [text for text in inputs if isinstance(text, str)], words
            )
        case list() | tuple():
            return _item_features(value[:_MAX_LENGTH], inputs, words)
        case dict():
            return _item_features([*value.values()][:_MAX_LENGTH], inputs, words)
    return {}


def _number_features(value: float, inputs: Iterable[float]) -> dict[str, object]:
    if not math.isfinite(value):
        return {"value": repr(value)}
    decimal = Decimal(repr(value))
    exponent = min(int(decimal.as_tuple().exponent), 0)
    digits_value = abs(int(decimal.scaleb(-exponent)))
    features_by_name: dict[str, object] = {
        "sign": (value > 0, value < 0),
        "places": exponent,
        "digits": len(str(digits_value)),
        "roundness": trailing_zeros(digits_value),
        "parity": digits_value % 2,
        "five": digits_value % 5 == 0,
        "square": math.isqrt(digits_value) ** 2 == digits_value,
        "power": is_power_of_two(digits_value),
    }
    for number, operand in enumerate(inputs):
        features_by_name[f"order to input {number}"] = (value > operand, value == operand)
        features_by_name[f"multiple of input {number}"] = (
            bool(operand) and math.isfinite(operand) and value % operand == 0
        )
    return features_by_name


def _text_features(text: str, inputs: Iterable[str], words: Words) -> dict[str, object]:
    folded_text = text.casefold()
    parts = [token.group() for token in tokens(text)]
    by_name: dict[str, object] = {
        "length": len(text),
        "parts": len(parts),
        "palindrome": text == text[::-1],
        "case": (text.isupper(), text.islower(), text[:1].isupper()),
        "words": sum(part.isalpha() and not {part, part.lower()} & words for part in parts),
        "format": [_can_read(read, text) for read in (json.loads, float, datetime.datetime.fromisoformat)],
    }
    for number, item in enumerate(inputs):
        folded = item.casefold()
        letters = [Counter(filter(str.isalnum, other)) for other in (folded_text, folded)]
        by_name[f"letters of input {number}"] = letters[0] == letters[1]
        by_name[f"input {number} within"] = (
            item in text,
            folded in folded_text,
            text in item,
            text.startswith(item),
        )
        by_name[f"parts of input {number}"] = [token.group() in folded_text for token in tokens(folded)]
        by_name[f"length of input {number}"] = (len(item) > len(text), len(item) == len(text))
    return by_name


def _can_read(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, RecursionError):
        return False
    return True


def _item_features(items: Sequence[object], inputs: Iterable[object], words: Words) -> dict[str, object]:
    by_name: dict[str, object] = {
        "count": len(items),
        "order": (_ascends(items), _ascends(items[::-1])),
        "distinct": len({repr(value) for value in items}),
    }
    item_counts = Counter(map(repr, items))
    scalars = [value for value in inputs if not isinstance(value, list | tuple)]
    for number, element in enumerate(value for value in inputs if isinstance(value, list | tuple)):
        input_counts = Counter(map(repr, element))
        by_name[f"items of input {number}"] = (item_counts == input_counts, item_counts <= input_counts)
    total: Counter[str] = Counter()
    for item in items:
        total.update(f"items' {name}: {value}" for name, value in features(item, scalars, words).items())
    return by_name | dict(total)


def _ascends(items: Sequence[object]) -> bool:
    try:
        return all(a <= b for a, b in pairwise(items))  # type: ignore[operator]
    except TypeError:
        return False
