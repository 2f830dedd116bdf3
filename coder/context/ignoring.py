"""Apply `.gitignore` files to paths, as git does.

The deeper folder and the later line win, and `!` includes a path again, but never inside an ignored folder.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from coder.base.text.ignore_patterns import IgnorePattern, parse_pattern

MAX_LINES = 2_000
"""Maximum lines of one ignore file."""
_MAX_LENGTH = 500


def ignores(texts: Mapping[str, str]) -> Callable[[str], bool]:
    """Return a function that tells whether a path is ignored; a folder's path ends with a slash."""
    rules: dict[str, list[IgnorePattern]] = {}
    for path, text in texts.items():
        lines = map(_pattern_in, text.splitlines()[:MAX_LINES])
        rules[path.rpartition("/")[0]] = [rule for line in lines for rule in _rules_in(line)]
    return lambda path: _is_ignored(path.rstrip("/"), rules, is_folder=path.endswith("/"))


def glob_matches(glob: str, path: str) -> bool:
    """Whether a glob matches a path: without `/` it matches the file's name, and `*` never matches `/`."""
    return any(rule.fits(path) for rule in _rules_in(glob))


def _is_ignored(path: str, rules: Mapping[str, Sequence[IgnorePattern]], *, is_folder: bool) -> bool:
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


def _rules_in(line: str) -> list[IgnorePattern]:
    """Return the pattern of a line; none if it can match nothing."""
    with suppress(ValueError):
        return [parse_pattern(line)]
    return []
