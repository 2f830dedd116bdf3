"""Replace a constant by similar constants: an equally round number, or a text of common words."""

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
    """Words that replace words of texts. A word of the project is replaced by another one of the project."""

    project: frozenset[str] = frozenset()

    def cased(self, shape: Callable[[str], bool]) -> "tuple[_WordsByLength, _WordsByLength]":
        """Return the project's words and all words in the letter case of `shape`, each grouped by length."""
        cache: dict[object, tuple[_WordsByLength, _WordsByLength]] = self.__dict__.setdefault("_kept", {})
        if shape not in cache:
            cache[shape] = _group_by_length(self.project, shape), _group_by_length(self, shape)
        return cache[shape]


_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_MARKS = "!#$&*+,-./:;=?@^_~"
_MAX_BYTES = 1 << 20
"""Read at most this many bytes of a project for its words, smallest files first."""
_MAX_DISTANCE = 40
"""Number of candidates that are considered below and above a number."""


@cache
def common_words() -> Words:
    """Return English words of each length, and first names."""
    return Words((files("benchmarks.judge") / "words.txt").read_text().split())


def words_in(texts: Iterable[str]) -> Words:
    """Return the words of texts and the common words."""
    return Words(common_words() | _words_in(texts))


def words_of_tests(tree: ast.AST, project: frozenset[str] = frozenset()) -> Words:
    """Return the words of a test file's texts, the common words and those of the project."""
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    words = Words(words_in(constant for constant in constants if isinstance(constant, str)) | project)
    words.project = project
    return words


def project_words(files: Mapping[str, bytes]) -> frozenset[str]:
    """Return the words of a tree's texts and names, which an answer can read."""
    words, bytes_left = set[str](), _MAX_BYTES
    for path in sorted(files, key=lambda file: (len(files[file]), file)):
        bytes_left -= len(files[path])
        if bytes_left < 0:
            break
        words |= _words_in([files[path].decode("utf-8", "replace")])
    return frozenset(words)


def _words_in(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _TOKEN.findall(text) if len(word) > 1 and word.isalpha()}


def similar_constants(value: object, words: Words, count: int, part: int | None = None) -> list[Plain]:
    """Return at most `count` other constants of a constant's kind; numbers alternate larger and smaller.

    Args:
        part: index of the token of a text to replace; None chooses a token that depends on the text alone.

    Raises:
        TypeError: constants of this kind have no similar ones.
    """
    match value:
        case bool():
            return [not value]
        case int():
            return [*_similar_integers(value, count)]
        case float():
            return [*_similar_floats(value, count)]
        case str():
            return [*_similar_texts(value, words, count, part)]
        case bytes():
            return [
                text.encode("latin-1", "replace")
                for text in _similar_texts(value.decode("latin-1"), words, count, part)
            ]
    raise TypeError(f"no other value for {value!r}")


def tokens(text: str) -> list[re.Match[str]]:
    """Return the words and numbers of a text."""
    return [*_TOKEN.finditer(text)]


def trailing_zeros(number: int) -> int:
    """Return the number of trailing zeros in the decimal digits of a number."""
    digits = str(abs(number))
    return len(digits) - len(digits.rstrip("0")) if number else 0


def is_power_of_two(number: int) -> bool:
    """Whether a number is 8, 16, 32 or a higher power of two."""
    return number >= 8 and number & (number - 1) == 0


def _similar_integers(value: int, count: int) -> list[int]:
    """Return integers of equal sign and, if possible, as many digits and trailing zeros and equal parity."""
    sign, size = (-1 if value < 0 else 1), abs(value)
    step = 10 ** trailing_zeros(size)
    pool = {size + step * offset for offset in range(-_MAX_DISTANCE, _MAX_DISTANCE + 1)}
    digits = str(size)
    pool |= {int("".join(str(int(d) + by) for d in digits)) for by in range(-8, 9) if _can_shift(digits, by)}
    if is_power_of_two(size):
        pool |= {size << by for by in range(1, 4)} | {size >> by for by in range(1, 4) if size >> by >= 8}
    pool -= {size, *(number for number in pool if number < 0), *([0] if value < 0 else [])}
    ranked = sorted(pool, key=lambda number: (_difference(number, size), abs(number - size), number))
    sides = ([number for number in ranked if number > size], [number for number in ranked if number < size])
    limit = max(_difference(number, size) for number in ranked[:count])
    highs, lows = ([n for n in side if _difference(n, size) <= max(limit, 3)] for side in sides)
    alternating = [number for pair in zip_longest(highs, lows) for number in pair if number is not None]
    return [sign * number for number in alternating[:count]]


def _can_shift(digits: str, by: int) -> bool:
    return len(digits) > 2 and all(0 <= int(d) + by <= 9 for d in digits) and int(digits[0]) + by > 0


def _difference(first: int, second: int) -> int:
    a, b = str(first), str(second)
    return (
        4 * abs(len(a) - len(b))
        + 4 * (trailing_zeros(first) != trailing_zeros(second))
        + 4 * (is_power_of_two(first) != is_power_of_two(second))
        + 3 * (bool(first) != bool(second))
        + 2 * (first % 2 != second % 2)
        + 2 * ((first % 5 == 0) != (second % 5 == 0))
        + (len(set(a)) != len(set(b)))
    )


