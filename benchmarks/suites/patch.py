"""Apply a unified diff to a tree in memory, exactly, or raise PatchRefused with the reason.

A hunk may have moved: its lines are searched near the stated line, and must match exactly.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from benchmarks.suites.binary_patch import apply_binary
from coder.edits.lines import split_lines
from coder.edits.unified import FileDiff, read_diff, unprefixed

_HEADER_WITH_CR = re.compile(r"^(?:---|\+\+\+|@@) .*\r$", re.MULTILINE)


class PatchRefused(ValueError):
    """The patch is invalid or doesn't fit the tree; the message names file and line."""


def apply_patch(files: Mapping[str, bytes], patch: str) -> dict[str, bytes]:
    """Return the tree after the patch, without deleted files. Raises PatchRefused.

    A patch whose line ends were all changed to CRLF is applied without them, as by `patch`.
    """
    try:
        return _apply(files, patch)
    except PatchRefused:
        if not _HEADER_WITH_CR.search(patch):
            raise
        return _apply(files, patch.replace("\r\n", "\n"))


def _apply(files: Mapping[str, bytes], patch: str) -> dict[str, bytes]:
    tree = dict(files)
    changes = _changes(patch)
    if patch.strip() and not changes:
        raise PatchRefused("this is no unified diff")
    for change in changes:
        old_content = b"" if change.old is None else files.get(change.old)
        if old_content is None:
            raise PatchRefused(f"{change.old} isn't in the tree")
        if change.old is None and change.new in files:
            raise PatchRefused(f"{change.new} is in the tree already")
        if change.binary is None:
            new_content = _apply_hunks(old_content, change)
        else:
            try:
                new_content = apply_binary(change.binary, old_content)
            except ValueError as error:
                raise PatchRefused(f"{change.new or change.old}: {error}") from error
        if change.old is not None and change.old != change.new and not change.copies:
            tree.pop(change.old, None)
        if change.new is not None:
            tree[change.new] = new_content
    return tree


def touched_paths(patch: str) -> set[str]:
    """Return the paths that a patch changes, creates or deletes."""
    return {path for change in _changes(patch) for path in (change.old, change.new) if path is not None}


def _changes(patch: str) -> list[FileDiff]:
    """Return the changes of a patch, file by file. Raises PatchRefused."""
    changes, _ = read_diff(patch.removesuffix("\n").split("\n"), exact=True)
    # A line such as "Binary files a/x and b/x differ" has no content: an agent's build left the file behind.
    changes = [change for change in changes if change.binary is None or change.binary]
    for change in changes:
        if change.fault and change.binary is None:
            raise PatchRefused(f"{change.new or change.old}: {change.fault}")
        if change.old == "":
            raise PatchRefused("a hunk without the name of its file")
        change.old, change.new = (_require_inside(name, change) for name in (change.old, change.new))
    return changes


def _require_inside(name: str | None, change: FileDiff) -> str | None:
    if name is None:
        return None
    path = name if change.from_git else unprefixed(name)
    parts = PurePosixPath(path).parts
    if not parts or parts[0].startswith("/") or "\0" in path or ".." in parts:
        raise PatchRefused(f"the path {path!r} leads out of the tree")
    return str(PurePosixPath(path))


def _apply_hunks(content: bytes, change: FileDiff) -> bytes:
    lines = split_lines(content.decode("utf-8", errors="surrogateescape"))
    shift = 0
    result_lines: list[str] = []
    next_line = 0
    for hunk in change.hunks:
        hunk_lines, line = hunk.old, hunk.line or 0
        start = line - 1 if hunk_lines else line
        expected_place = min(max(start + shift, next_line), len(lines))
        place = _find_nearest(lines, hunk_lines, expected_place, next_line)
        if place is None:
            raise PatchRefused(f"{change.new or change.old}: the hunk at line {line} doesn't fit")
        shift = place - start
        result_lines += lines[next_line:place] + hunk.new
        next_line = place + len(hunk_lines)
    return "".join(result_lines + lines[next_line:]).encode("utf-8", errors="surrogateescape")


def _find_nearest(lines: list[str], hunk_lines: list[str], expected_place: int, min_place: int) -> int | None:
    """Return the index of these lines nearest to `expected_place`, at least `min_place`; None if absent."""
    places = [at for at in range(min_place, len(lines) + 1) if lines[at : at + len(hunk_lines)] == hunk_lines]
    return min(places, key=lambda at: (abs(at - expected_place), at), default=None)
