"""Write a run's files into the user's folder, all or none, and only over the content that the run read.

A plan lists each path's content before and after. Applying and undoing a plan can be repeated, also after a
kill; a file with other content stops both. Check and rename are two steps, so that an edit saved in the
microseconds between them is lost. Read staging.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from coder.base.errors import MachineError
from coder.run.event_types.run_events import FileChange, LandingPlan
from coder.run.stored_file import StoredFile
from coder.workspace.folder import Snapshot
from coder.workspace.landing.grounds import check_places, check_root
from coder.workspace.landing.staging import (
    FileChanged,
    ForbiddenPath,
    check_folder,
    check_own_mode,
    check_same_repository,
    clear,
    clear_folder,
    has_mode,
    late_paths,
    parts_of,
    place,
    remove_empty,
    sha256_of,
    stage,
    state_beside,
    state_of,
    state_of_change,
    takes_place,
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
    snapshot: Snapshot,
    files: Mapping[str, bytes | None],
    *,
    executable: Mapping[str, bool] | None = None,
    links: Collection[str] = (),
    unsaved: Mapping[str, StoredFile] = MappingProxyType({}),
) -> LandingPlan:
    """Plan to write these contents (None: remove the file) under the snapshot's root; change nothing yet.

    Args:
        executable: whether a file becomes executable; other new files do if they begin with `#!`.
        links: new symbolic links, whose contents are their targets.
        unsaved: files that an editor is to save before the plan is carried out.

    Raises:
        ForbiddenPath: a path is absolute, outside of the root, in .git, behind a link, or a folder; or a path
            or the root belongs to git or coder.
        FileChanged: a file that the run hasn't read exists, or a file has changed since it was read.
    """
    root, read = snapshot.root, snapshot.files
    assert root is not None
    check_root(root)
    check_places(root, [path for path, content in files.items() if content is not None])
    removed = {path for path, content in files.items() if content is None}
    for path in sorted(files):
        parts = parts_of(path)
        check_same_repository(root, parts)
        parents = map(str, PurePosixPath(path).parents)
        if files[path] is not None and (above := [one for one in parents if files.get(one) is not None]):
            raise ForbiddenPath(
                f"{path} and {above[0]} can't both be written: one is the folder of the other."
            )
        if files[path] is not None and takes_place(path, removed):
            check_folder(root, path, removed)
            digest = state_beside(root, parts)
        else:
            digest = state_of(root, parts)
        if path in unsaved:
            digest = unsaved[path].digest
        if digest is not None and path not in read:
            raise FileChanged(f"{path} is there already, and this run has not read it. It was left as it is.")
        if digest != (read[path].digest if path in read else None):
            raise FileChanged(f"{path} has changed since this run read it. It was left as it is.")
    changes = [
        change.model_copy(update={"link": True}) if change.path in links else change
        for change in changes_of(read, files, executable=executable)
    ]
    folders = {
        str(parent)
        for change in changes
        if change.after is not None
        for parent in PurePosixPath(change.path).parents
    }
    new_folders = tuple(sorted(folder for folder in folders if not (root / folder).is_dir()))
    late = late_paths(changes)
    ordered = sorted(changes, key=lambda change: change.path in late)
    return LandingPlan(root=str(root), changes=tuple(ordered), made=new_folders)


def changes_of(
    read: Mapping[str, StoredFile],
    files: Mapping[str, bytes | None],
    *,
    executable: Mapping[str, bool] | None = None,
) -> list[FileChange]:
    """Return the changes from the files that were read to these contents."""
    changes = []
    for path, content in sorted(files.items()):
        old = read.get(path)
        before = old.digest if old is not None else None
        after = None if content is None else sha256_of(content)
        is_executable = (executable or {}).get(path)
        chmod = _switched(old.mode, is_executable) if old and after else None
        if after != before or chmod is not None:
            mode = old.mode if old else _mode_of_moved(read, files, path)
            is_program = is_executable or (content or b"").startswith(b"#!")
            bits = mode if chmod is None else chmod
            is_executable = old is None and is_program if bits is None else bits & 0o100 != 0
            changes.append(
                FileChange(
                    path=path, before=before, after=after, mode=mode, executable=is_executable, chmod=chmod
                )
            )
    return changes


def _switched(mode: int, executable: bool | None) -> int | None:
    """Return a file's mode with the executable bits switched on or off; None if they are unchanged."""
    bits = mode & 0o777
    if executable is None or executable == bool(bits & 0o100):
        return None
    return bits | (bits & 0o444) >> 2 if executable else bits & ~0o111


def _mode_of_moved(
    read: Mapping[str, StoredFile], files: Mapping[str, bytes | None], path: str
) -> int | None:
    """Return the mode of the removed file that reappears at this path, matched by content or name."""
    removed = [old for old, content in files.items() if content is None and old in read]
    matches = [old for old in removed if read[old].content == files[path]]
    matches = matches or [old for old in removed if PurePosixPath(old).name == PurePosixPath(path).name]
    return read[matches[0]].mode & 0o777 if matches else None


async def apply(
    plan: LandingPlan, contents: Mapping[str, bytes | None], record: Callable[[str], Awaitable[None]]
) -> None:
    """Make the changes of a plan that aren't made yet; `record` gets each finished path.

    All contents are on the disk before the first file is replaced, so that a full disk changes nothing.

    Args:
        contents: contents to write, by path; their hashes must be those of the plan.

    Raises:
        FileChanged: a file has neither the old nor the new content. Nothing was changed, unless the file
            changed between our steps: then earlier files of the plan remain changed.
        MachineError: the disk is full or a folder can't be written; nothing was changed.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    check_root(root)
    late = late_paths(plan.changes)
    try:
        for change in plan.changes:
            if change.path not in late:
                stage(root, change, contents.get(change.path) if change.after else None)
    except (ForbiddenPath, MachineError, ValueError):
        clear(root, plan)
        raise
    for change in plan.changes:
        if change.path in late:
            clear_folder(root, change.path)
            stage(root, change, contents[change.path])
        place(root, change)
        await record(change.path)


async def undo(
    plan: LandingPlan, contents: Mapping[str, bytes], record: Callable[[str, str | None], Awaitable[None]]
) -> None:
    """Restore the previous contents, file by file; `record` gets each path, and the reason for a failure.

    Args:
        contents: previous contents, by path; their hashes must be those of the plan.

    Raises:
        MachineError: the disk is full or a folder can't be written; the file named is unchanged.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    for change in reversed(plan.changes):
        reverse = change.model_copy(update={"before": change.after, "after": change.before})
        if change.chmod is not None:
            reverse = reverse.model_copy(update={"mode": change.chmod, "chmod": change.mode})
        try:
            check_own_mode(root, reverse)
            if reverse.after is not None:
                clear_folder(root, change.path)
            stage(root, reverse, contents.get(change.path) if reverse.after else None)
            place(root, reverse)
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
        has_content = state_of_change(root, change) == change.after
        return has_content and (change.chmod is None or has_mode(root, change, change.chmod))
    except ForbiddenPath:
        return False
