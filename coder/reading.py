"""Reading: the user's files as the log keeps them, and back as the snapshot that landing compares with."""

import base64
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coder.bodies import StoredFile
from coder.errors import MachineError
from coder.snapshot import Snapshot, SnapshotFile
from coder.task import Task
from coder.workspace import take_snapshot


@dataclass(frozen=True, slots=True)
class Read:
    """What a run read of the user's folder, in the form that the log keeps."""

    files: dict[str, StoredFile] = field(default_factory=dict)
    root: str | None = None
    notes: tuple[str, ...] = ()


def read_workspace(task: Task) -> Read:
    """Read the task's workspace, if it has one.

    Raises:
        UsageError: it can't be read, or holds more than a run reads.
        MachineError: it can't be written to: said now, before a model is paid for code that can't land.
    """
    if task.workspace is None:
        return Read()
    snapshot = take_snapshot(task.workspace)
    _see_writable(snapshot.root)
    if snapshot.only is not None and snapshot.only in snapshot.files:
        see_replaceable(snapshot.root / snapshot.only)
    files = {path: _store(file) for path, file in snapshot.files.items()}
    return Read(files, str(snapshot.root), snapshot.notes)


def snapshot_of(root: str, files: Mapping[str, StoredFile]) -> Snapshot:
    """The snapshot that these files were taken from."""
    kept = {path: SnapshotFile.of(content(stored), mode=stored.mode) for path, stored in files.items()}
    return Snapshot(Path(root), kept)


def see_replaceable(path: Path) -> None:
    """See that a file may be replaced: a rename would not ask, not even where nobody may write it.

    Raises:
        MachineError: it is read-only; the run can be resumed.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return  # the landing says so itself
    # Root may write anything: for it the bits say what is wanted.
    if not mode & 0o222 or not os.access(path, os.W_OK):
        raise MachineError(
            f"{path} is read-only, and was left as it is. Make it writable, or name another PATH: "
            f"chmod u+w {shlex.quote(str(path))}"
        )


def content(stored: StoredFile) -> bytes:
    """The bytes of a stored file."""
    if stored.base64 is not None:
        return base64.b64decode(stored.base64)
    return (stored.text or "").encode("utf-8")


def _store(file: SnapshotFile) -> StoredFile:
    try:
        return StoredFile(text=file.content.decode("utf-8"), mode=file.mode)
    except UnicodeDecodeError:
        return StoredFile(base64=base64.b64encode(file.content).decode("ascii"), mode=file.mode)


def _see_writable(root: Path) -> None:
    place = root if root.exists() else root.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise MachineError(
            f"Can't write into {place}: it is read-only for you. Name another PATH, or leave it out: "
            "the code then goes to stdout."
        )