def _similar_floats(value: float, count: int) -> list[float]:
    decimal = Decimal(repr(value))  # avoids digits added by rounding
    exponent = decimal.as_tuple().exponent
    if not isinstance(exponent, int):  # infinite, or not a number
        return [float(number) for number in range(1, count + 1)]
    integers = _similar_integers(int(decimal.scaleb(-exponent)), count)
    return [float(Decimal(integer).scaleb(exponent)) for integer in integers]


def _similar_texts(text: str, words: Words, count: int, part: int | None) -> list[str]:
    parts = tokens(text)
    if not parts:
        return _replace_mark(text, count)
    token_match = parts[part] if part is not None else random.Random(text).choice(_long_words(parts))
    replacements = _similar_tokens(
        token_match.group(), words, {token.group() for token in parts}, count, seed=text
    )
    return [text[: token_match.start()] + other + text[token_match.end() :] for other in replacements]


def _long_words(parts: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    """Return words of at least three letters, or all tokens if there are none."""
    return [part for part in parts if part.group().isalpha() and len(part.group()) > 2] or [*parts]


def _similar_tokens(token: str, words: Words, excluded: set[str], count: int, *, seed: str) -> list[str]:
    width = len(token)
    if token.isdigit():
        numbers = (str(integer).zfill(width) for integer in _similar_integers(int(token), 2 * count))
        return [digits for digits in numbers if len(digits) == width][:count] or [str(int(token) + 1)]
    shape = next((method for method in (str.islower, str.isupper, str.istitle) if method(token)), None)
    if shape is None or _has_letter_pattern(token):
        return _shift_letters(token, count)
    project, all_words = words.cased(shape)
    chance, result = random.Random(seed), list[str]()
    for lengths in (project, all_words) if token in project.get(width, ()) else (all_words,):
        for distance in range(max((width, *lengths))):
            pool = [
                *lengths.get(width - distance, ()),
                *(lengths.get(width + distance, ()) if distance else ()),
            ]
            pool = [word for word in pool if word != token and word not in excluded and word not in result]
            result += chance.sample(pool, min(len(pool), count - len(result)))
            if len(result) == count:
                return result
    return result


_WordsByLength = Mapping[int, Sequence[str]]
"""Sorted words, grouped by length."""


def _group_by_length(words: Iterable[str], shape: Callable[[str], bool]) -> _WordsByLength:
    by_length: dict[int, list[str]] = {}
    for word in sorted({_in_case(item, shape) for item in words} - {""}):
        by_length.setdefault(len(word), []).append(word)
    return by_length


def _in_case(word: str, shape: Callable[[str], bool]) -> str:
    """Return the word in the letter case of `shape`, or an empty text if the word doesn't fit."""
    if shape is str.istitle:
        return word if word.istitle() else ""
    return (word if shape is str.islower else word.upper()) if word.islower() else ""


def _has_letter_pattern(token: str) -> bool:
    """Whether letters are consecutive, repeat, or make no word, as in `abc`, `xx` and `rstlm`."""
    letters = token.casefold()
    steps = {ord(b) - ord(a) for a, b in pairwise(letters)}
    is_sequence = len(steps) < 2 and steps <= {-1, 0, 1, 2}
    return is_sequence or not set(letters) & set("aeiouy") or not letters.isascii()


def _shift_letters(token: str, count: int) -> list[str]:
    """Return variants of `token`, each with all letters shifted in the alphabet by one distance."""
    shifted = []
    for by in (1, 2, 3, -1, 4, -2, 5, -3, 6, -4, 7, -5, 8, -6, 9, -7, *range(10, 26), *range(-25, -7)):
        other = "".join(_shift_letter(letter, by) for letter in token)
        if other.isalpha() and len(other) == len(token) and other not in shifted:
            shifted.append(other)
    similar = [other for other in shifted if _letter_steps(other) == _letter_steps(token)]
    return [*similar, *(other for other in shifted if other not in similar)][:count]


def _shift_letter(letter: str, by: int) -> str:
    for first in "aA":
        if 0 <= ord(letter) - ord(first) < 26:
            return chr(ord(first) + (ord(letter) - ord(first) + by) % 26)
    return chr(ord(letter) + by)


def _letter_steps(token: str) -> list[int]:
    return [ord(b) - ord(a) for a, b in pairwise(token)]


def _replace_mark(text: str, count: int) -> list[str]:
    """Return variants of a text without words: another mark near the middle, or a letter added at the end."""
    for at in [*range(len(text) // 2, len(text)), *range(len(text) // 2)]:
        if text[at] in _MARKS:
            start = _MARKS.index(text[at])
            marks = [_MARKS[(start + by) % len(_MARKS)] for by in range(1, count + 1)]
            return [text[:at] + mark + text[at + 1 :] for mark in marks]
    return [text + letter for letter in "uvwxyz"[:count]]
