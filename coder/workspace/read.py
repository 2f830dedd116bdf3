"""Read the user's files for a run, store them in the log, and find later changes.

For a large folder the log keeps only a listing: a resumed run reads the contents again (`restore`).
"""

import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from coder.base.errors import FolderError, UsageError
from coder.base.fs.private_folder import own_folders
from coder.base.text.sanitize import one_line
from coder.config.unread import Unread, unread_globs
from coder.config.unusable import unusable_in
from coder.run.attempts import best_code
from coder.run.event_types import Body, FilesChanged, RunStarted, Spoken
from coder.run.extensions import AGENT_FOLDERS
from coder.run.find_target import find_target
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile, listing
from coder.run.target import Target
from coder.run.task import Task
from coder.workspace.folder import Snapshot, take_snapshot
from coder.workspace.landing import check_root
from coder.workspace.notes_above import read_notes_above

_AGENT_FOLDERS = tuple(f"{folder}/" for folder in AGENT_FOLDERS)
MAX_STORED_FILES = 200
MAX_STORED_BYTES = 256 << 10
"""Limits up to which the log stores a folder's files; of a larger folder it stores a listing."""


def with_unread(task: Task, settings: Settings) -> Task:
    """Return the task with the globs of files that the user's rules deny to read.

    Raises:
        UsageError: `--show` or `--add-dir` gives programs files that the rules deny to read.
    """
    if settings.rules is None:
        return task if not task.unread else task.model_copy(update={"unread": ()})

    task = task.model_copy(update={"unread": unread_globs(settings.rules)})
    for folder in settings.add_dir:
        denied = Unread(task.unread, task.workspace or Path(), [folder.parent])
        glob = denied.named_in(folder) or next((glob for _, glob in denied.below(folder)), None)
        if glob is not None:
            raise UsageError(f"--add-dir {folder}: your rules deny reading files of it: deny Read({glob}).")
    if settings.show and task.workspace is not None:
        from coder.workspace.overlay import require_readable

        require_readable(task.workspace, settings.show, task.unread)
    return task


def read_workspace(task: Task, *, lands: bool = True) -> Snapshot:
    """Read the task's workspace, if any; with `lands`, check that files can be written into it."""
    if task.workspace is None:
        return Snapshot(None, {})
    snapshot = take_snapshot(task.workspace, read=task.read, unread=task.unread)
    root = snapshot.root
    assert root is not None
    if lands:
        check_root(root)
        _require_writable(root)
    if lands and snapshot.only is not None and snapshot.only in snapshot.files:
        require_replaceable(root / snapshot.only)
    return snapshot


def started(
    read: Snapshot,
    task: Task,
    settings: Settings,
    *,
    model: str,
    target: Target,
    sandbox: str = "",
    context: str = "",
) -> RunStarted:
    """Return the first event of a run on these files, with the task and its target.

    `context` is what the user's hooks add to the task.
    """
    is_stored = is_small(read.files)
    return RunStarted(
        task=task,
        settings=settings,
        model=model,
        files=dict(read.files) if is_stored else {},
        root=str(read.root) if read.root is not None else None,
        target=target,
        listing="" if is_stored else listing(read.files),
        notes=(*read.notes, *_unusable_plugs(read.files)),
        notes_above=read_notes_above(read.root, prompt=task.prompt, read=task.read, unread=task.unread)
        if read.root is not None
        else {},
        sandbox=sandbox,
        context=context,
    )


def _unusable_plugs(files: Mapping[str, StoredFile]) -> tuple[str, ...]:
    """Return a note for each of the repository's files for agents that can't be used, or only in part."""
    texts = {path: file.text for path, file in files.items() if path.startswith(_AGENT_FOLDERS)}
    if not texts:
        return ()

    return tuple(f"{one_line(file.path)}: {file.reason}" for file in unusable_in(texts))


def changed_since(
    before: Mapping[str, StoredFile], now: Mapping[str, StoredFile], target: Callable[[], Target]
) -> FilesChanged | None:
    """Return the differences between the files that a run read and the current files, or None.

    Args:
        target: returns the task's target in the current files.
    """
    changed = {
        path: file
        for path, file in now.items()
        if path not in before or (before[path].digest, before[path].mode) != (file.digest, file.mode)
    }
    removed = tuple(path for path in before if path not in now)
    if not changed and not removed:
        return None
    if is_small(changed):
        return FilesChanged(files=changed, gone=removed, target=target())
    return FilesChanged(listing=listing(changed), gone=removed, target=target())


