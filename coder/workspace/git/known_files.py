"""List files known to git: those of a work tree, and HEAD's version of some."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coder.workspace.git.found import Repository, find_repository
from coder.workspace.git.isolated import isolated
from coder.workspace.git.run_git import GitFailed

_DEEPEST = 8
"""Most levels of nested submodules."""
_SUBMODULE = "160000 "
"""Mode of a submodule's entry in the index."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Files known to git under a folder, relative to it, with `/`; invalid UTF-8 becomes surrogates."""

    tracked: tuple[str, ...]
    untracked: tuple[str, ...]
    """Not ignored."""
    foreign: tuple[str, ...] = ()
    """Folders that are separate repositories, but not submodules."""


def list_files(repository: Repository, folder: Path, *, depth: int = 0) -> Listing:
    """The files under a folder of the work tree and its submodules; some may be missing, or be links."""
    with isolated(repository) as git:
        printed = git.run("ls-files", "-z", "-t", "-s", "-c", "-o", "--exclude-standard", cwd=folder)
    rows = [os.fsdecode(row) for row in printed.split(b"\0") if row]
    untracked = [row[2:] for row in rows if row.startswith("? ")]
    foreign = [path.rstrip("/") for path in untracked if path.endswith("/")]
    tracked: list[str] = []
    new = [path for path in untracked if not path.endswith("/")]
    for row in (row[2:] for row in rows if not row.startswith("? ")):
        described, _, path = row.partition("\t")
        if not described.startswith(_SUBMODULE):
            tracked.append(path)
        elif depth < _DEEPEST and (inner := _of_submodule(folder / path, depth)) is not None:
            tracked += [f"{path}/{name}" for name in inner.tracked]
            new += [f"{path}/{name}" for name in inner.untracked]
            foreign += [f"{path}/{name}" for name in inner.foreign]
    return Listing(tuple(dict.fromkeys(tracked)), tuple(new), tuple(foreign))


def _of_submodule(place: Path, depth: int) -> Listing | None:
    if place.is_symlink() or not (place / ".git").exists():
        return None
    module = find_repository(place)
    return list_files(module, place, depth=depth + 1) if module is not None and module.top == place else None


def contents_at_head(folder: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Contents in HEAD of files under a folder, by path; without files that HEAD lacks."""
    contents: dict[str, bytes] = {}
    repository = find_repository(folder)
    if repository is None:
        return contents
    with suppress(GitFailed):
        head = repository.head()
        with isolated(repository) as git:
            for path in paths if head is not None else ():
                place = (folder / path).relative_to(repository.top).as_posix()
                with suppress(GitFailed):  # it isn't in that commit
                    contents[path] = git.run("cat-file", "blob", f"{head}:{place}")
    return contents
