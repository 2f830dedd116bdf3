"""Apply a unified diff to a tree in memory: what it says and nothing else, or a refusal in words.

Nothing of a patch reaches a shell, git or a file system here. A hunk may have moved (its lines are looked for
near their place), but its context has to be there word for word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from coder.edits.edit import Hunk
from coder.edits.hunks import NOWHERE, counted_hunk, git_names, header_name, is_numbered, unprefixed, unquoted


class PatchRefused(ValueError):
    """The patch isn't one, or doesn't fit the tree; the message says which file and line."""


@dataclass(slots=True)
class _Change:
    """What a patch does to one file."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)


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
        elif is_numbered(line):
            if not changes:
                raise PatchRefused(f"line {i + 1}: a hunk without the name of its file")
            read = counted_hunk(lines, i)
            if read is None:
                raise PatchRefused(
                    f"line {i + 1}: the patch ends in the middle of a hunk, or its numbers are wrong"
                )
            changes[-1].hunks.append(read[0])
            i = read[1]
            continue
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
    names = git_names(rest)
    if names.prefixes:
        return _inside(names.old), _inside(names.new)
    return _path(names.old), _path(names.new)


def _named(changes: list[_Change], old: str | None, new: str | None) -> None:
    """`---` and `+++` lines: the first of a plain diff, or git's words once more."""
    if changes and not changes[-1].hunks and {changes[-1].old, changes[-1].new} & {old, new}:
        changes[-1].old, changes[-1].new = old, new
    else:
        changes.append(_Change(old, new))


def _path(text: str) -> str | None:
    """`x.py` of a header's `a/x.py`; None for the file that isn't there."""
    name = header_name(text)
    return None if name == NOWHERE else _inside(unprefixed(name))


def _inside(path: str) -> str:
    if not path or path.startswith("/") or "\0" in path or ".." in PurePosixPath(path).parts:
        raise PatchRefused(f"the path {path!r} leads out of the tree")
    return str(PurePosixPath(path))


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
        assert hunk.line is not None
        start = hunk.line - 1 if hunk.old else hunk.line
        place = next(
            (at for at in _places(start + shift, done, len(lines)) if _fits(lines, at, hunk.old)), None
        )
        if place is None:
            raise PatchRefused(f"{name}: the hunk at line {hunk.line} doesn't fit")
        shift = place - start
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
