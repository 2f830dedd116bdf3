"""Apply a unified diff to a tree in memory, exactly, or raise PatchRefused with the reason.

A hunk may have moved: its lines are searched near the stated line, and must match exactly.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

from benchmarks.suites.binary_patch import apply_binary
from coder.edits.lines import split_lines, usual_end
from coder.edits.unified import FileDiff, read_diff, unprefixed


class PatchRefused(ValueError):
    """The patch is invalid or doesn't fit the tree; the message names file and line."""


def apply_patch(files: Mapping[str, bytes], patch: str) -> dict[str, bytes]:
    """Return the tree after the patch, without deleted files. Raises PatchRefused.

    A patch that doesn't fit is applied with the line ends of each file, as one may pass through a program
    that changes them.
    """
    try:
        return _apply(files, patch)
    except PatchRefused as refusal:
        try:
            return _apply(files, patch.replace("\r\n", "\n"), converts=True)
        except PatchRefused:
            raise refusal from None


def _apply(files: Mapping[str, bytes], patch: str, *, converts: bool = False) -> dict[str, bytes]:
    tree = dict(files)
    changes = _changes(patch)
    if patch.strip() and not changes:
        stubs = ", ".join(sorted(find_stubs(patch)))
        raise PatchRefused(f"no content of binary files: {stubs}" if stubs else "this is no unified diff")
    for change in changes:
        old_content = b"" if change.old is None else files.get(change.old)
        if old_content is None:
            raise PatchRefused(f"{change.old} isn't in the tree")
        if change.old is None and change.new in files:
            raise PatchRefused(f"{change.new} is in the tree already")
        if change.binary is None:
            new_content = _apply_hunks(old_content, change, converts=converts)
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


def find_stubs(patch: str) -> set[str]:
    """Return the paths of binary files that a patch names without content, so that they are left out.

    An agent's build leaves such files behind: "Binary files a/x and b/x differ".
    """
    changes, _ = read_diff(patch.removesuffix("\n").split("\n"), exact=True)
    return {change.new or change.old or "" for change in changes if _is_stub(change)}


def _is_stub(change: FileDiff) -> bool:
    return change.binary is not None and not change.binary


def _changes(patch: str) -> list[FileDiff]:
    """Return the changes of a patch, file by file, without stubs. Raises PatchRefused."""
    changes, _ = read_diff(patch.removesuffix("\n").split("\n"), exact=True)
    changes = [change for change in changes if not _is_stub(change)]
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


def _apply_hunks(content: bytes, change: FileDiff, *, converts: bool) -> bytes:
    lines = split_lines(content.decode("utf-8", errors="surrogateescape"))
    end = usual_end(lines) if converts else "\n"
    shift = 0
    result_lines: list[str] = []
    next_line = 0
    for hunk in change.hunks:
        hunk_lines, new_lines = (
            [text.replace("\n", end) for text in texts] for texts in (hunk.old, hunk.new)
        )
        line = hunk.line or 0
        start = line - 1 if hunk_lines else line
        expected_place = min(max(start + shift, next_line), len(lines))
        place = _find_nearest(lines, hunk_lines, expected_place, next_line)
        if place is None:
            raise PatchRefused(f"{change.new or change.old}: the hunk at line {line} doesn't fit")
        shift = place - start
        result_lines += lines[next_line:place] + new_lines
        next_line = place + len(hunk_lines)
    return "".join(result_lines + lines[next_line:]).encode("utf-8", errors="surrogateescape")


def _find_nearest(lines: list[str], hunk_lines: list[str], expected_place: int, min_place: int) -> int | None:
    """Return the index of these lines nearest to `expected_place`, at least `min_place`; None if absent."""
    places = [at for at in range(min_place, len(lines) + 1) if lines[at : at + len(hunk_lines)] == hunk_lines]
    return min(places, key=lambda at: (abs(at - expected_place), at), default=None)
