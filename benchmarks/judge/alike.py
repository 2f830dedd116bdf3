"""Other constants of the same kind: a number as round, a text of words that people use."""

import ast
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import pairwise, zip_longest

Plain = bool | int | float | str | bytes


class Words(frozenset[str]):
    """Words for other texts. One of the project's own is replaced by another one of these."""

    project: frozenset[str] = frozenset()

    def cased(self, shape: Callable[[str], bool]) -> "tuple[_OfLength, _OfLength]":
        """The project's words, and all, in the case of a shape by length."""
        kept: dict[object, tuple[_OfLength, _OfLength]] = self.__dict__.setdefault("_kept", {})
        if shape not in kept:
            kept[shape] = _of_length(self.project, shape), _of_length(self, shape)
        return kept[shape]


_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_MARKS = "!#$&*+,-./:;=?@^_~"
_MOST_READ = 1 << 20
"""Bytes of a project that are read for its words, smallest files first."""
_REACH = 40
"""Neighbours of a number that are looked at, on each side."""


@cache
def common_words() -> Words:
    """English words of each length, and first names."""
    return Words((files("benchmarks.judge") / "words.txt").read_text().split())


def words_in(texts: Iterable[str]) -> Words:
    """Words of texts, with the common ones."""
    return Words(common_words() | _found(texts))


def words_of_tests(tree: ast.AST, project: frozenset[str] = frozenset()) -> Words:
    """Words that a test file's texts have, with the common ones and those of its project."""
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    words = Words(words_in(one for one in constants if isinstance(one, str)) | project)
    words.project = project
    return words


def project_words(files: Mapping[str, bytes]) -> frozenset[str]:
    """Words of a tree's texts and names, which an answer can read there or in its own modules."""
    found, left = set[str](), _MOST_READ
    for path in sorted(files, key=lambda one: (len(files[one]), one)):
        left -= len(files[path])
        if left < 0:
            break
        found |= _found([files[path].decode("utf-8", "replace")])
    return frozenset(found)


def _found(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _TOKEN.findall(text) if len(word) > 1 and word.isalpha()}


def alike(value: object, words: Words, count: int, part: int | None = None) -> list[Plain]:
    """At most `count` others of a constant's kind, of numbers alternately larger and smaller ones.

    Args:
        part: index of the token of a text that is replaced; None: one that is always the same for this text.

    Raises:
        TypeError: the constant is of a kind that has no others.
    """
    match value:
        case bool():
            return [not value]
        case int():
            return [*_integers(value, count)]
        case float():
            return [*_floats(value, count)]
        case str():
            return [*_texts(value, words, count, part)]
        case bytes():
            return [
                one.encode("latin-1", "replace")
                for one in _texts(value.decode("latin-1"), words, count, part)
            ]
    raise TypeError(f"no other value for {value!r}")


def tokens(text: str) -> list[re.Match[str]]:
    """Words and numbers of a text."""
    return [*_TOKEN.finditer(text)]


def trailing_zeros(number: int) -> int:
    """Trailing zeros of its decimal digits."""
    digits = str(abs(number))
    return len(digits) - len(digits.rstrip("0")) if number else 0


def is_power_of_two(number: int) -> bool:
    """Whether it is one of 8, 16, 32 and so on."""
    return number >= 8 and number & (number - 1) == 0


def _integers(value: int, count: int) -> list[int]:
    """Integers of the same sign, with as many digits and trailing zeros and the same parity, if possible."""
    sign, size = (-1 if value < 0 else 1), abs(value)
    step = 10 ** trailing_zeros(size)
    near = {size + step * way for way in range(-_REACH, _REACH + 1)}
    digits = str(size)
    near |= {int("".join(str(int(d) + by) for d in digits)) for by in range(-8, 9) if _shifts(digits, by)}
    if is_power_of_two(size):
        near |= {size << by for by in range(1, 4)} | {size >> by for by in range(1, 4) if size >> by >= 8}
    near -= {size, *(one for one in near if one < 0), *([0] if value < 0 else [])}
    ranked = sorted(near, key=lambda one: (_unlikeness(one, size), abs(one - size), one))
    sides = ([one for one in ranked if one > size], [one for one in ranked if one < size])
    good = max(_unlikeness(one, size) for one in ranked[:count])
    above, below = ([one for one in side if _unlikeness(one, size) <= max(good, 3)] for side in sides)
    mixed = [one for pair in zip_longest(above, below) for one in pair if one is not None]
    return [sign * one for one in mixed[:count]]


def _shifts(digits: str, by: int) -> bool:
    return len(digits) > 2 and all(0 <= int(d) + by <= 9 for d in digits) and int(digits[0]) + by > 0


