"""Places of files for agents: the user's folders, then those of a repository, where no link is followed."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coder.base.fs.private_folder import plug_folders
from coder.base.fs.safe_open import NotRegular, open_below, open_folder, read_regular
from coder.base.text.sanitize import one_line
from coder.run.extensions import AGENT_FOLDERS

REPOSITORY_FOLDERS = AGENT_FOLDERS
_PLUGIN = re.compile(r"\.(?:agents|claude)/plugins/([a-z0-9-]{1,64})/")
"""The beginning of the paths of a repository's plugin."""
_PLUGIN_FOLDER = re.compile(r"\.(?:agents|claude)/plugins/[^/]+/")
"""The same for any name, also of a folder that is no plugin."""
MANIFESTS = (".claude-plugin/plugin.json", "plugin.json")
"""Files that make a folder a plugin; the first one counts."""
MAX_BYTES = 256 << 10
_MAX_FILES = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that can't be used."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of files for agents."""

    root: Path
    """The folder itself if it is the user's, which may be a link; else the workspace."""
    parts: tuple[str, ...] = ()
    """Folders below the workspace, none of them a link."""

    @property
    def is_own(self) -> bool:
        """Whether the files are the user's own."""
        return not self.parts

    def names(self, suffix: str = ".md", *, depth: int = 3) -> list[str]:
        """Return relative paths of files with this suffix, up to this many folders deep, at most 500."""
        paths: list[str] = []
        try:
            with open_folder(self.root, self.parts) as folder:
                for path in _walk(folder, "", suffix, depth):
                    paths.append(path)
                    if len(paths) == _MAX_FILES:
                        break
        except OSError:
            return []
        return sorted(paths)

    def shown(self, path: str) -> str:
        """Return the path for a person: absolute, or relative to the workspace."""
        return str(self.root / path) if self.is_own else "/".join((*self.parts, path))

    def read(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            ValueError: it is too large, or not UTF-8.
            OSError: it isn't there, or is no regular file.
        """
        *folders, name = path.split("/")
        with open_folder(self.root, (*self.parts, *folders)) as folder:
            content, _ = read_regular(folder, name, limit=MAX_BYTES)
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise ValueError("not UTF-8") from error


def places(kind: str, workspace: Path | None) -> list[Place]:
    """Return the folders of a kind of files, such as `commands`: the user's first, so that theirs win."""
    own = [Place(folder) for folder in plug_folders(kind)]
    if workspace is None:
        return own
    return [*own, *(Place(workspace, (folder, kind)) for folder in REPOSITORY_FOLDERS)]


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file can't be used, on one line."""
    if isinstance(error, NotRegular | NotADirectoryError):
        return "not a regular file (links are not followed)"
    return one_line(error.strerror or "" if isinstance(error, OSError) else str(error), width=300)


def is_of_plugin(path: str, kind: str) -> bool:
    """Whether a repository's path is in a plugin's folder of a kind of files."""
    match = _PLUGIN.match(path)
    return match is not None and path.startswith(f"{kind}/", match.end())


def manifests_in(paths: Iterable[str]) -> list[str]:
    """Return the files `plugin.json` of a repository's plugins, in the order in which they are looked for."""
    matches = ((path, _PLUGIN.match(path)) for path in paths if path.endswith("plugin.json"))
    return sorted(path for path, match in matches if match and path[match.end() :] in MANIFESTS)


def plugin_folder(path: str) -> str | None:
    """Return the folder of a repository's plugin that a path is in, with a slash; None for other paths."""
    match = _PLUGIN_FOLDER.match(path)
    return match[0] if match is not None else None


def plugin_prefix(path: str) -> str:
    """Return what the names of a repository's plugin begin with, by the path of a file of it."""
    match = _PLUGIN.match(path)
    return f"{match[1]}:" if match is not None else ""


def _walk(folder: int, prefix: str, suffix: str, depth: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        kinds = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in kinds:
        if not is_folder:
            if name.endswith(suffix):
                yield prefix + name
        elif depth > 0 and name != ".git":
            try:
                child = open_below(folder, name)
            except OSError:
                continue
            try:
                yield from _walk(child, f"{prefix}{name}/", suffix, depth - 1)
            finally:
                os.close(child)
