"""Compare files and folders as places, not as texts: links, `.`, `..` and slashes at the end don't matter."""

import os
from collections.abc import Iterable
from pathlib import Path

from coder.base.errors import UsageError


def is_same_place(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file or folder, which may not exist yet."""
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):  # one of them doesn't exist
        return os.path.realpath(path) == os.path.realpath(other)


def require_separate(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Raise UsageError if a file to write is one of those that are read, or is to be written twice."""
    taken = [path for path in inputs if path is not None]
    for output in outputs:
        if output is None or _is_device(output):
            continue
        if any(is_same_place(output, path) for path in taken):
            raise UsageError(
                f"{output} would be overwritten: this command reads it, or writes something else to it. "
                "Name another file to write."
            )
        taken.append(output)


def _is_device(path: Path) -> bool:
    """Whether writing to a path replaces nothing, as with a pipe, /dev/null and /dev/stdout."""
    return path.exists() and not path.is_file() and not path.is_dir()
