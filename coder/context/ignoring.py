"""Ignore files: which paths a repository wants left out of searches and maps, as ripgrep and git read them.

`.gitignore`, `.ignore` and `.rgignore` of every folder; the deeper folder and the later line win, `!` takes a
path back, and nothing comes back into a folder that is left out. Patterns are matched part by part, and every
wildcard takes the first place that fits and never another one, so that none can take long.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

NAMES = (".gitignore", ".ignore", ".rgignore")
"""Of ignore files in one folder; the later has the last word."""
MOST_LINES = 2_000
"""Of one ignore file."""
_LONGEST = 500
_CLASS = re.compile(r"\[:([a-z]*):\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
"""Sets of characters by name, in a bracket."""


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
        None if re.fullmatch(r"\*{2,}", segment) else re.compile(_segment(segment)) for segment in segments
    )
    return Rule(parts, is_taken_back, only_folders)


def _segment(segment: str) -> str:
    """One part between slashes: `*`, `?`, `[…]` and `\\`; each `*` atomically takes the least that fits."""
    chunks: list[str] = [""]
    i = 0
    while i < len(segment):
        character = segment[i]
        i += 1
        if character == "*":
            if chunks[-1] or len(chunks) == 1:
                chunks.append("")
        elif character == "?":
            chunks[-1] += "[^/]"
        elif character == "[" and (found := _bracket(segment, i)) is not None:
            chunk, i = found
            chunks[-1] += chunk
        elif character == "\\" and i < len(segment):
            chunks[-1] += re.escape(segment[i])
            i += 1
        else:
            chunks[-1] += re.escape(character)
    first, *middle = chunks
    if not middle:
        return first
    *middle, last = middle
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in middle) + "[^/]*" + last


def _bracket(segment: str, start: int) -> tuple[str, int] | None:
    """A set of characters that begins behind its `[`, as a regular expression, and where it ends.

    None where it has no end: then the bracket stands for itself.
    """
    i = start
    negated = segment[i : i + 1] in ("!", "^")
    i += negated
    members: list[str] = []
    first = i
    while i < len(segment):
        if segment[i] == "]" and i > first:
            inside = "".join(members)
            # A range that runs backwards, and a class that nobody knows, hold nothing.
            chosen = f"[^/{inside}]" if negated else f"(?!/)[{inside}]" if inside else "(?!)"
            return chosen, i + 1
        if (named := _CLASS.match(segment, i)) is not None:
            members.append(_CLASSES.get(named[1], ""))
            i = named.end()
            continue
        low, i = _member(segment, i)
        if segment[i : i + 1] == "-" and segment[i + 1 : i + 2] not in ("", "]"):
            high, i = _member(segment, i + 1)
            members.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
        else:
            members.append(re.escape(low))
    return None


def _member(segment: str, i: int) -> tuple[str, int]:
    """One character of a set, and what comes behind it; a backslash takes the next one as it is."""
    i += segment[i] == "\\" and i + 1 < len(segment)
    return segment[i], i + 1


def _name(path: str) -> str:
    return path.rpartition("/")[2]
