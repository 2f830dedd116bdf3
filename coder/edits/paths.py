"""Paths in answers: find the one a line names, resolve it in the tree, refuse forbidden ones."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath

from coder.base.fs.git_names import is_git_name
from coder.base.text.sanitize import suggest_nearest

_LONGEST = 1000
"""Most characters of a path, and of a line that may be one."""
_MOST_COMPARED = 2000
"""Most names compared with a wrong one: each takes time."""
NAME = re.compile(r"(?:[\w.-]+/)*(?:[\w.-]*\.[A-Za-z]\w{0,15}|Makefile|Dockerfile)")
"""Shape of a path that is easily told from prose."""
_ALSO_ABSOLUTE = re.compile(rf"/?{NAME.pattern}")
"""The same, and absolute: it is refused, since the text belongs to no other file."""
PATH = re.compile(rf"{NAME.pattern}|\S*[/\\]\S*")
"""The same, or any word with a slash."""
WORD = re.compile(r"\S+")
_LISTED = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_SAID = re.compile(r"^(?:file(?:name)?|path)\s*:\s*", re.IGNORECASE)
_AROUND = " \t\r*`#:\"'<>"
_SENTENCE = re.compile(rf"^[^`]*`(?:\./)*({NAME.pattern})`[^`]*:\W{{0,3}}$")
_NO_FILE = re.compile(
    r"\b(?:examples?|us(?:e|es|age|ing)|run|runs|running|call|calls|outputs?|prints?|shows?)\b", re.IGNORECASE
)
"""A remark on a block that concerns a file without being it."""


def plain(path: str) -> str:
    """A path without `./` and doubled or trailing slashes."""
    return str(PurePosixPath(path)) if path.strip() else ""


def refusal(path: str) -> str | None:
    """Why no answer may name this path; None if it may."""
    if len(path) > _LONGEST:
        return f"`{path[:40]}…` is too long for a file's name."
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or path[1:3] in (":/", ":\\") or ".." in parts or parts[0] == "~":
        return f"`{path}` leads out of the folder. Name paths relative to it."
    if not path.isprintable() or "\\" in path:
        return f"{path!r} has characters that file names should not have."
    if any(map(is_git_name, parts)):
        return f"`{path}` belongs to git, and is never written."
    return None


class TreeNames:
    """The names of all files of a tree, updated by edits."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)

    @cached_property
    def _folders(self) -> Counter[str]:
        return Counter(folder for name in self._names for folder in _above(name))

    @cached_property
    def _by_fold(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in self._names:
            names.setdefault(_folded(name), []).append(name)
        return names

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Add a file."""
        if name not in self._names:
            self._folders.update(_above(name))
            self._by_fold.setdefault(_folded(name), []).append(name)
            self._names[name] = None

    def remove(self, name: str) -> None:
        """Remove a file."""
        if name in self._names:
            self._folders.subtract(_above(name))
            self._by_fold[_folded(name)].remove(name)
            del self._names[name]

    def find(self, path: str) -> str | None:
        """The file of a path: an exact match, or the only one that differs only in case."""
        if path in self._names:
            return path
        alike = self._by_fold.get(_folded(path), [])
        return alike[0] if len(alike) == 1 else None

    def clash(self, path: str) -> str | None:
        """Why a new file at this path conflicts with present ones; None if it doesn't."""
        above = next((str(a) for a in PurePosixPath(path).parents if str(a) in self._names), None)
        if above is not None:
            return f"`{path}` can't be written: `{above}` is a file, no folder."
        return f"`{path}` can't be written: it is a folder." if self._folders[path] > 0 else None

    def missing(self, path: str) -> str:
        """A message that a file is missing, with the one that may be meant."""
        below = [name for name in self._names if name.endswith(f"/{path}") or path.endswith(f"/{name}")]
        if len(below) == 1:
            return f"There is no file `{path}`; do you mean `{below[0]}`?"
        return f"There is no file `{path}`{suggest_nearest(path, islice(self._names, _MOST_COMPARED)) or '.'}"


def _above(name: str) -> list[str]:
    return [str(folder) for folder in PurePosixPath(name).parents][:-1]


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def name_in(line: str, files: Collection[str], shape: re.Pattern[str] = NAME) -> str | None:
    """The path that a line consists of: a known file, or one of this shape."""
    if len(line) > _LONGEST:
        return None
    text = _LISTED.sub("", line).strip(_AROUND).removeprefix("//").strip(_AROUND)
    text = _SAID.sub("", text).strip(_AROUND)
    is_name = text in files or (shape.fullmatch(text) is not None and "://" not in text)
    return text if is_name else None


def name_of_block(
    info: str, above: str, files: Collection[str], shape: re.Pattern[str] = _ALSO_ABSOLUTE
) -> str | None:
    """The file named by a block's fence line, or by the line above it."""
    words = re.split(r"[\s:=]+", info[:_LONGEST].strip())
    in_fence = name_in(words[-1], files if len(words) > 1 else (), shape)
    return name_in(info.partition(" ")[2], files, shape) or in_fence or name_in(above, files, shape)


def name_in_comment(line: str) -> str | None:
    """The file that a comment consists of."""
    return name_in(line, ()) if line.lstrip().startswith(("#", "//")) else None


def name_in_sentence(line: str) -> str | None:
    """The only file quoted in a sentence that introduces a block: "The corrected `a.py`:"."""
    match = _SENTENCE.match(line.strip()[:_LONGEST])
    return match[1] if match is not None and _NO_FILE.search(line) is None else None
