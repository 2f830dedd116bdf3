"""Folders of files for agents: the user's, then a repository's, in which no link is followed."""

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
"""Pattern of the start of paths of a repository's plugin."""
_PLUGIN_FOLDER = re.compile(r"\.(?:agents|claude)/plugins/[^/]+/")
"""Pattern of paths in a folder of plugins, whatever the folder's name."""
MANIFESTS = (".claude-plugin/plugin.json", "plugin.json")
"""Files that make a folder a plugin; the first one counts."""
MAX_BYTES = 256 << 10
_MAX_FILES = 500


@dataclass(frozen=True, slots=True)
class UnusableFile:
    """A file that can't be used."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlugFolder:
    """A folder of files for agents."""

    root: Path
    """The user's folder, which may be a link; for a repository's folder, the workspace."""
    parts: tuple[str, ...] = ()
    """Names of the nested folders below the workspace; none may be a link."""

    @property
    def is_own(self) -> bool:
        """Whether the files are the user's own."""
        return not self.parts

    def names(self, suffix: str = ".md", *, depth: int = 3) -> list[str]:
        """Return relative paths of at most 500 files with this suffix, up to `depth` folders deep."""
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

    def has(self, path: str) -> bool:
        """Whether there is something at a relative path, which may be a link."""
        return os.path.lexists(self.root.joinpath(*self.parts, path))

    def shown(self, path: str) -> str:
        """Return the path to display: absolute for the user's files, else relative to the workspace."""
        return str(self.root / path) if self.is_own else "/".join((*self.parts, path))

    def read(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            ValueError: it is too large, or not UTF-8.
            OSError: it is missing, or isn't a regular file.
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


def places(kind: str, workspace: Path | None) -> list[PlugFolder]:
    """Return the folders of a kind of files, such as `commands`; the user's come first and win."""
    own = [PlugFolder(folder) for folder in plug_folders(kind)]
    if workspace is None:
        return own
    return [*own, *(PlugFolder(workspace, (folder, kind)) for folder in REPOSITORY_FOLDERS)]


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
    """Return the `plugin.json` files of a repository's plugins, in lookup order."""
    matches = ((path, _PLUGIN.match(path)) for path in paths if path.endswith("plugin.json"))
    return sorted(path for path, match in matches if match and path[match.end() :] in MANIFESTS)


def plugin_folder(path: str) -> str | None:
    """Return the plugin folder of a repository's path, with a final slash; None for other paths."""
    match = _PLUGIN_FOLDER.match(path)
    return match[0] if match is not None else None


def plugin_prefix(path: str) -> str:
    """Return the prefix of names in a repository's plugin, from the path of one of its files."""
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
