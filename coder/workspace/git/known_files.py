"""List the files of a work tree that git knows, and read HEAD's version of files."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coder.workspace.git.found import Repository, find_repository
from coder.workspace.git.isolated import isolated
from coder.workspace.git.run_git import GitFailed

_MAX_DEPTH = 8
"""Maximum levels of nested submodules."""
_SUBMODULE_MODE = "160000 "
"""Mode of a submodule's entry in the index."""


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """Files known to git under a folder, relative to it, with `/`; invalid UTF-8 becomes surrogates."""

    tracked: tuple[str, ...]
    untracked: tuple[str, ...]
    """Untracked files that aren't ignored."""
    foreign: tuple[str, ...] = ()
    """Folders that are separate repositories, but not submodules."""


def list_files(repository: Repository, folder: Path, *, depth: int = 0) -> KnownFiles:
    """Return the files under a folder of the work tree and its submodules; some may be missing or links."""
    with isolated(repository) as git:
        printed = git.run("ls-files", "-z", "-t", "-s", "-c", "-o", "--exclude-standard", cwd=folder)
    rows = [os.fsdecode(row) for row in printed.split(b"\0") if row]
    untracked = [row[2:] for row in rows if row.startswith("? ")]
    foreign = [path.rstrip("/") for path in untracked if path.endswith("/")]
    tracked: list[str] = []
    untracked_files = [path for path in untracked if not path.endswith("/")]
    for row in (row[2:] for row in rows if not row.startswith("? ")):
        entry, _, path = row.partition("\t")
        if not entry.startswith(_SUBMODULE_MODE):
            tracked.append(path)
        elif depth < _MAX_DEPTH and (submodule := _of_submodule(folder / path, depth)) is not None:
            tracked += [f"{path}/{name}" for name in submodule.tracked]
            untracked_files += [f"{path}/{name}" for name in submodule.untracked]
            foreign += [f"{path}/{name}" for name in submodule.foreign]
    return KnownFiles(tuple(dict.fromkeys(tracked)), tuple(untracked_files), tuple(foreign))


def _of_submodule(place: Path, depth: int) -> KnownFiles | None:
    if place.is_symlink() or not (place / ".git").exists():
        return None
    module = find_repository(place)
    return list_files(module, place, depth=depth + 1) if module is not None and module.top == place else None


def contents_at_head(folder: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Return the contents in HEAD of files under a folder, by path, except files that HEAD lacks."""
    contents: dict[str, bytes] = {}
    repository = find_repository(folder)
    if repository is None:
        return contents
    with suppress(GitFailed):
        head = repository.head()
        with isolated(repository) as git:
            for path in paths if head is not None else ():
                path_in_repository = (folder / path).relative_to(repository.top).as_posix()
                with suppress(GitFailed):  # the file isn't in that commit
                    contents[path] = git.run("cat-file", "blob", f"{head}:{path_in_repository}")
    return contents
