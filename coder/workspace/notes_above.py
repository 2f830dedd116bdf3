"""Read a repository's notes for agents in the folders above the one that a run works on."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from coder.base.fs.safe_open import open_folder, read_regular
from coder.config.unread import Unread
from coder.context.guidance import guidance, imports_of, places_of_notes
from coder.context.secrecy import withheld
from coder.workspace.git.found import Repository, find_repository
from coder.workspace.git.isolated import isolated
from coder.workspace.git.run_git import GitFailed

_MAX_FILES = 20
_MAX_BYTES = 256 << 10
"""Maximum bytes of one file; a request quotes its first characters."""


def read_notes_above(
    folder: Path, *, prompt: str, read: Sequence[str] = (), unread: Sequence[str] = ()
) -> dict[str, str]:
    """Return notes with the files that they name by `@PATH`, by path from `folder`; the top's come first.

    As below the folder, these are left out: files that git ignores, those that hold keys, links, and what the
    user's rules deny to be read.

    Args:
        folder: the folder that the run works on, absolute and without links.
        prompt: words of the task, which may name a file with keys.
        read: globs of files that the user has named.
        unread: globs of files that the user's rules deny to be read.
    """
    repository = find_repository(folder) if folder.is_dir() else None
    if repository is None or repository.top == folder:
        return {}
    top, inside = repository.top, folder.relative_to(repository.top)
    texts: dict[str, str] = {}
    denied = Unread(unread, top)
    pending = [path for path in places_of_notes(f"{inside}/x") if not _is_below(path, inside)]
    while pending and len(texts) < _MAX_FILES:
        readable = [
            path
            for path in _known(repository, dict.fromkeys(pending))
            if path not in texts and denied.by(path) is None
        ]
        pending = []
        for path in sorted({*readable} - withheld(readable, prompt=prompt, read=read)):
            if (text := _text(top, path)) is not None and not _is_below(path, inside):
                texts[path] = text
                pending += imports_of(path, text)
    notes = guidance(texts, [f"{inside}/x"])
    return {posixpath.relpath(path, inside): text for path, text in notes.items()}


def _is_below(path: str, folder: Path) -> bool:
    return PurePosixPath(path).is_relative_to(folder.as_posix())


def _known(repository: Repository, paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths that are files which git doesn't ignore."""
    names = [path for path in paths if not path.startswith(("../", "/"))]
    if not names:
        return
    try:
        with isolated(repository) as git:
            printed = git.run(
                *("ls-files", "-z", "-c", "-o", "--exclude-standard", "--", *names), cwd=repository.top
            )
    except GitFailed:
        return
    yield from dict.fromkeys(row.decode("utf-8", "replace") for row in printed.split(b"\0") if row)


def _text(top: Path, path: str) -> str | None:
    """Return a file's text; None if it is missing, no regular file, too large or no UTF-8."""
    *folders, name = path.split("/")
    try:
        with open_folder(top, folders) as folder:
            return read_regular(folder, name, limit=_MAX_BYTES)[0].decode()
    except (OSError, UnicodeDecodeError):
        return None
