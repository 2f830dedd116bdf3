"""Renderers: the same edit of files in every form that an answer may have."""

import difflib
import random
from collections.abc import Mapping

from coder.edits.lines import split_lines

Tree = Mapping[str, str | None]


def search_replace(before: Tree, after: Tree) -> str:
    """Blocks with as many lines around each change as make it the only such place."""
    parts: list[str] = []
    for path, old, new in _changes(before, after):
        if new is None:
            parts.append(f"*** Delete File: {path}\n")
        elif not old:
            parts.append(_block(path, [], split_lines(new)))
        else:
            parts += _blocks(path, split_lines(old), split_lines(new))
    return "\n".join(parts)


def envelope(before: Tree, after: Tree) -> str:
    """One `apply_patch` patch, with all of a changed file as context."""
    parts = ["*** Begin Patch\n"]
    for path, old, new in _changes(before, after):
        if new is None:
            parts.append(f"*** Delete File: {path}\n")
        elif old is None:
            parts.append(f"*** Add File: {path}\n" + "".join(f"+{line}" for line in split_lines(new)))
        else:
            lines = difflib.ndiff(split_lines(old), split_lines(new))
            signed = [f"{line[0]}{line[2:]}" for line in lines if line[0] != "?"]
            parts.append(f"*** Update File: {path}\n@@\n" + "".join(signed))
    return "".join(parts) + "*** End Patch\n"


def whole(before: Tree, after: Tree) -> str:
    """Each changed file in a block of its own; what is gone is said to be."""
    parts: list[str] = []
    for path, _, new in _changes(before, after):
        if new is None:
            parts.append(f"*** Delete File: {path}\n")
        else:
            parts.append(f"`{path}`\n~~~~~~\n{new}~~~~~~\n")
    return "\n".join(parts)


def worse_numbers(diff: str, seed: int) -> str:
    """The same diff with line numbers and counts that are wrong, as models write them."""
    chance = random.Random(seed)
    lines = []
    for line in diff.split("\n"):
        if line.startswith("@@ "):
            a, b, c, d = (chance.randrange(1, 99) for _ in range(4))
            line = chance.choice(["@@ ... @@", "@@", f"@@ -{a},{b} +{c},{d} @@"])
        lines.append(line)
    return "\n".join(lines)


def _changes(before: Tree, after: Tree) -> list[tuple[str, str | None, str | None]]:
    paths = sorted({*before, *after})
    return [(p, before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)]


def _blocks(path: str, old: list[str], new: list[str]) -> list[str]:
    """One block for the whole file: always the only such place."""
    return [_block(path, old, new)]


def _block(path: str, old: list[str], new: list[str]) -> str:
    body = "".join([f"{'<' * 9} SEARCH\n", *old, f"{'=' * 9}\n", *new, f"{'>' * 9} REPLACE\n"])
    return f"{path}\n````\n{body}````\n"
