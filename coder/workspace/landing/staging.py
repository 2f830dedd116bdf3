"""Make one change of a plan in two steps: write the content to a temporary file, then rename it."""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from coder.base.errors import FolderError, UsageError
from coder.base.fs.atomic_replace import clean_up, put_in_place, remove, set_mode, sync_folder, write_beside
from coder.base.fs.git_names import is_git_name
from coder.base.fs.safe_open import NotRegular, open_folder, read_regular
from coder.run.event_types.run_events import FileChange, LandingPlan

_MAX_BYTES = 1 << 28
"""Maximum bytes of a file to read; a sandbox's disk is smaller, so no run wrote a larger file."""


class ForbiddenPath(UsageError):
    """A path that a run must not write; nothing was changed."""


class FileChanged(ForbiddenPath):
    """A file has neither the content that the run read nor the content that it wrote."""


def parts_of(path: str) -> tuple[str, ...]:
    """Return the parts of a path. Raises ForbiddenPath unless a run may write the path below its root."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "/".join(parts) != path:
        raise ForbiddenPath(f"{path!r} is not a path inside of the folder.")
    if not path.isprintable() or "\\" in path:
        raise ForbiddenPath(f"{path!r} has characters that file names should not have.")
    if any(map(is_git_name, parts)):
        raise ForbiddenPath(f"{path} belongs to git: a run never writes there.")
    return parts


def check_same_repository(root: Path, parts: tuple[str, ...]) -> None:
    """Raise ForbiddenPath if a folder on the path is a separate repository."""
    for count in range(1, len(parts)):
        folder = root.joinpath(*parts[:count])
        if os.path.lexists(folder / ".git"):
            raise ForbiddenPath(
                f"{'/'.join(parts)} belongs to another repository, the submodule {'/'.join(parts[:count])}. "
                "Work on it by itself: name that folder as PATH."
            )


def state_of(root: Path, parts: tuple[str, ...]) -> str | None:
    """Return the SHA-256 of a file; None if it is missing.

    Raises:
        ForbiddenPath: it isn't a regular file, or its parent isn't a folder.
        FolderError: the file can't be read.
    """
    return _read(root, parts)[0]


def state_beside(root: Path, parts: tuple[str, ...]) -> str | None:
    """Return the SHA-256 of a file; None if it is missing, also where a folder or a file has its place.

    Raises the errors of `state_of` for a link or a device.
    """
    for count in range(1, len(parts) + 1):
        try:
            mode = root.joinpath(*parts[:count]).lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(mode) and count < len(parts):
            return None
        if not stat.S_ISDIR(mode):
            return state_of(root, parts)
    return None


def takes_place(path: str, removed: Collection[str]) -> bool:
    """Whether a new file is below a removed file, or where a removed file's folder is."""
    parents = map(str, PurePosixPath(path).parents)
    return any(parent in removed for parent in parents) or any(old.startswith(f"{path}/") for old in removed)


def check_folder(root: Path, path: str, removed: Collection[str]) -> None:
    """Raise ForbiddenPath if the folder that a file replaces has other files than those removed."""
    for folder, folders, names in os.walk(root / path):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            file = (Path(folder) / name).relative_to(root).as_posix()
            if file not in removed:
                raise ForbiddenPath(f"{path} can't take the place of its folder, which has {file}.")


def late_paths(changes: Sequence[FileChange]) -> list[str]:
    """Return the files that can be written only once other files of these changes are removed."""
    removed = {change.path for change in changes if change.after is None}
    return [
        change.path for change in changes if change.after is not None and takes_place(change.path, removed)
    ]


def clear_folder(root: Path, path: str) -> None:
    """Remove a folder without files at a file's place. Raises FileChanged if it has files."""
    top = root.joinpath(*parts_of(path))
    if top.is_symlink() or not top.is_dir():
        return
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(folder)
        except OSError as error:
            raise FileChanged(
                f"{path} can't take the place of its folder, which has other files. It was left as it is."
            ) from error


def _read(root: Path, parts: tuple[str, ...]) -> tuple[str | None, int | None]:
    """Return SHA-256 and permission bits of a file; None if it is missing."""
    path = "/".join(parts)
    try:
        with open_folder(root, parts[:-1]) as folder:
            content, status = read_regular(folder, parts[-1], limit=_MAX_BYTES)
    except FileNotFoundError:
        return None, None
    except NotADirectoryError as error:
        raise ForbiddenPath(f"{path} leads over a link or a file: a run writes in folders only.") from error
    except NotRegular as error:
        raise ForbiddenPath(f"{path} is a link, a folder or a device: a run replaces files only.") from error
    except OSError as error:
        raise FolderError(f"Can't read {root / path}: {error.strerror}.") from error
    return sha256_of(content), status.st_mode & 0o777


def has_mode(root: Path, change: FileChange, *modes: int | None) -> bool:
    """Whether the change's file has one of these modes. Raises the errors of `state_of`."""
    mode_now = _read(root, parts_of(change.path))[1]
    return mode_now in [mode & 0o777 for mode in modes if mode is not None]


