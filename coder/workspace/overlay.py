"""Overlay: the files on which a program runs: an answer's files over the user's.

A link to another file of the folder is laid as a copy that follows the file; verification makes it a link
again. When an answer writes to a link, the link's target is written.
"""

import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named
from coder.base.text.sanitize import as_bytes
from coder.config.unread import Unread
from coder.run.state import State
from coder.run.stored_file import StoredFile

Content = TypeVar("Content")


def end_of(path: str, files: Mapping[str, StoredFile]) -> str:
    """Return the path of a link's target, or the path itself if the file isn't a link."""
    file = files.get(path)
    return path if file is None or file.link is None else file.link


def to_ends(code: Mapping[str, str | None], files: Mapping[str, StoredFile]) -> dict[str, str | None]:
    """Return an answer's files, with writes to links redirected to their targets."""
    redirected = {end_of(path, files): text for path, text in code.items() if text is not None}
    return {
        **redirected,
        **{path: text for path, text in code.items() if end_of(path, files) == path or text is None},
    }


def following(
    contents: Mapping[str, Content], code: Mapping[str, str | None], files: Mapping[str, StoredFile]
) -> dict[str, Content]:
    """Return the contents, with each link to a changed file replaced by that file's content."""
    if code.keys().isdisjoint(files):
        return dict(contents)
    links = {
        path: file.link
        for path, file in files.items()
        if file.link and file.link in code and path not in code
    }
    contents_of_links = {path: contents[target] for path, target in links.items() if target in contents}
    return {**{path: content for path, content in contents.items() if path not in links}, **contents_of_links}


def links_among(contents: Mapping[str, Content], files: Mapping[str, StoredFile]) -> dict[str, str]:
    """Return the links among these files that still follow their targets, with the targets' paths."""
    links = {path: file.link for path, file in files.items() if file.link and path in contents}
    return {path: target for path, target in links.items() if contents.get(target) == contents[path]}


def target_of(path: str, content: bytes) -> str:
    """Return the path that a new link leads to, from its own path and its content.

    Raises UnicodeDecodeError.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), content.decode()))


def new_links(contents: Mapping[str, bytes | None], state: State) -> dict[str, str]:
    """Return the links that the session has made among these files, with the paths that they lead to."""
    links = {path: stored for path, stored in state.dialogue.session.tree.items() if stored is not None}
    return {
        path: target_of(path, stored.content)
        for path, stored in links.items()
        if stored.is_new_link and contents.get(path) == stored.content
    }


_MAX_SHOWN = 64 << 20


def shown_files(root: Path | None, show: Sequence[str]) -> dict[str, bytes]:
    """Return current contents of the ignored files that the user shows to programs."""
    places = {path: place_in(root, path) for path in show} if root is not None else {}
    return {path: read_named(place, limit=_MAX_SHOWN) for path, place in places.items() if not place.is_dir()}


def place_in(root: Path, path: str) -> Path:
    """Return the path that `--show` names. Raises UsageError if it is missing or leaves the folder."""
    place = (root / path).resolve()
    if path.startswith(("/", "../")) or not place.is_relative_to(root.resolve()) or place == root.resolve():
        raise UsageError(f"--show {path}: name a path inside of {root}; another folder goes by --add-dir.")
    if not place.exists():
        raise UsageError(f"--show: there is no {path} in {root}.")
    return place


def require_readable(root: Path, show: Sequence[str], unread: Sequence[str]) -> None:
    """Raise UsageError if `--show` names files that the user's rules deny to be read."""
    denied = Unread(unread, root)
    for path in show:
        place = place_in(root, path)
        named = [(str(place), glob) for each in (path, str(place)) if (glob := denied.by(each))]
        for file, glob in (*named, *denied.below(place)):
            name = os.path.relpath(file, root.resolve())
            raise UsageError(f"--show {path}: your rules deny reading {name}: deny Read({glob}).")


def ignored_files(state: State) -> dict[str, bytes]:
    """Return the files of `--show` that the run itself hasn't read."""
    show = [path for path in state.settings.show if path not in state.files]
    return shown_files(Path(state.root), show) if state.root is not None else {}


def workspace_files(
    state: State, code: Mapping[str, str | None], *, test_edits: Mapping[str, str | None] | None = None
) -> dict[str, bytes]:
    """Return the user's files, overlaid by an answer's files, then by given tests or `test_edits`."""
    edits = test_edits or {}
    code = {**code, **edits}
    files = {path: stored.content for path, stored in state.files.items() if path not in code}
    files |= {path: as_bytes(text) for path, text in code.items() if text is not None}
    files = following(files, code, state.files) | ignored_files(state)
    if state.task.test_command:
        files |= {test.path: test.text.encode() for test in state.task.test_files if test.path not in edits}
    return files
