"""Read the user's folder for a run: one snapshot of its regular files.

In a git repository these are tracked and unignored files, elsewhere all files except products of tools. Links
aren't followed, and omissions are noted. A run may only overwrite files of the snapshot.
"""

import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import UsageError
from coder.base.fs.safe_open import NotRegular, open_folder, read_regular
from coder.config.unread import Unread
from coder.run.stored_file import StoredFile, in_charsets
from coder.run.verdict_words import join_names
from coder.workspace.git.found import find_repository
from coder.workspace.walk import FolderReader, generated, select_written

if TYPE_CHECKING:
    from coder.workspace.git.known_files import KnownFiles

MAX_FILES = 5_000
MAX_BYTES = 64 << 20
MAX_LISTED_FILES = 60_000
MAX_LISTED_BYTES = 256 << 20
"""Limits for a repository, which may be large on purpose, as git lists its files."""
MAX_FILE_BYTES = 8 << 20
_LFS_POINTER = "version https://git-lfs.github.com/spec/"
_RECORDING = '"coder_recording":'
_MAX_HEADER = 4096
"""Maximum characters to read of a recording's first line, which names the format."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All files read from a folder."""

    root: Path | None
    """The folder, absolute and without links; it may not exist yet. None: there is no folder."""
    files: Mapping[str, StoredFile]
    """Files by path relative to the root, with `/`, sorted."""
    notes: tuple[str, ...] = ()
    """One line for each omission that a user might notice."""
    only: str | None = None
    """The requested file, if it wasn't a folder."""


def take_snapshot(
    path: Path,
    *,
    read: Sequence[str] = (),
    unread: Sequence[str] = (),
    max_files: int | None = None,
    max_bytes: int | None = None,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> Snapshot:
    """Read a folder or a file. A missing path is an empty folder, or a new file if it has a suffix.

    Args:
        read: globs of files to read even if git ignores them.
        unread: globs of files that the user's rules deny to read, as written in the rules.
        max_files: limit; None: MAX_FILES, or MAX_LISTED_FILES in a repository.
        max_bytes: limit; None: MAX_BYTES, or MAX_LISTED_BYTES in a repository.

    Raises:
        UsageError: the path is neither file nor folder, unreadable, a bare repository or too large, or its
            parent is missing.
    """
    path = path.resolve()
    try:
        if path.is_dir():
            listing, notes = _listing(path)
            max_files = max_files or (MAX_FILES if listing is None else MAX_LISTED_FILES)
            max_bytes = max_bytes or (MAX_BYTES if listing is None else MAX_LISTED_BYTES)
            denied_by = _denier(unread, path)
            reader = FolderReader(path, max_files, max_bytes, max_file_bytes, denied_by, notes=notes)
            _read_folder(reader, listing, read)
            if reader.denied_paths:
                names, globs = join_names([*reader.denied_paths]), dict.fromkeys(reader.denied_paths.values())
                rules = ", ".join(f"deny Read({glob})" for glob in globs)
                reader.notes.append(f"{names}: left out, your rules deny reading: {rules}")
            return Snapshot(path, in_charsets(dict(sorted(reader.files.items()))), tuple(reader.notes))
        if path.exists():
            denied_by = _denier(unread, path.parent)
            if denied_by is not None and (glob := denied_by(path.name)) is not None:
                raise UsageError(f"Your rules deny reading {path}: deny Read({glob}).")
            reader = FolderReader(path, 1, max_bytes or MAX_BYTES, max_file_bytes)
            with open_folder(path.parent) as folder:
                content, status = read_regular(folder, path.name, limit=max_file_bytes)
            reader.take(path.name, content, stat.S_IMODE(status.st_mode), must=True)
            return Snapshot(path.parent, reader.files, (), path.name)
    except NotRegular as error:
        raise UsageError(f"{path} is neither a regular file nor a folder.") from error
    except OSError as error:
        raise UsageError(f"Can't read {path}: {error.strerror}.") from error
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}. Make it with: mkdir -p {path.parent}")
    note = f"{path.name}: doesn't exist yet, so nothing is read"  # the path may have a typing error
    return Snapshot(path.parent, {}, (note,), path.name) if path.suffix else Snapshot(path, {}, (note,))


def _denier(globs: Sequence[str], root: Path) -> Callable[[str], str | None] | None:
    """Return a function that finds the rule that denies reading a path; None without rules."""
    if not globs:
        return None

    return Unread(globs, root).by


def _read_folder(reader: FolderReader, listing: "KnownFiles | None", globs: Sequence[str]) -> None:
    extra = _ignored_but_named(reader.path, globs)
    if listing is None:
        with open_folder(reader.path) as folder:
            reader.walk(folder)
    else:
        project_files = [*listing.tracked, *select_written(listing.untracked)]
        reader.go_through({*project_files, *generated(reader.path, project_files), *extra})
        reader.notes += [f"{path}: left out, a repository of its own" for path in listing.foreign]
    _leave_out_recordings(reader, {*(() if listing is None else listing.tracked), *extra})
    pointers = [path for path, file in reader.files.items() if (file.text or "").startswith(_LFS_POINTER)]
    if pointers:
        count = f"{len(pointers)} files are" if len(pointers) > 1 else f"{pointers[0]} is"
        reader.notes.append(f"{count} here as LFS pointers, without content: git lfs pull")


def _leave_out_recordings(reader: FolderReader, kept_paths: Collection[str]) -> None:
    """Omit recordings of `--record` unless tracked or named, because they grow during the run."""
    texts = {path: file.text or "" for path, file in reader.files.items()}
    first_lines = {path: text[:_MAX_HEADER].partition("\n")[0] for path, text in texts.items()}
    recordings = [path for path, head in first_lines.items() if head.startswith('{"') and _RECORDING in head]
    for path in recordings:
        if path not in kept_paths:
            del reader.files[path]
            reader.notes.append(f"{path}: left out, a recording of model calls")


def _ignored_but_named(folder: Path, globs: Sequence[str]) -> list[str]:
    """Return the named files that git ignores. Raises UsageError if a glob leaves the folder."""
    try:
        places = [place for glob in globs for place in folder.glob(glob) if place.is_file()]
        return [place.relative_to(folder).as_posix() for place in places]
    except (NotImplementedError, ValueError) as error:
        raise UsageError(f"--read {' '.join(globs)}: {error}. Name files below {folder}.") from error


def _listing(folder: Path) -> "tuple[KnownFiles | None, list[str]]":
    """Return git's list of a folder, and notes; without a repository, None, as all files are read."""
    repository = find_repository(folder)
    if repository is None:
        return None, []
    from coder.workspace.git.known_files import list_files
    from coder.workspace.git.run_git import GitFailed

    try:
        listing = list_files(repository, folder)
    except GitFailed as error:
        return None, [f"read as a folder without git: {error}"]
    # If git ignores the whole folder, it is read without git, because the user named it.
    return (listing if listing.tracked or listing.untracked else None), []