def _unlikeness(one: int, other: int) -> int:
    a, b = str(one), str(other)
    return (
        4 * abs(len(a) - len(b))
        + 4 * (trailing_zeros(one) != trailing_zeros(other))
        + 4 * (is_power_of_two(one) != is_power_of_two(other))
        + 3 * (bool(one) != bool(other))
        + 2 * (one % 2 != other % 2)
        + 2 * ((one % 5 == 0) != (other % 5 == 0))
        + (len(set(a)) != len(set(b)))
    )


def _floats(value: float, count: int) -> list[float]:
    decimal = Decimal(repr(value))  # avoids digits added by rounding
    exponent = decimal.as_tuple().exponent
    if not isinstance(exponent, int):  # infinite, or not a number
        return [float(one) for one in range(1, count + 1)]
    found = _integers(int(decimal.scaleb(-exponent)), count)
    return [float(Decimal(one).scaleb(exponent)) for one in found]


def _texts(text: str, words: Words, count: int, part: int | None) -> list[str]:
    parts = tokens(text)
    if not parts:
        return _of_marks(text, count)
    one = parts[part] if part is not None else random.Random(text).choice(_longest(parts))
    others = _tokens_like(one.group(), words, {token.group() for token in parts}, count, seed=text)
    return [text[: one.start()] + other + text[one.end() :] for other in others]


def _longest(parts: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    """Words of at least three letters, else all."""
    return [one for one in parts if one.group().isalpha() and len(one.group()) > 2] or [*parts]


def _tokens_like(token: str, words: Words, besides: set[str], count: int, *, seed: str) -> list[str]:
    width = len(token)
    if token.isdigit():
        found = (str(one).zfill(width) for one in _integers(int(token), 2 * count))
        return [one for one in found if len(one) == width][:count] or [str(int(token) + 1)]
    shape = next((one for one in (str.islower, str.isupper, str.istitle) if one(token)), None)
    if shape is None or _has_pattern(token):
        return _moved(token, count)
    project, every = words.cased(shape)
    chance, chosen = random.Random(seed), list[str]()
    for lengths in (project, every) if token in project.get(width, ()) else (every,):
        for distance in range(max((width, *lengths))):
            near = [
                *lengths.get(width - distance, ()),
                *(lengths.get(width + distance, ()) if distance else ()),
            ]
            near = [word for word in near if word != token and word not in besides and word not in chosen]
            chosen += chance.sample(near, min(len(near), count - len(chosen)))
            if len(chosen) == count:
                return chosen
    return chosen


_OfLength = Mapping[int, Sequence[str]]
"""Sorted words by length."""


def _of_length(words: Iterable[str], shape: Callable[[str], bool]) -> _OfLength:
    found: dict[int, list[str]] = {}
    for word in sorted({_cased(one, shape) for one in words} - {""}):
        found.setdefault(len(word), []).append(word)
    return found


def _cased(word: str, shape: Callable[[str], bool]) -> str:
    """The word in another case; a name only where a capital stands, none where there is no capital."""
    if shape is str.istitle:
        return word if word.istitle() else ""
    return (word if shape is str.islower else word.upper()) if word.islower() else ""


def _has_pattern(token: str) -> bool:
    """Whether letters follow each other, repeat, or make no word, as in `abc`, `xx` and `rstlm`."""
    small = token.casefold()
    steps = {ord(b) - ord(a) for a, b in pairwise(small)}
    runs_on = len(steps) < 2 and steps <= {-1, 0, 1, 2}
    return runs_on or not set(small) & set("aeiouy") or not small.isascii()


def _moved(token: str, count: int) -> list[str]:
    """The token with all letters moved as far in the alphabet."""
    found = []
    for by in (1, 2, 3, -1, 4, -2, 5, -3, 6, -4, 7, -5, 8, -6, 9, -7, *range(10, 26), *range(-25, -7)):
        other = "".join(_letter(one, by) for one in token)
        if other.isalpha() and len(other) == len(token) and other not in found:
            found.append(other)
    whole = [one for one in found if _runs_on(one) == _runs_on(token)]
    return [*whole, *(one for one in found if one not in whole)][:count]


def _letter(letter: str, by: int) -> str:
    for first in "aA":
        if 0 <= ord(letter) - ord(first) < 26:
            return chr(ord(first) + (ord(letter) - ord(first) + by) % 26)
    return chr(ord(letter) + by)


def _runs_on(token: str) -> list[int]:
    return [ord(b) - ord(a) for a, b in pairwise(token)]


def _of_marks(text: str, count: int) -> list[str]:
    """A text without words: another mark in its middle, or a letter where there is none."""
    for at in [*range(len(text) // 2, len(text)), *range(len(text) // 2)]:
        if text[at] in _MARKS:
            start = _MARKS.index(text[at])
            marks = [_MARKS[(start + by) % len(_MARKS)] for by in range(1, count + 1)]
            return [text[:at] + mark + text[at + 1 :] for mark in marks]
    return [text + letter for letter in "uvwxyz"[:count]]
