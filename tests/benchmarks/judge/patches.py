"""Unified diffs made of files, as a solver would give them."""

import difflib
from collections.abc import Mapping


def diff(before: Mapping[str, str], after: Mapping[str, str | None]) -> str:
    """What turns `before` into `before` with `after` in it; None removes a file."""
    parts = []
    for path, text in sorted(after.items()):
        old, new = before.get(path), text
        if old is None and new is None:
            continue
        lines = difflib.unified_diff(
            (old or "").splitlines(keepends=True),
            (new or "").splitlines(keepends=True),
            "/dev/null" if old is None else f"a/{path}",
            "/dev/null" if new is None else f"b/{path}",
        )
        parts += [
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        ]
    return "".join(parts)
