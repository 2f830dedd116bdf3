"""Find the repository that a folder belongs to, by looking at files; git itself is not asked."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from coder.errors import UsageError

_MOST = 4096
"""Bytes of a `.git` file or a `commondir` file: each holds one path."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a work tree."""

    top: Path
    """Of the work tree, absolute."""
    git_dir: Path
    """HEAD and index of this work tree; of a linked work tree or a submodule it lies elsewhere."""
    common_dir: Path
    """Objects, references and configuration."""


def find_repository(folder: Path) -> Repository | None:
    """The repository of a folder; None where it lies in none. Raises UsageError: one without a work tree.

    One of another owner is taken for none, as git does: anyone may put a `.git` into a shared folder.
    """
    if all((folder / name).is_dir() for name in ("objects", "refs")) and (folder / "HEAD").is_file():
        raise UsageError(
            f"{folder} is a bare repository: it has no files to work on. Clone it, and name the clone: "
            f"git clone {folder}"
        )
    for top in (folder, *folder.parents):
        try:
            found = _opened(top)
            if found is not None:
                owners = (os.geteuid(), folder.stat().st_uid) if hasattr(os, "geteuid") else None
                return found if owners is None or found.git_dir.stat().st_uid in owners else None
        except OSError:
            return None  # it can't be read: the folder is then one of files only
    return None


def _opened(top: Path) -> Repository | None:
    """The repository whose work tree begins here."""
    place = top / ".git"
    try:
        mode = place.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISREG(mode):
        named = _one_line(place)
        if not named.startswith("gitdir: "):
            return None
        place = top / named.removeprefix("gitdir: ")
    common = place / "commondir"
    shared = place / _one_line(common) if common.is_file() else place
    place, shared = place.resolve(), shared.resolve()
    if not (place / "HEAD").exists() or not (shared / "objects").is_dir():
        return None
    config = shared / "config"
    if config.exists() and not config.is_file():  # git would wait for what a pipe has to say
        return None
    return Repository(top, place, shared)


def _one_line(path: Path) -> str:
    with path.open("rb") as file:
        return os.fsdecode(file.read(_MOST).rstrip(b"\r\n"))
