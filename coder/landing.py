"""Put a run's files into the user's folder, whole or not at all, each only over what the run has read.

A plan says for each file what was there before and what will be there after. Applying it is safe to repeat:
a file that is as before is replaced, one that is as after is done, anything else stops it. So is undoing.
Killed at any moment, either can be run again. The check and the rename are two steps: an editor that saves in
the microseconds between them loses; nothing on the system can join them for a file that exists.
"""

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from coder.beneath import NotRegular, open_folder, read_regular
from coder.durable import sync_folder
from coder.errors import MachineError, UsageError
from coder.replace import clean_up, put_in_place, remove, write_beside
from coder.snapshot import Snapshot

_MOST_BYTES = 1 << 28
"""More than the disk of a sandbox holds: a larger file is never one of ours."""


class LandingRefused(UsageError):
    """A path that a run may not write; nothing was changed."""


class FileChanged(LandingRefused):
    """A file isn't what the run has read, or what it wrote."""


class Change(BaseModel):
    """One file of a plan: SHA-256 before and after, None where there is no file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    before: str | None
    after: str | None
    mode: int | None = None
    """Permission bits of the file that was read or moved; a new one gets what the user's umask leaves."""
    executable: bool = False
    """It can be run by its name; a new file that begins with `#!` could be so where it was tried."""


class Plan(BaseModel):
    """What will change beneath one folder; it goes into the log before anything is changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    changes: tuple[Change, ...]
    made: tuple[str, ...] = ()
    """Folders that aren't there yet, outermost first; "." is the root."""


def plan(snapshot: Snapshot, files: Mapping[str, bytes | None]) -> Plan:
    """Plan to write these contents (None: remove the file) beneath the snapshot's root; changes nothing.

    Raises:
        LandingRefused: a path is absolute, leaves the root, is in .git, goes over a link, or is a folder.
        FileChanged: a file is there that the run hasn't read, or isn't as the run has read it.
    """
    changes = []
    for path, content in sorted(files.items()):
        parts = _parts(path)
        _see_same_repository(snapshot.root, parts)
        if any(str(parent) in files for parent in PurePosixPath(path).parents):
            raise LandingRefused(f"{path} can't be written: the run made a file of a folder above it.")
        read = snapshot.files.get(path)
        now = _state(snapshot.root, parts)
        if now is not None and read is None:
            raise FileChanged(f"{path} is there already, and this run has not read it. It was left as it is.")
        if now != (read.sha256 if read else None):
            raise FileChanged(f"{path} has changed since this run read it. It was left as it is.")
        after = None if content is None else _sha256(content)
        if after != now:
            mode = read.mode if read else _mode_of_moved(snapshot, files, path)
            runs = read is None and (content or b"").startswith(b"#!") if mode is None else mode & 0o100 != 0
            changes.append(Change(path=path, before=now, after=after, mode=mode, executable=runs))
    return Plan(root=str(snapshot.root), changes=tuple(changes), made=_missing(snapshot.root, changes))


async def apply(
    plan: Plan, contents: Mapping[str, bytes | None], record: Callable[[str], Awaitable[None]]
) -> None:
    """Make every change of a plan that isn't made yet; `record` is told each path that is as it should be.

    All contents are on the disk before the first file is replaced: a full disk changes nothing.

    Args:
        contents: what to write, by path; its hashes are those of the plan.

    Raises:
        FileChanged: a file is neither as before nor as after. Nothing was changed; but where that happened
            between our own steps, the files before it in the plan stay changed.
        MachineError: the disk is full or a folder can't be written; nothing was changed.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    try:
        for change in plan.changes:
            _stage(root, change, contents.get(change.path) if change.after else None)
    except (LandingRefused, MachineError, ValueError):
        _clear(root, plan)
        raise
    for change in plan.changes:
        _place(root, change)
        await record(change.path)


async def undo(
    plan: Plan, contents: Mapping[str, bytes], record: Callable[[str, str | None], Awaitable[None]]
) -> None:
    """Put back what was there before, file by file; `record` is told each path, and why it was left if so.

    Args:
        contents: what was there before, by path; its hashes are those of the plan.

    Raises:
        MachineError: the disk is full or a folder can't be written; the file named is as it was.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    for change in reversed(plan.changes):
        back = change.model_copy(update={"before": change.after, "after": change.before})
        try:
            _apply_one(root, back, contents.get(change.path) if back.after else None)
        except LandingRefused as error:
            await record(change.path, str(error))
        else:
            await record(change.path, None)
    for folder in reversed(plan.made):
        _remove_empty(root, folder)


def _apply_one(root: Path, change: Change, content: bytes | None) -> None:
    _stage(root, change, content)
    _place(root, change)


def _stage(root: Path, change: Change, content: bytes | None) -> None:
    """Write what will be put in place beside it, unless it is there already."""
    if change.after != (None if content is None else _sha256(content)):
        raise ValueError(f"the content of {change.path} is not the planned one")
    parts = _parts(change.path)
    now = _state(root, parts)
    if now not in (change.before, change.after):
        raise FileChanged(f"{root / change.path} has changed since. It was left as it is.")
    with _told(root, change, now):
        if content is not None:
            root.mkdir(exist_ok=True)
        with open_folder(root, parts[:-1], make=content is not None) as folder:
            temporary = _temporaries(change)
            clean_up(folder, temporary)
            if content is not None and now != change.after:
                mode = 0o777 if change.executable else 0o666
                write_beside(
                    folder, parts[-1], content, mode=change.mode, temporary=temporary[1], new_mode=mode
                )