def check_own_mode(root: Path, change: FileChange) -> None:
    """Raise FileChanged if the permission bits to change are neither the old nor the new bits."""
    if change.chmod is not None and not has_mode(root, change, change.mode, change.chmod):
        raise FileChanged(
            f"The permissions of {root / change.path} have changed since. It was left as it is."
        )


def sha256_of(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of a content."""
    return hashlib.sha256(content).hexdigest()


def state_of_change(root: Path, change: FileChange) -> str | None:
    """Return the state of a change's file; one that is removed may have made room for others.

    Raises the errors of `state_of`.
    """
    if change.link and (target := _target_of(root, parts_of(change.path))) is not None:
        return sha256_of(target)
    find = state_beside if change.after is None else state_of
    return find(root, parts_of(change.path))


def _target_of(root: Path, parts: tuple[str, ...]) -> bytes | None:
    """Return the target of a symbolic link; None if there is none."""
    try:
        with open_folder(root, parts[:-1]) as folder:
            return os.fsencode(os.readlink(parts[-1], dir_fd=folder))
    except OSError:
        return None


def stage(root: Path, change: FileChange, content: bytes | None) -> None:
    """Write the new content to a temporary file next to the file, unless the file has it already.

    Raises:
        ForbiddenPath: the path leads through a link.
        FileChanged: the file is neither as before nor as after.
        FolderError: the disk is full or the folder can't be written.
        ValueError: the content isn't the planned one.
    """
    if change.after != (None if content is None else sha256_of(content)):
        raise ValueError(f"the content of {change.path} is not the planned one")
    parts = parts_of(change.path)
    digest = state_of_change(root, change)
    if digest not in (change.before, change.after):
        raise FileChanged(f"{root / change.path} has changed since. It was left as it is.")
    with _name_file_in_errors(root, change, digest):
        if content is not None:
            root.mkdir(exist_ok=True)
        with open_folder(root, parts[:-1], make=content is not None) as folder:
            temporary = _temporaries(change)
            clean_up(folder, temporary)
            if content is not None and digest != change.after and change.link:
                os.symlink(content, temporary[1].encode(), dir_fd=folder)
            elif content is not None and digest != change.after:
                mode = 0o777 if change.executable else 0o666
                write_beside(
                    folder, parts[-1], content, mode=change.mode, temporary=temporary[1], new_mode=mode
                )


def place(root: Path, change: FileChange) -> None:
    """Rename a staged file into place, unless the change is made already.

    Raises:
        ForbiddenPath: the path leads through a link.
        FileChanged: the file is neither as before nor as after.
        FolderError: the folder can't be written.
    """
    parts = parts_of(change.path)
    digest = state_of_change(root, change)
    with _name_file_in_errors(root, change, digest), open_folder(root, parts[:-1]) as folder:
        temporary = _temporaries(change)
        if digest == change.after:
            clean_up(folder, temporary)
            sync_folder(folder)  # a killed process may have renamed the file without syncing
        elif digest != change.before:
            clean_up(folder, temporary)
            raise FileChanged(f"{root / change.path} has changed just now. It was left as it is.")
        elif change.after is None:
            remove(folder, parts[-1])
        else:
            put_in_place(folder, temporary[1], parts[-1])
        if change.chmod is not None and has_mode(
            root, change, change.mode
        ):  # else the user has set another mode
            set_mode(folder, parts[-1], change.chmod)


def clear(root: Path, plan: LandingPlan) -> None:
    """Remove staged files, and folders that were created for them."""
    for change in plan.changes:
        with suppress(OSError), open_folder(root, parts_of(change.path)[:-1]) as folder:
            clean_up(folder, _temporaries(change))
    for folder_made in reversed(plan.made):
        remove_empty(root, folder_made)


def remove_empty(root: Path, folder: str) -> None:
    """Remove a folder that a landing created, if it is empty."""
    path = PurePosixPath(folder)
    try:
        if folder == ".":
            root.rmdir()
            return
        with open_folder(root, path.parts[:-1]) as parent:
            os.rmdir(path.name, dir_fd=parent)
    except OSError:
        return  # the user has added files, or has removed the folder


@contextmanager
def _name_file_in_errors(root: Path, change: FileChange, digest: str | None) -> Iterator[None]:
    """Name the file in the error of a failed step. Raises FileChanged, FolderError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if digest == change.after:
            return  # the file is meant to be absent, and its folder is, too
        raise FileChanged(f"{root / change.path} went away meanwhile.") from error
    except OSError as error:
        raise FolderError(
            f"Can't write {root / change.path}: {error.strerror}. The file is as it was. "
            f"Make room, or give yourself the right to write there, and try again."
        ) from error


def _temporaries(change: FileChange) -> tuple[str, str]:
    """Return the temporary file names for both contents, which are constant so that a retry removes them."""
    keys = [f"{change.path} {digest}".encode() for digest in (change.before, change.after)]
    old_name, new_name = (f".{sha256_of(key)[:16]}.coder-tmp" for key in keys)
    return old_name, new_name
