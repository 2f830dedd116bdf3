"""Apply `.gitignore` files to paths, as git does.

The deeper folder and the later line win, and `!` includes a path again, but never inside an ignored folder.
Patterns are matched part by part without backtracking over parts, so that no pattern takes long, as a
library's regular expressions can.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import PurePosixPath

MAX_LINES = 2_000
"""Maximum lines of one ignore file."""
_MAX_LENGTH = 500
_CLASS = re.compile(r"\[:([a-z]*):\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \t", "digit": "0-9", "lower": "a-z",
    "space": "\t-\r ", "upper": "A-Z", "xdigit": "0-9a-fA-F",
}  # fmt: skip
"""Character classes by name; an unknown class is empty."""
_GIT_SYNTAX = re.compile(r"\\(?P<sign>.)|\[(?P<set>[!^]?+\]?+(?:\\.|\[:[a-z]*:\]|[^]\\])*)\]|(?P<open>\[)")
"""Syntax that fnmatch writes differently from git."""
_EMPTY_SET = "b-a"


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One line of an ignore file."""

    parts: tuple[re.Pattern[str] | None, ...]
    """Patterns of the parts between slashes; None is `**`."""
    is_negated: bool = False
    only_folders: bool = False

    def fits(self, path: str) -> bool:
        """Whether the whole path matches, part by part."""
        names = path.split("/")
        reached = {0}
        for part in self.parts[:-1]:
            if part is None:
                reached = set(range(min(reached), len(names) + 1)) if reached else reached
            else:
                reached = {
                    index + 1 for index in reached if index < len(names) and part.fullmatch(names[index])
                }
        last_part = self.parts[-1]
        if last_part is None:
            return any(index < len(names) for index in reached)
        return len(names) - 1 in reached and last_part.fullmatch(names[-1]) is not None


def ignores(texts: Mapping[str, str]) -> Callable[[str], bool]:
    """Return a function that tells whether a path is ignored; a folder's path ends with a slash."""
    rules: dict[str, list[IgnoreRule]] = {}
    for path, text in texts.items():
        lines = map(_pattern_in, text.splitlines()[:MAX_LINES])
        rules[path.rpartition("/")[0]] = [_rule(line) for line in lines if line.strip("/!")]
    return lambda path: _is_ignored(path.rstrip("/"), rules, is_folder=path.endswith("/"))


def glob_matches(glob: str, path: str) -> bool:
    """Whether a glob matches a path: without `/` it matches the file's name, and `*` never matches `/`."""
    return _rule(glob).fits(path)


def _is_ignored(path: str, rules: Mapping[str, Sequence[IgnoreRule]], *, is_folder: bool) -> bool:
    """Whether the last rule that matches ignores one file or folder."""
    folders = ["" if str(folder) == "." else str(folder) for folder in PurePosixPath(path).parents]
    for folder in folders:
        relative_path = path[len(folder) + 1 :] if folder else path
        for rule in reversed(rules.get(folder, ())):
            if (is_folder or not rule.only_folders) and rule.fits(relative_path):
                return not rule.is_negated
    return False


def _pattern_in(line: str) -> str:
    """Return the pattern in a line without trailing blanks; empty for a comment."""
    line = line.rstrip("\r\n")
    line = line if line.endswith("\\ ") else line.rstrip(" ")
    return "" if line.startswith("#") or len(line) > _MAX_LENGTH else line


@lru_cache(maxsize=4096)
def _rule(line: str) -> IgnoreRule:
    """Parse a pattern: a slash at its start or inside binds it to its folder, else it fits at any depth."""
    is_negated = line.startswith("!")
    glob = line[is_negated:]
    only_folders = glob.endswith("/")
    glob = glob.rstrip("/") if only_folders else glob
    segments = glob.removeprefix("/").split("/")
    if "/" not in glob:
        segments = ["**", *segments]
    parts = tuple(
        None
        if re.fullmatch(r"\*{2,}", segment)
        else re.compile(translate(_GIT_SYNTAX.sub(_to_fnmatch, segment)))
        for segment in segments
    )
    return IgnoreRule(parts, is_negated, only_folders)


def _to_fnmatch(match: re.Match[str]) -> str:
    """Translate an escaped character, a set or an open bracket to fnmatch; an empty set matches nothing."""
    if match["set"] is None:
        sign = match["sign"] or match["open"]
        return f"[{sign}]" if sign in "*?[" else sign
    is_negated = match["set"][0] in "!^"
    characters = _CLASS.sub(lambda name: _CLASSES.get(name[1], ""), match["set"][is_negated:])
    characters = re.sub(r"\\(.)", r"\1", characters) or _EMPTY_SET
    return f"[!{characters}]" if is_negated else f"[{characters}]"
