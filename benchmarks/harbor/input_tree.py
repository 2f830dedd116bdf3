"""Check and read the files of a Harbor task, which are untrusted."""

import stat
from pathlib import Path

from coder.base.errors import UsageError
from coder.context.ignoring import ignores

IGNORE_FILE = ".harborignore"
"""File of patterns, as in .gitignore, for files of `tests/` and `solution/` that reach no container."""
MAX_TEXT = 4 << 20
"""Maximum size in bytes of `task.toml` and `instruction.md`."""
MAX_ENTRIES = 100_000
"""Maximum number of files and folders below `tests/`, `solution/` or `steps/`."""


def read_task_text(path: Path, root: Path) -> str:
    """Read a text file inside the task's folder. Raises UsageError."""
    check_entry(path, root)
    if not path.is_file():  # a pipe or a device would never end
        raise UsageError(f"{path} is no file, so {root} is no Harbor task.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TEXT + 1)
        text = content.decode("utf-8")
    except OSError as cause:
        raise UsageError(f"{path} can't be read: {cause.strerror}.") from cause
    except UnicodeDecodeError as cause:
        raise UsageError(f"{path} isn't UTF-8 text: {cause.reason} at byte {cause.start}.") from cause
    if len(content) > MAX_TEXT:
        raise UsageError(f"{path} holds more than {MAX_TEXT >> 20} MiB, so it can't be a text of a task.")
    return text


def check_tree(top: Path, root: Path) -> None:
    """Refuse special files, links out of the task's folder and too many entries. Raises UsageError."""
    pending, visited_paths = [top], set[Path]()
    entries = 0
    while pending:
        path = pending.pop()
        entries += 1
        if entries > MAX_ENTRIES:
            raise UsageError(f"{top} holds more than {MAX_ENTRIES:,} files.")
        resolved = check_entry(path, root)
        if resolved in visited_paths or not resolved.is_dir():
            continue
        visited_paths.add(resolved)  # a folder that links lead to is walked once
        try:
            pending.extend(resolved.iterdir())
        except OSError as cause:
            raise UsageError(f"{path} can't be read: {cause.strerror}.") from cause


def check_entry(path: Path, root: Path) -> Path:
    """Return the resolved path of a file or folder inside `root`, or of a missing one. Raises UsageError."""
    try:
        resolved = path.resolve()
        is_circular = path.is_symlink() and path.parent.resolve().is_relative_to(resolved)
        mode = resolved.stat().st_mode if resolved.exists() else stat.S_IFREG
    except (OSError, RuntimeError) as cause:
        raise UsageError(f"{path} can't be read: {cause}.") from cause
    if not resolved.is_relative_to(root):
        raise UsageError(
            f"{path} is a link out of the task's folder, to {resolved}.\n"
            "A task may use its own files alone: put a copy in place of the link."
        )
    if is_circular:
        raise UsageError(f"{path} is a link to a folder that holds it. Remove the link.")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a pipe, socket or device. A task holds files, folders and links.")
    return resolved


def excluded_in(folder: Path) -> set[str]:
    """Return the paths that `.harborignore` files in a folder exclude, and their own. Raises UsageError."""
    rules = {
        path.relative_to(folder).as_posix(): read_task_text(path, folder.resolve())
        for path in folder.rglob(IGNORE_FILE)
    }
    if not rules:
        return set()
    is_ignored, excluded = ignores(rules), set(rules)
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        is_below = place.rpartition("/")[0] in excluded
        if is_below or is_ignored(f"{place}/" if path.is_dir() else place):
            excluded.add(place)
    return excluded
