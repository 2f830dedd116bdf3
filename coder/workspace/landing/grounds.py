"""Where no run writes: git's own folders, and coder's. Where all is asked about: above the home folder."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from coder.base.fs.git_names import folded_name, is_git_name
from coder.base.fs.private_folder import own_folders
from coder.workspace.git.found import find_repository
from coder.workspace.landing.staging import ForbiddenPath

_OF_REPOSITORY = {"head", "commondir", "objects", "refs", "config", "hooks", "packed-refs"}
"""What makes a folder a repository to git, and what git reads there."""


def check_root(root: Path) -> None:
    """Raise LandingRefused if a folder belongs to git or to coder, by its own path with links followed."""
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
    """Raise LandingRefused if a new or changed file would be coder's own, or part of a bare repository."""
    root, written = root.resolve(), [tuple(path.split("/")) for path in paths]
    for parts in written:
        _check_not_own(root.joinpath(*parts))
    suspects = {
        parts[:depth]
        for parts in written
        for depth, part in enumerate(parts)
        if folded_name(part) in _OF_REPOSITORY
    }
    for above in suspects:
        new = {folded_name(parts[len(above)]) for parts in written if parts[: len(above)] == above}
        if _is_git_folder(_names_in(root.joinpath(*above)) | new):
            raise ForbiddenPath(
                f"{'/'.join(above) or '.'} would be a repository to git, which runs the programs that its "
                "config names: a run never writes one. Make it by: git init"
            )


def holds_home(root: Path) -> bool:
    """Whether a folder is the user's home folder or one above it, by HOME or by the system's accounts."""
    root = root.resolve()
    return any(home.is_relative_to(root) for home in _homes())


def parts_above(root: Path) -> tuple[tuple[str, ...], bool]:
    """Names of the folders between a folder and its repository's top; whether there is a repository.

    Without one they begin at the home folder, or at the root of the file system.
    """
    root = root.resolve()
    repository = find_repository(root)
    if repository is not None:
        return root.relative_to(repository.top).parts, True
    home = next((home for home in _homes() if root.is_relative_to(home)), Path(root.anchor))
    return root.relative_to(home).parts, False


def is_of_settings(root: Path, path: str) -> bool:
    """Whether a file is in a folder in which programs look for the user's settings, wherever XDG_* puts it.

    A repository within such a folder is one of its own, as below a dot folder.
    """
    root = root.resolve()
    repository = find_repository(root)
    top = repository.top.resolve() if repository is not None else None
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        folder = Path(os.environ.get(name, ""))
        if not folder.is_absolute():
            continue  # the standard has it ignored
        folder = folder.resolve()
        is_apart = top is not None and top != folder and top.is_relative_to(folder)
        if (root / path).is_relative_to(folder) and not is_apart:
            return True
    return False


def _homes() -> list[Path]:
    homes = []
    with suppress(RuntimeError):  # neither HOME nor an account
        homes.append(Path.home().resolve())
    with suppress(ImportError, KeyError):
        import pwd  # not on Windows

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
    """The names in a folder that git looks for in a repository; folded."""
    try:
        return {name for entry in os.listdir(folder) if (name := folded_name(entry)) in _OF_REPOSITORY}
    except OSError:
        return set()


def _is_git_folder(names: set[str]) -> bool:
    return "head" in names and not names.isdisjoint({"objects", "refs", "commondir"})
