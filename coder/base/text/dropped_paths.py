"""Paths of pictures as terminals type them when a file is dropped: quoted, with backslashes, or as file://."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")
_PATH = re.compile(
    r"""(?<![^ \t\n])(?:'(?P<single>(?:file://|~?/)[^'\n]+)'|"(?P<double>(?:file://|~?/)[^"\n]+)\""""
    r"""|(?P<bare>(?:file://|~?/)(?:\\.|[^ \t\n\\'"`])+))(?=[ \t\n,.;:?!)]|\Z)"""
)
_ESCAPED = re.compile(r"\\(.)")


def dropped_pictures(text: str) -> list[str]:
    """Return the absolute paths of pictures and PDFs in a text, whether or not they exist."""
    paths = (_path_of(match) for match in _PATH.finditer(text))
    return [path for path in dict.fromkeys(paths) if path.lower().endswith(PICTURES)]


def begins_with_dropped(text: str) -> bool:
    """Whether a text begins with the path of a picture, and so with no command."""
    match = _PATH.match(text)
    return match is not None and _path_of(match).lower().endswith(PICTURES)


def _path_of(match: re.Match[str]) -> str:
    bare = match["bare"]
    path = match["single"] or match["double"] or _ESCAPED.sub(r"\1", bare.rstrip(",.;:?!)"))
    if path.startswith("file://"):
        return unquote(urlsplit(path).path)
    return str(Path(path).expanduser()) if path.startswith("~/") else path