def read_again(state: State) -> Mapping[str, StoredFile]:
    """Return the current files of a run's folder. Raises UsageError as `take_snapshot` does."""
    root, task = Path(state.root or os.curdir), state.task
    place = task.workspace.resolve() if task.workspace is not None else root
    is_one_file = place.parent == root
    return take_snapshot(place if is_one_file else root, read=task.read, unread=task.unread).files


def changed_meanwhile(state: State, present: Mapping[str, StoredFile]) -> dict[str, StoredFile | None]:
    """Return the files that have changed since the run read them, as they are now; None: removed.

    Args:
        present: current files of the folder.
    """
    root, before = Path(state.root or os.curdir), state.files
    changes = {
        path: present.get(path)
        for path in sorted({**before, **present})
        if _identity(before.get(path)) != _identity(present.get(path))
    }
    return {path: file for path, file in changes.items() if not _is_own(root / path)}


def _identity(file: StoredFile | None) -> tuple[str, int] | None:
    return (file.digest, file.mode) if file is not None else None


def _is_own(path: Path) -> bool:
    """Whether this process has a file open, as its output or log, or the file lies in a folder of coder."""
    if any(path.is_relative_to(folder.expanduser().resolve()) for folder in own_folders()):
        return True
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # not Linux
        descriptors = [1, 2]
    for descriptor in descriptors:
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return True
    return False


@dataclass(frozen=True, slots=True)
class Restored:
    """The files with which a run continues."""

    files: Mapping[str, StoredFile]
    target: Target
    """The task's target in these files."""
    happened: tuple[Body, ...] = ()
    """New events for the log, if files have changed since the run stopped."""


def restore(state: State, unsaved: Mapping[str, StoredFile] = MappingProxyType({})) -> Restored:
    """Return the files of a stopped run, with contents read from the user's folder.

    They are read again if the log holds no contents, or if a change of the folder broke the run's change.
    `unsaved` are files whose text in the user's editor differs from the disk.

    A changed file's current content is used, and the best answer is tried again. The old content of a
    file that an answer has changed, too, must be available in HEAD, because both edits are merged later.
    """
    listed = {path: file for path, file in state.files.items() if file.is_listed}
    if state.root is None or not (listed or state.landing.broken_by):
        return Restored(state.files, state.target)
    present = {**read_again(state), **unsaved}
    unchanged = {
        p: present[p] for p, file in listed.items() if p in present and file.digest == present[p].digest
    }
    if state.settings.in_place:  # every difference is the run's own
        changed_paths = [path for path in listed if path not in unchanged]
        return Restored({**state.files, **unchanged, **_as_committed(state, changed_paths)}, state.target)
    if state.landing.planned is not None:  # the written result was tried on the earlier files and stays valid
        return Restored({**state.files, **state.landing.planned.before, **unchanged}, state.target)
    answered_paths = {
        path for code in state.codes for path in code.changes.texts
    } | state.dialogue.session.tree.keys()
    old_files = {path: state.files[path] for path in answered_paths - listed.keys() if path in state.files}
    old_files |= _as_committed(
        state, [path for path in listed if path in answered_paths and path not in unchanged]
    )
    present |= old_files
    changed = changed_since(state.files, present, lambda: find_target(state.task, present))
    if changed is None:
        return Restored(present, state.target)
    best = best_code(state)
    events = (changed, Spoken(message=best)) if best is not None else (changed,)  # tried again
    return Restored(present, changed.target or state.target, events)


def _as_committed(state: State, paths: list[str]) -> dict[str, StoredFile]:
    """Return the old contents of changed files from HEAD. Raises UsageError if HEAD lacks one of them."""
    from coder.workspace.git.known_files import contents_at_head

    committed = contents_at_head(Path(state.root or ""), paths) if paths else {}
    files = {}
    for path in paths:
        file = StoredFile.of(committed.get(path, b""), mode=state.files[path].mode)
        if path not in committed or file.digest != state.files[path].digest:
            raise UsageError(
                f"{path} has changed since {state.run} began, and the run changed it, too; its old content "
                "is not kept. Restore the file, or start a new run."
            )
        files[path] = file
    return files


def is_small(files: Mapping[str, StoredFile]) -> bool:
    """Whether the log stores these files instead of a listing."""
    return (
        len(files) <= MAX_STORED_FILES
        and sum(len(file.content) for file in files.values()) <= MAX_STORED_BYTES
    )


def require_replaceable(path: Path) -> None:
    """Raise FolderError if a file is read-only, because a rename would replace it nevertheless."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return  # the landing reports a missing file
    # Root may write anything, so the permission bits are checked, too.
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
