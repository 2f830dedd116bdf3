"""Ignore files: the paths that a repository leaves out of searches and maps, as ripgrep and git read them.

`.gitignore`, `.ignore` and `.rgignore` of every folder; the deeper folder and the later line win, `!` takes a
path back, and nothing comes back into a folder that is left out. Patterns are matched part by part, and every
wildcard takes the first place that fits and never another one, so that none can take long.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import PurePosixPath

NAMES = (".gitignore", ".ignore", ".rgignore")
"""Of ignore files in one folder; the later has the last word."""
MOST_LINES = 2_000
"""Of one ignore file."""
_LONGEST = 500
_CLASS = re.compile(r"\[:([a-z]*):\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \t", "digit": "0-9", "lower": "a-z",
    "space": "\t-\r ", "upper": "A-Z", "xdigit": "0-9a-fA-F",
}  # fmt: skip
"""Sets of characters by name, in a bracket; an unknown one is empty."""
_ODD = re.compile(r"\\(?P<sign>.)|\[(?P<set>[!^]?+\]?+(?:\\.|\[:[a-z]*:\]|[^]\\])*)\]|(?P<open>\[)")
"""What fnmatch writes otherwise than git."""
_NOTHING = "b-a"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file."""

    parts: tuple[re.Pattern[str] | None, ...]
    """One for each part between slashes; None is `**`."""
    is_taken_back: bool = False
    only_folders: bool = False

    def fits(self, path: str) -> bool:
        """Whether the whole path fits: which of its parts can be reached, part by part of the pattern."""
        names = path.split("/")
        reached = {0}
        for part in self.parts[:-1]:
            if part is None:
                reached = set(range(min(reached), len(names) + 1)) if reached else reached
            else:
                reached = {i + 1 for i in reached if i < len(names) and part.fullmatch(names[i])}
        last = self.parts[-1]
        if last is None:
            return any(i < len(names) for i in reached)
        return len(names) - 1 in reached and last.fullmatch(names[-1]) is not None


def visible(paths: Iterable[str], texts: Mapping[str, str]) -> list[str]:
    """The paths that no ignore file leaves out.

    Args:
        texts: text of the ignore files among them, by path.
    """
    rules = _rules(texts)
    return [path for path in paths if not _is_ignored(path, rules)] if rules else list(paths)


def ignores(texts: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a path, a folder's with a slash at its end, is left out; asked from the top folder down.

    Args:
        texts: text of the ignore files by path.
    """
    rules = _rules(texts)
    return lambda path: _is_left_out(path.rstrip("/"), rules, is_folder=path.endswith("/"))


def glob_matches(glob: str, path: str) -> bool:
    """Whether a glob fits a path, as ripgrep's `-g`: one without `/` fits the file's name."""
    return _rule(glob.removeprefix("!")).fits(path)


def _rules(texts: Mapping[str, str]) -> dict[str, list[Rule]]:
    """The rules of each folder that has some."""
    rules: dict[str, list[Rule]] = {}
    for path in sorted(texts, key=lambda path: NAMES.index(_name(path)) if _name(path) in NAMES else -1):
        if _name(path) in NAMES:
            lines = map(_meant, texts[path].splitlines()[:MOST_LINES])
            folder = path.rpartition("/")[0]
            rules.setdefault(folder, []).extend(_rule(line) for line in lines if line.strip("/!"))
    return rules


def _is_ignored(path: str, rules: Mapping[str, Sequence[Rule]]) -> bool:
    parts = path.split("/")
    return any(
        _is_left_out("/".join(parts[:end]), rules, is_folder=end < len(parts))
        for end in range(1, len(parts) + 1)
    )


def _is_left_out(path: str, rules: Mapping[str, Sequence[Rule]], *, is_folder: bool) -> bool:
    """What the last rule that fits says of one file or folder by itself."""
    folders = ["" if str(folder) == "." else str(folder) for folder in PurePosixPath(path).parents]
    for folder in folders:
        below = path[len(folder) + 1 :] if folder else path
        for rule in reversed(rules.get(folder, ())):
            if (is_folder or not rule.only_folders) and rule.fits(below):
                return not rule.is_taken_back
    return False


def _meant(line: str) -> str:
    """A line without what isn't part of its pattern; empty where it has none."""
    line = line.rstrip("\r\n")
    line = line if line.endswith("\\ ") else line.rstrip(" ")
    return "" if line.startswith("#") or len(line) > _LONGEST else line


@lru_cache(maxsize=4096)
def _rule(line: str) -> Rule:
    """A slash in front or in the middle binds a pattern to its folder; one without fits at any depth."""
    is_taken_back = line.startswith("!")
    glob = line[is_taken_back:]
    only_folders = glob.endswith("/")
    glob = glob.rstrip("/") if only_folders else glob
    segments = glob.removeprefix("/").split("/")
    if "/" not in glob:
        segments = ["**", *segments]
    parts = tuple(
        None if re.fullmatch(r"\*{2,}", segment) else re.compile(translate(_ODD.sub(_of_fnmatch, segment)))
        for segment in segments
    )
    return Rule(parts, is_taken_back, only_folders)


def _of_fnmatch(match: re.Match[str]) -> str:
    """An escaped sign, a set, or a bracket without an end as fnmatch writes it; an empty set fits nothing."""
    if match["set"] is None:
        sign = match["sign"] or match["open"]
        return f"[{sign}]" if sign in "*?[" else sign
    negated = match["set"][0] in "!^"
    members = _CLASS.sub(lambda named: _CLASSES.get(named[1], ""), match["set"][negated:])
    members = re.sub(r"\\(.)", r"\1", members) or _NOTHING
    return f"[!{members}]" if negated else f"[{members}]"


def _name(path: str) -> str:
    return path.rpartition("/")[2]
