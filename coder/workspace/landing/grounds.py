"""Recognize paths that no run may write: git's and coder's folders; find the user's home and settings."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from coder.base.fs.git_names import folded_name, is_git_name
from coder.base.fs.private_folder import own_folders
from coder.workspace.git.found import find_repository
from coder.workspace.landing.staging import ForbiddenPath

_REPOSITORY_NAMES = {"head", "commondir", "objects", "refs", "config", "hooks", "packed-refs"}
"""Names by which git recognizes a repository, or which it reads there."""


def check_root(root: Path) -> None:
    """Raise ForbiddenPath if a folder belongs to git or to coder, after following links."""
    root = root.resolve()
    if any(map(is_git_name, root.parts)):
        raise ForbiddenPath(f"{root} belongs to git: a run never writes there. Name the work tree as PATH.")
    for folder in (root, *root.parents):
        if os.path.lexists(folder / ".git"):
            break  # the top of a work tree
        if _is_git_folder(_names_in(folder)):
            raise ForbiddenPath(
                f"{root} lies in the repository {folder}, which belongs to git: a run never writes there. "
                "Name a work tree as PATH."
            )
    _check_not_own(root)


def check_places(root: Path, paths: Iterable[str]) -> None:
    """Raise ForbiddenPath if a new or changed file would belong to coder or to a bare repository."""
    root, written_parts = root.resolve(), [tuple(path.split("/")) for path in paths]
    for parts in written_parts:
        _check_not_own(root.joinpath(*parts))
    prefixes = {
        parts[:depth]
        for parts in written_parts
        for depth, part in enumerate(parts)
        if folded_name(part) in _REPOSITORY_NAMES
    }
    for prefix in prefixes:
        new_names = {
            folded_name(parts[len(prefix)]) for parts in written_parts if parts[: len(prefix)] == prefix
        }
        if _is_git_folder(_names_in(root.joinpath(*prefix)) | new_names):
            raise ForbiddenPath(
                f"{'/'.join(prefix) or '.'} would be a repository to git, which runs the programs that its "
                "config names: a run never writes one. Make it by: git init"
            )


def holds_home(root: Path) -> bool:
    """Whether a folder is or contains the user's home folder, according to HOME or the system's accounts."""
    root = root.resolve()
    return any(home.is_relative_to(root) for home in _homes())


def parts_above(root: Path) -> tuple[tuple[str, ...], bool]:
    """Return the parts of a folder's path below its repository's top, and whether there is a repository.

    Without a repository, the parts begin below the home folder, or at the root of the file system.
    """
    root = root.resolve()
    repository = find_repository(root)
    if repository is not None:
        return root.relative_to(repository.top).parts, True
    home = next((home for home in _homes() if root.is_relative_to(home)), Path(root.anchor))
    return root.relative_to(home).parts, False


def is_of_settings(root: Path, path: str) -> bool:
    """Whether a file is in a folder where programs look for the user's settings, by XDG_* variables.

    A repository inside such a folder is excluded.
    """
    root = root.resolve()
    repository = find_repository(root)
    top = repository.top.resolve() if repository is not None else None
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        folder = Path(os.environ.get(name, ""))
        if not folder.is_absolute():
            continue  # ignored according to the standard
        folder = folder.resolve()
        is_separate = top is not None and top != folder and top.is_relative_to(folder)
        if (root / path).is_relative_to(folder) and not is_separate:
            return True
    return False


def _homes() -> list[Path]:
    homes = []
    with suppress(RuntimeError):  # there is neither HOME nor an account
        homes.append(Path.home().resolve())
    with suppress(ImportError, KeyError):
        import pwd  # doesn't exist on Windows

        homes.append(Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve())
    return homes


def _check_not_own(place: Path) -> None:
    for folder in own_folders():
        parts = tuple(part.casefold() for part in folder.expanduser().resolve().parts)
        if tuple(part.casefold() for part in place.parts[: len(parts)]) == parts:
            raise ForbiddenPath(
                f"{place} belongs to coder itself, which would run what it names: a run never writes there."
            )


def _names_in(folder: Path) -> set[str]:
    """Return the names in a folder, folded, by which git recognizes a repository."""
    try:
        return {name for entry in os.listdir(folder) if (name := folded_name(entry)) in _REPOSITORY_NAMES}
    except OSError:
        return set()


def _is_git_folder(names: set[str]) -> bool:
    return "head" in names and not names.isdisjoint({"objects", "refs", "commondir"})
