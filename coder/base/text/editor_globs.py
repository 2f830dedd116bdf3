"""Match globs of `.editorconfig` in bounded time: `*`, `**`, `?`, `[abc]`, `[!abc]`, `{a,b}` and `{1..9}`."""

import re
from dataclasses import dataclass

from coder.base.text.wildcards import Part, Wild, ends_of

Glob = tuple[Part, ...]
_MAX_GLOB, _MAX_NESTING = 4096, 8
_RANGE = re.compile(r"([+-]?\d{1,18})\.\.([+-]?\d{1,18})")
_NUMBER = re.compile(r"[+-]?(\d{1,18})", re.ASCII)
_WILD = {"*": Wild.NAME, "**": Wild.ANY, "?": Wild.ONE}
_TOKEN = re.compile(r"\\.|\*\*/|\*\*|[*?{},]|\[!?(?:\\.|[^\]\\/])+\]|[^\\*?{},\[]+|[\\\[]", re.DOTALL)
_CLASS_ITEM = re.compile(r"\\?(.)(?:-\\?([^\]]))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One character of these ranges, or with `negated` of none; never a slash."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def ends(self, text: str, starts: set[int]) -> set[int]:
        """Return the indexes behind the character."""
        return {start + 1 for start in starts if start < len(text) and self._takes(text[start])}

    def _takes(self, character: str) -> bool:
        is_listed = any(first <= character <= last for first, last in self.ranges)
        return is_listed is not self.negated and character != "/"


@dataclass(frozen=True, slots=True)
class NumberIn:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def ends(self, text: str, starts: set[int]) -> set[int]:
        """Return the indexes behind the number."""
        numbers = [number for start in starts if (number := _NUMBER.match(text, start))]
        ends = {
            (number.start(), end)
            for number in numbers
            for end in range(number.start(1) + 1, number.end() + 1)
        }
        return {end for start, end in ends if self.low <= int(text[start:end]) <= self.high}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several globs."""

    globs: tuple[Glob, ...]

    def ends(self, text: str, starts: set[int]) -> set[int]:
        """Return the indexes behind each of the globs."""
        ends = set[int]()
        for glob in self.globs:
            places = starts
            for part in glob:
                places = ends_of(part, text, places) if places else places
            ends |= places
        return ends


def parse_glob(text: str) -> Glob | None:
    """Return the parts of a section's glob, for paths from its file's folder; None if it is malformed."""
    if not text or len(text) > _MAX_GLOB:
        return None
    is_path = "/" in text
    parts, rest = _parts(_TOKEN.findall(text.removeprefix("/")), 0)
    return None if rest else (*(() if is_path else (Wild.FOLDERS,)), *parts)


def _parts(tokens: list[str], depth: int) -> tuple[Glob, list[str]]:
    """Return the parts up to the comma or brace that ends an alternative, and the tokens from there."""
    parts: list[Part] = []
    while tokens:
        token = tokens[0]
        if depth and token in ",}":
            break
        tokens = tokens[1:]
        if token == "{" and depth < _MAX_NESTING:
            part, tokens = _braces(tokens, depth + 1)
            parts += part
        elif token == "**/":
            is_after_slash = not parts or parts[-1] is Wild.FOLDERS or str(parts[-1]).endswith("/")
            parts += [Wild.FOLDERS] if is_after_slash else [Wild.ANY, "/"]
        elif token in _WILD:
            parts.append(_WILD[token])
        elif token[0] == "[" and len(token) > 1:
            is_negated = token[1] == "!"
            items = _CLASS_ITEM.findall(token[1 + is_negated : -1])
            parts.append(OneOf(tuple((first, last or first) for first, last in items), is_negated))
        else:
            parts.append(token[1:] if token[0] == "\\" and len(token) > 1 else token)
    return tuple(parts), tokens


def _braces(tokens: list[str], depth: int) -> tuple[list[Part], list[str]]:
    """Return the part of braces whose first one was read; braces without a comma, or open, are text."""
    text = "".join(tokens)
    if (numbers := _RANGE.match(text)) and text[numbers.end() :].startswith("}"):
        low, high = sorted((int(numbers[1]), int(numbers[2])))
        return [NumberIn(low, high)], tokens[tokens.index("}") + 1 :]
    globs, rest = [], [",", *tokens]
    while rest and rest[0] == ",":
        glob, rest = _parts(rest[1:], depth)
        globs.append(glob)
    if not rest:
        return ["{"], tokens
    return ([AnyOf(tuple(globs))] if len(globs) > 1 else ["{", *globs[0], "}"]), rest[1:]
