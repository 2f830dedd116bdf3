"""`.gitignore` files: the paths that they leave out, as git reads them.

The deeper folder and the later line win, `!` takes a path back, and nothing comes back into a folder that is
left out. Patterns are matched part by part, and a wildcard never tries a second place, so that none can take
long: a library's regular expressions can.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import PurePosixPath

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


def ignores(texts: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a path, a folder's with a slash at its end, is left out; asked from the top folder down."""
    rules: dict[str, list[Rule]] = {}
    for path, text in texts.items():
        lines = map(_meant, text.splitlines()[:MOST_LINES])
        rules[path.rpartition("/")[0]] = [_rule(line) for line in lines if line.strip("/!")]
    return lambda path: _is_left_out(path.rstrip("/"), rules, is_folder=path.endswith("/"))


def glob_matches(glob: str, path: str) -> bool:
    """Whether a glob fits a path: one without `/` fits the file's name, and `*` never crosses a `/`."""
    return _rule(glob).fits(path)


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
    """The pattern in a line, without trailing blanks; empty for a comment."""
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
    """Translate an escaped sign, a set or an unclosed bracket to fnmatch; an empty set matches nothing."""
    if match["set"] is None:
        sign = match["sign"] or match["open"]
        return f"[{sign}]" if sign in "*?[" else sign
    negated = match["set"][0] in "!^"
    members = _CLASS.sub(lambda name: _CLASSES.get(name[1], ""), match["set"][negated:])
    members = re.sub(r"\\(.)", r"\1", members) or _NOTHING
    return f"[!{members}]" if negated else f"[{members}]"