def _place(root: Path, change: Change) -> None:
    """Make a staged change, unless it is made already."""
    parts = _parts(change.path)
    now = _state(root, parts)
    with _told(root, change, now), open_folder(root, parts[:-1]) as folder:
        temporary = _temporaries(change)
        if now == change.after:
            clean_up(folder, temporary)
            sync_folder(folder)  # whoever made the change may have been killed before it was on the disk
        elif now != change.before:
            clean_up(folder, temporary)
            raise FileChanged(f"{root / change.path} has changed just now. It was left as it is.")
        elif change.after is None:
            remove(folder, parts[-1])
        else:
            put_in_place(folder, temporary[1], parts[-1])


def _clear(root: Path, plan: Plan) -> None:
    """Remove what was staged, and the folders that were made for it."""
    for change in plan.changes:
        with suppress(OSError), open_folder(root, _parts(change.path)[:-1]) as folder:
            clean_up(folder, _temporaries(change))
    for folder_made in reversed(plan.made):
        _remove_empty(root, folder_made)


@contextmanager
def _told(root: Path, change: Change, now: str | None) -> Iterator[None]:
    """Say of a failed step which file it was about."""
    try:
        yield
    except FileNotFoundError as error:
        if now == change.after:
            return  # nothing is to be there, not even its folder is
        raise FileChanged(f"{root / change.path} went away meanwhile.") from error
    except OSError as error:
        raise MachineError(
            f"Can't write {root / change.path}: {error.strerror}. The file is as it was. "
            f"Make room, or give yourself the right to write there, and try again."
        ) from error


def _remove_empty(root: Path, folder: str) -> None:
    path = PurePosixPath(folder)
    try:
        if folder == ".":
            root.rmdir()
            return
        with open_folder(root, path.parts[:-1]) as above:
            os.rmdir(path.name, dir_fd=above)
    except OSError:
        return  # the user has put something there, or has removed it already


def _parts(path: str) -> tuple[str, ...]:
    """The steps of a path that stays beneath its root.

    Raises:
        LandingRefused: it doesn't, or it is no plain path.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "/".join(parts) != path:
        raise LandingRefused(f"{path!r} is not a path inside of the folder.")
    if not path.isprintable() or "\\" in path:
        raise LandingRefused(f"{path!r} has characters that file names should not have.")
    if any(part.lower() in (".git", "git~1") for part in parts):
        raise LandingRefused(f"{path} belongs to git: a run never writes there.")
    return parts


def _see_same_repository(root: Path, parts: tuple[str, ...]) -> None:
    """See that no folder on the way is a repository of its own.

    Raises:
        LandingRefused: one is.
    """
    for count in range(1, len(parts)):
        folder = root.joinpath(*parts[:count])
        if os.path.lexists(folder / ".git"):
            raise LandingRefused(
                f"{'/'.join(parts)} belongs to another repository, the submodule {'/'.join(parts[:count])}. "
                "Work on it by itself: name that folder as PATH."
            )


def _state(root: Path, parts: tuple[str, ...]) -> str | None:
    """SHA-256 of the file that is there, None where nothing is.

    Raises:
        LandingRefused: a link, a folder or a device is there, or a link or a file is on the way.
    """
    path = "/".join(parts)
    try:
        with open_folder(root, parts[:-1]) as folder:
            content, _ = read_regular(folder, parts[-1], limit=_MOST_BYTES)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise LandingRefused(f"{path} leads over a link or a file: a run writes in folders only.") from error
    except NotRegular as error:
        raise LandingRefused(f"{path} is a link, a folder or a device: a run replaces files only.") from error
    except OSError as error:
        raise MachineError(f"Can't read {root / path}: {error.strerror}.") from error
    return _sha256(content)


def _mode_of_moved(snapshot: Snapshot, files: Mapping[str, bytes | None], path: str) -> int | None:
    """Mode of the file that is removed and comes back at this path: by its content, or else by its name."""
    gone = [old for old, content in files.items() if content is None and old in snapshot.files]
    same = [old for old in gone if snapshot.files[old].content == files[path]]
    same = same or [old for old in gone if PurePosixPath(old).name == PurePosixPath(path).name]
    return snapshot.files[same[0]].mode & 0o777 if same else None


def _missing(root: Path, changes: list[Change]) -> tuple[str, ...]:
    folders = {str(parent) for change in changes for parent in PurePosixPath(change.path).parents}
    return tuple(sorted(folder for folder in folders if not (root / folder).exists()))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _temporaries(change: Change) -> tuple[str, str]:
    """Names for the content before, when it is put back, and for the one after.

    Always the same for one change, so that the next try removes what a killed one left.
    """
    names = [f"{change.path} {digest}".encode() for digest in (change.before, change.after)]
    before, after = (f".{_sha256(name)[:16]}.coder-tmp" for name in names)
    return before, after
