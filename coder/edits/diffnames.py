"""The names in a diff's headers, as git and diff write them."""

import re
from dataclasses import dataclass

NOWHERE = "/dev/null"
"""The name of the file that isn't there."""
_MOST_OF_NAMES = 2_000
"""Characters of a line with two names that are looked through for where one ends."""
_TIME = re.compile(r" +\d{4}-\d\d-\d\d[ T]\d\d:\d\d[\d:. +-]*$")
"""Of a file, behind blanks instead of a tab."""
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def header_name(text: str) -> str:
    """`a/x.py` of a `---` or `+++` line, without what stands behind a tab, and without quotes."""
    text = text.rstrip("\r").split("\t")[0]  # in quotes a tab is `\\t`
    return unquoted(text if text.startswith('"') else _TIME.sub("", text))


def unprefixed(name: str) -> str:
    """A name without git's `a/` or `b/`."""
    return name[2:] if name[:2] in ("a/", "b/") else name


@dataclass(frozen=True, slots=True)
class GitNames:
    """What a `diff --git` line names."""

    old: str
    new: str
    prefixes: tuple[str, ...] = ()
    """What stood before each: `a/` and `b/`, or what the user has chosen; empty where nothing did."""


def git_names(rest: str) -> GitNames:
    """Both names of a `diff --git` line, from what stands behind these words."""
    rest = rest.rstrip("\r")
    if rest.startswith('"'):
        first, _, second = rest[1:].partition('" ')
        return _without_prefixes(unquoted(f'"{first}"'), unquoted(second))
    for blank in re.finditer(" ", rest[:_MOST_OF_NAMES]):  # names may hold some; most often both are the same
        first, second = rest[: blank.start()], rest[blank.end() :]
        if first == second or is_prefixed(first, second):
            return _without_prefixes(first, second)
    first, _, second = rest.partition(" ")
    return _without_prefixes(first, unquoted(second))


def is_prefixed(old: str, new: str) -> bool:
    """Whether two names are one, each behind a prefix of its own: `a/x` and `b/x`, `i/x` and `w/x`."""
    one, _, path = old.partition("/")
    other, _, same = new.partition("/")
    return path == same != "" and one != other


def _without_prefixes(old: str, new: str) -> GitNames:
    if not is_prefixed(old, new) and not (old.startswith("a/") and new.startswith("b/")):
        return GitNames(old, new)
    one, _, path = old.partition("/")
    other, _, later_path = new.partition("/")
    return GitNames(path, later_path, (f"{one}/", f"{other}/"))


def unquoted(text: str) -> str:
    """git writes unusual names in quotes, byte by byte."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text

    def byte(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF]) if code.isdigit() else _ESCAPES.get(code, code)

    return _ESCAPE.sub(byte, text[1:-1].encode()).decode(errors="replace")
