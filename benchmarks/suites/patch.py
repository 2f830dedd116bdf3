"""Apply a unified diff to a tree in memory: what it says and nothing else, or a refusal in words.

Nothing of a patch reaches a shell, git or a file system here. A hunk may have moved (its lines are looked for
near their place), but its context has to be there word for word.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from coder.edits.diffnames import NOWHERE, unquoted

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class PatchRefused(ValueError):
    """The patch isn't one, or doesn't fit the tree; the message says which file and line."""


@dataclass(slots=True)
class _Hunk:
    start: int
    """Line of the old file, from 1; 0 for an empty one."""
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Change:
    """What a patch does to one file."""

    old: str | None
    new: str | None
    hunks: list[_Hunk] = field(default_factory=list)


def apply_patch(files: Mapping[str, bytes], patch: str) -> dict[str, bytes]:
    """The tree after the patch; a path that it deletes is gone.

    Raises:
        PatchRefused: it is no unified diff, changes a binary file, leaves the tree, or doesn't fit.
    """
    tree = dict(files)
    changes = read_changes(patch)
    if patch.strip() and not changes:
        raise PatchRefused("this is no unified diff")
    for change in changes:
        before = b"" if change.old is None else files.get(change.old)
        if before is None:
            raise PatchRefused(f"{change.old} isn't in the tree")
        if change.old is None and change.new in files:
            raise PatchRefused(f"{change.new} is in the tree already")
        after = _applied(before, change)
        if change.old is not None and change.old != change.new:
            tree.pop(change.old, None)
        if change.new is not None:
            tree[change.new] = after
    return tree


def touched(patch: str) -> set[str]:
    """The paths that a patch changes, makes or deletes.

    Raises:
        PatchRefused: it is no unified diff, or leaves the tree.
    """
    return {path for change in read_changes(patch) for path in (change.old, change.new) if path is not None}


def read_changes(patch: str) -> list[_Change]:
    """What a patch does, file by file.

    Raises:
        PatchRefused: a hunk is cut off, a path leads out of the tree, or a file is binary.
    """
    lines = patch.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    changes: list[_Change] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        if line.startswith("diff --git "):
            changes.append(_headed(lines, i))
        elif line.startswith("--- ") and i + 1 < len(lines) and lines[i + 1].startswith("+++ "):
            _named(changes, _path(line[4:]), _path(lines[i + 1][4:]))
            i += 1
        elif line.startswith(("GIT binary patch", "Binary files ")):
            raise PatchRefused(f"line {i + 1}: binary files can't be patched")
        elif (match := _HUNK.match(line)) is not None:
            if not changes:
                raise PatchRefused(f"line {i + 1}: a hunk without the name of its file")
            hunk, i = _hunk(lines, i, match)
            changes[-1].hunks.append(hunk)
        i += 1
    return changes


def _headed(lines: list[str], at: int) -> _Change:
    """A file's change as git's lines before the first hunk tell it."""
    old, new = _git_paths(lines[at][len("diff --git ") :])
    for line in lines[at + 1 :]:
        if line.startswith("new file"):
            old = None
        elif line.startswith("deleted file"):
            new = None
        elif line.startswith("rename from "):
            old = _inside(unquoted(line[len("rename from ") :]))
        elif line.startswith("rename to "):
            new = _inside(unquoted(line[len("rename to ") :]))
        elif line.startswith(("diff --git ", "--- ", "@@ ")):
            break
    return _Change(old, new)


def _git_paths(rest: str) -> tuple[str | None, str | None]:
    if rest.startswith('"'):
        first, _, second = rest[1:].partition('" ')
        return _path(f'"{first}"'), _path(second)
    half = len(rest) // 2  # both halves name one path, which may hold blanks
    if rest[half : half + 1] == " " and rest[:half][2:] == rest[half + 1 :][2:]:
        return _path(rest[:half]), _path(rest[half + 1 :])
    first, _, second = rest.partition(" ")
    return _path(first), _path(second)


def _named(changes: list[_Change], old: str | None, new: str | None) -> None:
    """`---` and `+++` lines: the first of a plain diff, or git's words once more."""
    if changes and not changes[-1].hunks and {changes[-1].old, changes[-1].new} & {old, new}:
        changes[-1].old, changes[-1].new = old, new
    else:
        changes.append(_Change(old, new))


def _path(text: str) -> str | None:
    """`a/x.py` of a header, without what stands behind a tab; None for the file that isn't there."""
    text = unquoted(text.split("\t")[0].rstrip("\r"))
    if text == NOWHERE:
        return None
    return _inside(text[2:] if text[:2] in ("a/", "b/") else text)


def _inside(path: str) -> str:
    if not path or path.startswith("/") or "\0" in path or ".." in PurePosixPath(path).parts:
        raise PatchRefused(f"the path {path!r} leads out of the tree")
    return str(PurePosixPath(path))


def _hunk(lines: list[str], at: int, match: re.Match[str]) -> tuple[_Hunk, int]:
    """The hunk that starts at a line, and the index of its last line."""
    hunk = _Hunk(int(match[1]))
    left_old, left_new = int(match[2] or 1), int(match[4] or 1)
    i = at
    while left_old > 0 or left_new > 0:
        i += 1
        if i >= len(lines):
            raise PatchRefused(f"line {i}: the patch ends in the middle of a hunk")
        sign, text = lines[i][:1] or " ", lines[i][1:] + "\n"
        if sign == "\\":
            _without_newline(lines[i - 1][:1], hunk)
        elif sign in " -+":
            if sign in " -":
                hunk.old.append(text)
                left_old -= 1
            if sign in " +":
                hunk.new.append(text)
                left_new -= 1
        else:
            raise PatchRefused(f"line {i + 1}: {lines[i][:40]!r} can't stand in a hunk")
    if i + 1 < len(lines) and lines[i + 1].startswith("\\"):
        i += 1
        _without_newline(lines[i - 1][:1], hunk)
    return hunk, i


def _without_newline(sign: str, hunk: _Hunk) -> None:
    if sign in " -" and hunk.old:
        hunk.old[-1] = hunk.old[-1].removesuffix("\n")
    if sign in " +" and hunk.new:
        hunk.new[-1] = hunk.new[-1].removesuffix("\n")


def _applied(before: bytes, change: _Change) -> bytes:
    name = change.new or change.old
    if not change.hunks:
        return before
    *whole, last = before.decode("utf-8", errors="surrogateescape").split("\n")
    lines = [f"{text}\n" for text in whole] + ([last] if last else [])
    shift = 0
    after: list[str] = []
    done = 0
    for hunk in change.hunks:
        wanted = hunk.start - 1 + shift if hunk.old else hunk.start + shift
        place = next((at for at in _places(wanted, done, len(lines)) if _fits(lines, at, hunk.old)), None)
        if place is None:
            raise PatchRefused(f"{name}: the hunk at line {hunk.start} doesn't fit")
        shift = place - (hunk.start - 1 if hunk.old else hunk.start)
        after += lines[done:place] + hunk.new
        done = place + len(hunk.old)
    return "".join(after + lines[done:]).encode("utf-8", errors="surrogateescape")


def _places(wanted: int, least: int, most: int) -> Iterator[int]:
    """Where a hunk may be, the nearest first."""
    wanted = min(max(wanted, least), most)
    yield wanted
    for far in range(1, most - least + 1):
        if wanted - far >= least:
            yield wanted - far
        if wanted + far <= most:
            yield wanted + far


def _fits(lines: list[str], at: int, old: list[str]) -> bool:
    return lines[at : at + len(old)] == old
