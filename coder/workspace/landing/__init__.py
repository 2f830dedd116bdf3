"""Write a run's files into the user's folder, all or none, each only over the content that the run read.

A plan lists each path's content before and after. Applying and undoing it are repeatable, also after a kill;
a file with other content stops them. Check and rename are two steps: an edit saved in the microseconds
between them is lost. Read staging.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePosixPath

from coder.base.errors import MachineError
from coder.run.event_types.run_events import FileChange, LandingPlan
from coder.run.stored_file import StoredFile
from coder.workspace.folder import Snapshot
from coder.workspace.landing.grounds import check_places, check_root
from coder.workspace.landing.staging import (
    FileChanged,
    ForbiddenPath,
    check_own_mode,
    check_same_repository,
    clear,
    has_mode,
    parts_of,
    place,
    remove_empty,
    sha256_of,
    stage,
    state_of,
)

__all__ = [
    "FileChange",
    "FileChanged",
    "ForbiddenPath",
    "LandingPlan",
    "apply",
    "check_root",
    "is_made",
    "plan",
    "undo",
]


def plan(
    snapshot: Snapshot, files: Mapping[str, bytes | None], *, executable: Mapping[str, bool] | None = None
) -> LandingPlan:
    """Plan to write these contents (None: remove the file) under the snapshot's root; changes nothing.

    Args:
        executable: whether a file becomes executable; other new files are if they begin with `#!`.

    Raises:
        LandingRefused: a path is absolute, leaves the root, is in .git, goes over a link, or is a folder;
            or it, or the root, belongs to git or coder.
        FileChanged: a file that the run hasn't read exists, or one has changed since.
    """
    root, read = snapshot.root, snapshot.files
    assert root is not None
    check_root(root)
    check_places(root, [path for path, content in files.items() if content is not None])
    for path in sorted(files):
        parts = parts_of(path)
        check_same_repository(root, parts)
        if above := [str(parent) for parent in PurePosixPath(path).parents if str(parent) in files]:
            raise ForbiddenPath(
                f"{path} and {above[0]} can't both be changed: one is the folder of the other."
            )
        now = state_of(root, parts)
        if now is not None and path not in read:
            raise FileChanged(f"{path} is there already, and this run has not read it. It was left as it is.")
        if now != (read[path].digest if path in read else None):
            raise FileChanged(f"{path} has changed since this run read it. It was left as it is.")
    changes = changes_of(read, files, executable=executable)
    folders = {str(parent) for change in changes for parent in PurePosixPath(change.path).parents}
    new_folders = tuple(sorted(folder for folder in folders if not (root / folder).exists()))
    return LandingPlan(root=str(root), changes=tuple(changes), made=new_folders)


def changes_of(
    read: Mapping[str, StoredFile],
    files: Mapping[str, bytes | None],
    *,
    executable: Mapping[str, bool] | None = None,
) -> list[FileChange]:
    """Changes of these contents against the files that were read; pure."""
    changes = []
    for path, content in sorted(files.items()):
        old = read.get(path)
        before = old.digest if old is not None else None
        after = None if content is None else sha256_of(content)
        runs = (executable or {}).get(path)
        chmod = _switched(old.mode, runs) if old and after else None
        if after != before or chmod is not None:
            mode = old.mode if old else _mode_of_moved(read, files, path)
            is_program = runs or (content or b"").startswith(b"#!")
            bits = mode if chmod is None else chmod
            runs = old is None and is_program if bits is None else bits & 0o100 != 0
            changes.append(
                FileChange(path=path, before=before, after=after, mode=mode, executable=runs, chmod=chmod)
            )
    return changes


def _switched(mode: int, executable: bool | None) -> int | None:
    """Mode of a file that becomes executable where it is readable, or nowhere; None: unchanged."""
    bits = mode & 0o777
    if executable is None or executable == bool(bits & 0o100):
        return None
    return bits | (bits & 0o444) >> 2 if executable else bits & ~0o111


def _mode_of_moved(
    read: Mapping[str, StoredFile], files: Mapping[str, bytes | None], path: str
) -> int | None:
    """Mode of the removed file that reappears at this path, matched by content, else by name."""
    gone = [old for old, content in files.items() if content is None and old in read]
    same = [old for old in gone if read[old].content == files[path]]
    same = same or [old for old in gone if PurePosixPath(old).name == PurePosixPath(path).name]
    return read[same[0]].mode & 0o777 if same else None


async def apply(
    plan: LandingPlan, contents: Mapping[str, bytes | None], record: Callable[[str], Awaitable[None]]
) -> None:
    """Make every change of a plan that isn't made yet; `record` gets each finished path.

    All contents are on the disk before the first file is replaced: a full disk changes nothing.

    Args:
        contents: what to write, by path; its hashes are those of the plan.

    Raises:
        FileChanged: a file is neither as before nor as after; nothing was changed, unless it happened between
            our own steps: then the files before it in the plan stay changed.
        MachineError: the disk is full or a folder can't be written; nothing was changed.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    check_root(root)
    try:
        for change in plan.changes:
            stage(root, change, contents.get(change.path) if change.after else None)
    except (ForbiddenPath, MachineError, ValueError):
        clear(root, plan)
        raise
    for change in plan.changes:
        place(root, change)
        await record(change.path)


async def undo(
    plan: LandingPlan, contents: Mapping[str, bytes], record: Callable[[str, str | None], Awaitable[None]]
) -> None:
    """Restore the previous contents, file by file; `record` gets each path, and the reason if it was left.

    Args:
        contents: previous contents, by path; their hashes are those of the plan.

    Raises:
        MachineError: the disk is full or a folder can't be written; the file named is unchanged.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    for change in reversed(plan.changes):
        back = change.model_copy(update={"before": change.after, "after": change.before})
        if change.chmod is not None:
            back = back.model_copy(update={"mode": change.chmod, "chmod": change.mode})
        try:
            check_own_mode(root, back)
            stage(root, back, contents.get(change.path) if back.after else None)
            place(root, back)
        except ForbiddenPath as error:
            await record(change.path, str(error))
        else:
            await record(change.path, None)
    for folder in reversed(plan.made):
        remove_empty(root, folder)


def is_made(plan: LandingPlan, change: FileChange) -> bool:
    """Whether the folder's file is the result of the change."""
    root = Path(plan.root)
    try:
        is_there = state_of(root, parts_of(change.path)) == change.after
        return is_there and (change.chmod is None or has_mode(root, change, change.chmod))
    except ForbiddenPath:
        return False
