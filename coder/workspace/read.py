"""The user's files in a run, their form in the log, and their later changes.

For a large folder the log keeps only a listing: a resumed run reads the contents again (`restore`).
"""

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coder.base.errors import FolderError, UsageError
from coder.run.attempts import best_code
from coder.run.event_types import Body, FilesChanged, RunStarted, Spoken
from coder.run.find_target import find_target
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile, listing
from coder.run.target import Target
from coder.run.task import Task
from coder.workspace.folder import Snapshot, take_snapshot
from coder.workspace.landing import check_root

KEPT_FILES = 200
KEPT_BYTES = 256 << 10
"""Most bytes of a folder whose files the log stores; for a larger one it stores a listing."""


def read_workspace(task: Task, *, lands: bool = True) -> Snapshot:
    """Read the task's workspace, if any; `lands`: files will be written into it."""
    if task.workspace is None:
        return Snapshot(None, {})
    snapshot = take_snapshot(task.workspace, read=task.read)
    root = snapshot.root
    assert root is not None
    if lands:
        check_root(root)
        _require_writable(root)
    if lands and snapshot.only is not None and snapshot.only in snapshot.files:
        require_replaceable(root / snapshot.only)
    return snapshot


def started(
    read: Snapshot, task: Task, settings: Settings, *, model: str, target: Target, sandbox: str = ""
) -> RunStarted:
    """The first event of a run on these files, in which the task names this target."""
    is_kept = is_small(read.files)
    return RunStarted(
        task=task,
        settings=settings,
        model=model,
        files=dict(read.files) if is_kept else {},
        root=str(read.root) if read.root is not None else None,
        target=target,
        listing="" if is_kept else listing(read.files),
        notes=read.notes,
        sandbox=sandbox,
    )


def changed_since(
    before: Mapping[str, StoredFile], now: Mapping[str, StoredFile], target: Callable[[], Target]
) -> FilesChanged | None:
    """Differences between the files that a run read and the present ones, if any.

    Args:
        target: finds what the task names in the present ones.
    """
    newer = {
        path: file
        for path, file in now.items()
        if path not in before or (before[path].digest, before[path].mode) != (file.digest, file.mode)
    }
    gone = tuple(path for path in before if path not in now)
    if not newer and not gone:
        return None
    if is_small(newer):
        return FilesChanged(files=newer, gone=gone, target=target())
    return FilesChanged(listing=listing(newer), gone=gone, target=target())


@dataclass(frozen=True, slots=True)
class Restored:
    """Files with which a run continues."""

    files: Mapping[str, StoredFile]
    target: Target
    """What the task names in them."""
    happened: tuple[Body, ...] = ()
    """New events for the log: files have changed since the run stopped."""


def restore(state: State) -> Restored:
    """The files of a stopped run, with contents read from the user's folder.

    A changed file is taken as it is now, and the best answer is tried again on it. One that an answer has
    changed too must be as the run read it, or as in HEAD: both edits are merged when it lands.
    """
    listed = {path: file for path, file in state.files.items() if file.is_listed}
    if not listed or state.root is None:
        return Restored(state.files, state.target)
    now = dict(take_snapshot(Path(state.root), read=state.task.read).files)
    same = {p: now[p] for p, file in listed.items() if p in now and file.digest == now[p].digest}
    if state.landing.planned is not None:  # the landed result was tried on the earlier files and stays valid
        return Restored({**state.files, **state.landing.planned.before, **same}, state.target)
    touched = {
        path for code in state.codes for path in code.changes.texts
    } | state.dialogue.session.tree.keys()
    as_read = {path: state.files[path] for path in touched - listed.keys() if path in state.files}
    as_read |= _as_committed(state, [path for path in listed if path in touched and path not in same])
    now |= as_read
    changed = changed_since(state.files, now, lambda: find_target(state.task, now))
    if changed is None:
        return Restored(now, state.target)
    best = best_code(state)
    happened = (changed, Spoken(message=best)) if best is not None else (changed,)  # tried again
    return Restored(now, changed.target or state.target, happened)


def _as_committed(state: State, paths: list[str]) -> dict[str, StoredFile]:
    """What the run read of files that have changed since, from HEAD. Raises UsageError: HEAD lacks it."""
    from coder.workspace.git.known_files import contents_at_head

    committed = contents_at_head(Path(state.root or ""), paths) if paths else {}
    kept = {}
    for path in paths:
        file = StoredFile.of(committed.get(path, b""), mode=state.files[path].mode)
        if path not in committed or file.digest != state.files[path].digest:
            raise UsageError(
                f"{path} has changed since {state.run} began, and the run changed it, too; its old content "
                "is not kept. Restore the file, or start a new run."
            )
        kept[path] = file
    return kept


def is_small(files: Mapping[str, StoredFile]) -> bool:
    """Whether the log stores these files itself."""
    return len(files) <= KEPT_FILES and sum(len(file.content) for file in files.values()) <= KEPT_BYTES


def require_replaceable(path: Path) -> None:
    """Raise FolderError if a file is read-only: a rename would replace it all the same."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return  # the landing reports it itself
    # Root may write anything: its permission bits tell the intent.
    if not mode & 0o222 or not os.access(path, os.W_OK):
        raise FolderError(
            f"{path} is read-only, and was left as it is. Make it writable, or name another PATH: "
            f"chmod u+w {shlex.quote(str(path))}"
        )


def _require_writable(root: Path) -> None:
    place = root if root.exists() else root.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise FolderError(
            f"Can't write into {place}: it is read-only for you. Name another PATH, or leave it out: "
            "the code then goes to stdout."
        )
