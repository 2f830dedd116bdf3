"""The names in a diff's headers, as git and diff write them."""

import re

NOWHERE = "/dev/null"
"""The name of the file that isn't there."""
_TIME = re.compile(r" +\d{4}-\d\d-\d\d[ T]\d\d:\d\d[\d:. +-]*$")
"""Of a file, behind blanks instead of a tab."""
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def header_name(text: str) -> str:
    """`a/x.py` of a `---` or `+++` line, without what stands behind a tab, and without quotes."""
    text = text.rstrip("\r")
    return unquoted(text if text.startswith('"') else _TIME.sub("", text.split("\t")[0]))


def unprefixed(name: str) -> str:
    """A name without git's `a/` or `b/`."""
    return name[2:] if name[:2] in ("a/", "b/") else name


def git_names(rest: str) -> tuple[str, str]:
    """Both names of a `diff --git` line, without their prefixes."""
    rest = rest.rstrip("\r")
    if rest.startswith('"'):
        first, _, second = rest[1:].partition('" ')
        return unprefixed(unquoted(f'"{first}"')), unprefixed(unquoted(second))
    half = len(rest) // 2  # both halves name one path, which may hold blanks
    if rest[half : half + 1] == " " and rest[:half][2:] == rest[half + 1 :][2:]:
        return unprefixed(rest[:half]), unprefixed(rest[half + 1 :])
    first, _, second = rest.partition(" ")
    return unprefixed(first), unprefixed(unquoted(second))


def unquoted(text: str) -> str:
    """git writes unusual names in quotes, byte by byte."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text

    def byte(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF]) if code.isdigit() else _ESCAPES.get(code, code)

    return _ESCAPE.sub(byte, text[1:-1].encode()).decode(errors="replace")
