"""Restore a run's files: those whose contents stayed in the user's folder are read again, and compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coder.errors import UsageError
from coder.fs.file_hashes import Snapshot, SnapshotFile
from coder.run.attempts import best_code
from coder.run.event_types import Body, FilesChanged, Spoken, StoredFile
from coder.run.event_types.body import listing
from coder.run.state import State
from coder.workspace.folder import take_snapshot
from coder.workspace.read import is_small, store


@dataclass(frozen=True, slots=True)
class Restored:
    """The files that a run goes on with."""

    files: Mapping[str, StoredFile]
    happened: tuple[Body, ...] = ()
    """What the log doesn't know yet: files have changed since the run stopped."""


def restore(state: State) -> Restored:
    """The files of a run that stopped, with their contents.

    A file that has changed since is taken as it is now, and the best answer is tried again on it. One that an
    answer has changed too must be as the run read it, or as HEAD has it: both edits are joined when it lands.

    Raises:
        UsageError: such a file can't be had any more, or the folder can't be read.
    """
    listed = {path: file for path, file in state.files.items() if _is_listed(file)}
    if not listed or state.root is None:
        return Restored(state.files)
    now = take_snapshot(Path(state.root), read=state.task.read)
    files = dict(state.files)
    changed: list[str] = []
    for path, file in listed.items():
        found = now.files.get(path)
        if found is not None and found.sha256 == file.sha256:
            files[path] = store(found)
        elif state.landing is not None and path in state.landing.before:
            files[path] = state.landing.before[path]
        else:
            changed.append(path)
    if state.landing is not None:
        return Restored(files)  # what landed was tried on the files that there were: nothing is tried again
    files |= _as_read(state, listed, changed)
    return _with_newer(state, now, files, [path for path in changed if _is_listed(files[path])])


def _with_newer(state: State, now: Snapshot, files: dict[str, StoredFile], changed: list[str]) -> Restored:
    """Files that no answer has touched are taken as they are now."""
    new = [path for path in now.files if path not in state.files]
    newer = {path: now.files[path] for path in (*changed, *new) if path in now.files}
    gone = tuple(path for path in changed if path not in now.files)
    if not newer and not gone:
        return Restored(files)
    kept = {path: store(file) for path, file in newer.items()}
    left = {path: file for path, file in (files | kept).items() if path not in gone}
    small = is_small(newer)
    happened: list[Body] = [
        FilesChanged(files=kept if small else {}, listing="" if small else listing(newer), gone=gone)
    ]
    if (best := best_code(state)) is not None:
        happened.append(Spoken(message=best))  # it is tried again
    return Restored(left, tuple(happened))


def _as_read(state: State, listed: Mapping[str, StoredFile], changed: list[str]) -> dict[str, StoredFile]:
    """What the run read of the changed files that an answer has touched, as far as HEAD still has it.

    Raises:
        UsageError: HEAD has it not.
    """
    touched = [
        path
        for path in changed
        if path in state.tree
        or any(path in {**message.files, **message.test_edits} for message in state.codes)
    ]
    committed = _committed(Path(state.root or ""), touched) if touched else {}
    found = {}
    for path in touched:
        file = SnapshotFile.of(committed.get(path, b""), mode=listed[path].mode)
        if path not in committed or file.sha256 != listed[path].sha256:
            raise UsageError(
                f"{path} has changed since {state.run} began, which has changed it too, and what it was is "
                "not kept. Put it back as it was, or start again."
            )
        found[path] = store(file)
    return found


def _is_listed(file: StoredFile) -> bool:
    return file.text is None and file.base64 is None


def _committed(root: Path, paths: list[str]) -> dict[str, bytes]:
    from coder.workspace.git.listing import contents_at_head

    return contents_at_head(root, paths)
