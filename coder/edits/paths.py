"""Paths in answers: find the path that a line names, resolve it in the tree, refuse forbidden paths."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath

from coder.base.fs.git_names import is_git_name
from coder.base.text.sanitize import suggest_nearest
from coder.source.named_sources import is_source

_MAX_LENGTH = 1000
"""Maximum characters of a path, and of a line that may be one."""
_MAX_COMPARED = 2000
"""Maximum names to compare with a wrong one."""
NAME = re.compile(r"(?:[\w.-]+/)*(?:[\w.-]*\.[A-Za-z]\w{0,15}|Makefile|Dockerfile)")
"""A path that is easily distinguished from prose."""
_NAME_OR_ABSOLUTE = re.compile(rf"/?{NAME.pattern}")
"""A NAME, perhaps absolute; an absolute path is refused later, since it can't mean another file."""
PATH = re.compile(rf"{NAME.pattern}|\S*[/\\]\S*")
"""A NAME, or any word with a slash."""
WORD = re.compile(r"\S+")
_LIST_MARK = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_FILE_LABEL = re.compile(r"^(?:file(?:name)?|path)\s*:\s*", re.IGNORECASE)
_DECORATION = " \t\r*`#:\"'<>"
_SENTENCE = re.compile(rf"^[^`]*`(?:\./)*({NAME.pattern})`[^`]*:\W{{0,3}}$")
_OTHER_PURPOSE = re.compile(
    r"\b(?:examples?|us(?:e|es|age|ing)|run|runs|running|call|calls|outputs?|prints?|shows?)\b", re.IGNORECASE
)
"""Words in a sentence about a block that isn't the named file's content."""


def plain(path: str) -> str:
    """Return a path without `./` and doubled or trailing slashes."""
    return str(PurePosixPath(path)) if path.strip() else ""


def refusal(path: str) -> str | None:
    """Return why no answer may write a path, or None."""
    if len(path) > _MAX_LENGTH:
        return f"`{path[:40]}…` is too long for a file's name."
    parts = PurePosixPath(path).parts
    if not parts:
        return "An edit names no file: give its path."
    if path.startswith("/") or path[1:3] in (":/", ":\\") or ".." in parts or parts[0] == "~":
        return f"`{path}` leads out of the folder. Name paths relative to it."
    if not path.isprintable() or "\\" in path:
        return f"{path!r} has characters that file names should not have."
    if any(map(is_git_name, parts)):
        return f"`{path}` belongs to git, and is never written."
    return None


class TreeNames:
    """The names of all files in a tree, updated by edits."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)

    @cached_property
    def _folders(self) -> Counter[str]:
        return Counter(folder for name in self._names for folder in _parents(name))

    @cached_property
    def _by_fold(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in self._names:
            names.setdefault(_fold(name), []).append(name)
        return names

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Add a file's name."""
        if name not in self._names:
            self._folders.update(_parents(name))
            self._by_fold.setdefault(_fold(name), []).append(name)
            self._names[name] = None

    def remove(self, name: str) -> None:
        """Remove a file's name."""
        if name in self._names:
            self._folders.subtract(_parents(name))
            self._by_fold[_fold(name)].remove(name)
            del self._names[name]

    def find(self, path: str) -> str | None:
        """Return the file of a path: an exact match, or the only one that differs only in case."""
        if path in self._names:
            return path
        same_fold = self._by_fold.get(_fold(path), [])
        return same_fold[0] if len(same_fold) == 1 else None

    def find_ending(self, path: str) -> str | None:
        """Return the only file whose path ends in these parts; None if there are others, or none."""
        matches = [name for name in self._names if name.endswith(f"/{path}")]
        return matches[0] if len(matches) == 1 else None

    def clash(self, path: str) -> str | None:
        """Return why a new file at this path conflicts with existing ones, or None."""
        parent_file = next(
            (str(parent) for parent in PurePosixPath(path).parents if str(parent) in self._names), None
        )
        if parent_file is not None:
            return f"`{path}` can't be written: `{parent_file}` is a file, no folder."
        return f"`{path}` can't be written: it is a folder." if self._folders[path] > 0 else None

    def missing(self, path: str) -> str:
        """Return the message that a file is missing, with a similar name."""
        similar = [name for name in self._names if name.endswith(f"/{path}") or path.endswith(f"/{name}")]
        if len(similar) == 1:
            return f"There is no file `{path}`; do you mean `{similar[0]}`?"
        return f"There is no file `{path}`{suggest_nearest(path, islice(self._names, _MAX_COMPARED)) or '.'}"


def _parents(name: str) -> list[str]:
    return [str(folder) for folder in PurePosixPath(name).parents][:-1]


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def name_in(line: str, files: Collection[str], shape: re.Pattern[str] = NAME) -> str | None:
    """Return the path of which a line consists: a known file, or a path of this shape; else None."""
    if len(line) > _MAX_LENGTH:
        return None
    text = _LIST_MARK.sub("", line).strip(_DECORATION).removeprefix("//").strip(_DECORATION)
    text = _FILE_LABEL.sub("", text).strip(_DECORATION)
    is_name = text in files or (shape.fullmatch(text) is not None and "://" not in text)
    return text if is_name else None


def name_of_block(
    info: str, files: Collection[str], shape: re.Pattern[str] = _NAME_OR_ABSOLUTE
) -> str | None:
    """Return the file that a block's fence line names, or None."""
    words = re.split(r"[\s:=]+", info[:_MAX_LENGTH].strip())
    fence_name = name_in(words[-1], files if len(words) > 1 else (), shape)
    return name_in(info.partition(" ")[2], files, shape) or fence_name


def file_name_in(line: str, files: Collection[str]) -> str | None:
    """Return the path of which a line consists: a known file, or a path that can be a new file's."""
    return name_in(line, files, _NAME_OR_ABSOLUTE)


def is_member(name: str, code: str, files: Collection[str], *, is_python: bool) -> bool:
    """Return whether a name above a block of code, such as `Store.add`, is a member that the code shows.

    It is a file if its suffix is that of a language or of another file; else if the code neither is Python,
    whose files end in `.py`, nor defines or calls what the suffix names.
    """
    if name in files or "/" in name or "." not in name.lstrip(".") or name.startswith(".") or is_source(name):
        return False
    suffix = PurePosixPath(name).suffix
    if any(path.endswith(suffix) for path in files):
        return False
    return is_python or re.search(rf"\b{re.escape(suffix[1:])}\(", code) is not None


def name_in_comment(line: str) -> str | None:
    """Return the file of which a comment consists, or None."""
    return name_in(line, ()) if line.lstrip().startswith(("#", "//")) else None


def name_in_sentence(line: str) -> str | None:
    """Return the only file quoted in a sentence that introduces a block: "The corrected `a.py`:"."""
    match = _SENTENCE.match(line.strip()[:_MAX_LENGTH])
    if match is None or _OTHER_PURPOSE.search(line) is not None:
        return None
    return match[1]
