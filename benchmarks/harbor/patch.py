"""Write the changes of an agent's container as one bounded patch for people to read.

Binary and large files are only named.
"""

import asyncio
from collections.abc import Mapping

from benchmarks.harbor.applying import read_files
from benchmarks.harbor.archive_reader import ChangedPath
from benchmarks.harbor.changes import ContainerChanges
from benchmarks.harbor.container_files import File
from coder.workspace.diff import unified_diff

MAX_FILES = 60
"""Show at most this many files; further files are only named."""
MAX_FILE_BYTES = 32 << 10
MAX_FILE_LINES = 2_000
MAX_CHARACTERS = 200_000
_MAX_NAMED = 200


def shown_files(changes: ContainerChanges) -> list[ChangedPath]:
    """Return the changes that a patch may show: files, and deleted paths, perhaps of folders."""
    return [change for change in changes.items if change.type in ("file", None)][:MAX_FILES]


async def write_patch(image: Mapping[str, File], changes: ContainerChanges) -> str:
    """Return the changes as a patch, then a line for each change that isn't shown.

    Args:
        image: files of the image by path; those of at most `MAX_FILE_BYTES` with their contents.
    """
    candidates = shown_files(changes)
    contents = await asyncio.to_thread(
        read_files,
        changes,
        [change.path for change in candidates if change.type is not None],
        max_bytes=MAX_FILE_BYTES,
    )
    before: dict[str, bytes | None] = {}
    after: dict[str, bytes | None] = {}
    executable: set[str] = set()
    for change in candidates:
        entry, old = image.get(change.path, (None, None))
        is_file = entry is not None and entry.isreg()
        if not is_file and change.kind == "deleted":  # a folder
            continue
        new = contents[change.path][1] if change.type is not None else None
        if (change.type is None or _is_text(new)) and (not is_file or _is_text(old)):
            name = change.path.lstrip("/")
            before[name], after[name] = old, new
            executable |= {name} if change.mode & 0o111 else set()
    patch = await asyncio.to_thread(unified_diff, before, after, executable=executable)
    names = [_line(change) for change in changes.items if _is_named(change, before)]
    more = [f"… and {len(names) - _MAX_NAMED:,} more"] if len(names) > _MAX_NAMED else []
    return _bounded(patch) + "".join(f"{line}\n" for line in [*names[:_MAX_NAMED], *more])


def _is_named(change: ChangedPath, shown: dict[str, bytes | None]) -> bool:
    """Whether a change gets a line: it isn't shown, and isn't a folder, whose content has its own lines."""
    return change.path.lstrip("/") not in shown and change.type != "folder"


def _is_text(content: bytes | None) -> bool:
    if content is None or len(content) > MAX_FILE_BYTES or b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return content.count(b"\n") <= MAX_FILE_LINES


def _line(change: ChangedPath) -> str:
    size = f", {change.size:,} bytes" if change.type == "file" else ""
    target = f" → {change.target}" if change.target else ""
    name = change.path.replace("\n", "\\n")
    return f"{change.kind} {name}{target} ({change.type or 'path'}{size}): not shown"


def _bounded(patch: str) -> str:
    if len(patch) <= MAX_CHARACTERS:
        return patch
    return f"{patch[:MAX_CHARACTERS]}\n… {len(patch) - MAX_CHARACTERS:,} more characters aren't shown\n"
