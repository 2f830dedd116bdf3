"""Read the regular files of a folder by walking it or by a list of paths, without following links."""

import os
import posixpath
import re
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from weakref import WeakValueDictionary

from coder.base.errors import UsageError
from coder.base.fs.git_names import is_git_name
from coder.base.fs.safe_open import NotRegular, open_below, open_folder, read_regular
from coder.run.stored_file import StoredFile

_MAX_DEPTH = 64
_MAX_LINKS = 40
"""Longest chain of links, as in Linux."""
_SKIPPED_FOLDERS = {".git", ".hg", ".svn", "node_modules", "__pycache__", "__pypackages__", ".venv", "venv"}
_SKIPPED_FOLDERS |= {".tox", ".nox", ".eggs", ".hypothesis", ".ipynb_checkpoints", ".cache"}
_SKIPPED_SUFFIXES = (".pyc", ".pyo", ".swp", "~", ".coder-tmp")
_TOOL_FILES = ("pyvenv.cfg", "CACHEDIR.TAG")
"""A folder with one of these files was made by a tool, such as a virtual environment or a cache."""

_GENERATED = re.compile(r"^_{0,2}version(_{0,2}|_info)\.pyi?$|_pb2(_grpc)?\.pyi?$|\.(so|pyd)$")

_RESTING_NS = 2_000_000_000
"""A file that changed later than this before it was read may change again without another time of change."""
_Version = tuple[int, ...]
_known_files: WeakValueDictionary[_Version, StoredFile] = WeakValueDictionary()
"""Files that this process has read and that a run still holds: an unchanged file isn't read again."""


def _version(status: os.stat_result) -> _Version:
    """Return what differs once a file's content or mode has changed."""
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_dev, status.st_ino, status.st_mode, status.st_size, *times)


@dataclass(slots=True)
class FolderReader:
    """Reads files under one folder."""

    path: Path
    max_files: int
    max_bytes: int
    max_file_bytes: int
    """A larger file is omitted with a note, since no model reads it and it would fill the sandbox's disk."""
    denied_by: Callable[[str], str | None] | None = None
    """Function that returns the glob of the user's rule that denies reading a file, or None."""
    denied_paths: dict[str, str] = field(default_factory=dict)
    """Globs of the denying rules, by the path of the file left out."""
    files: dict[str, StoredFile] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    total_bytes: int = 0

    def walk(self, folder: int, prefix: str = "", *, depth: int = 0) -> None:
        """Read an open folder recursively, except folders made by tools."""
        with os.scandir(folder) as entries:
            kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        if prefix and not kinds.keys().isdisjoint(_TOOL_FILES):
            return
        for name, is_folder in sorted(kinds.items()):
            if not is_folder:
                if not name.endswith(_SKIPPED_SUFFIXES) and name not in _SKIPPED_FOLDERS:
                    self._try(folder, name, prefix + name)
                continue
            try:
                self._enter(folder, name, prefix + name, depth)
            except OSError as error:
                self._leave_out(prefix + name, error)

    def go_through(self, paths: Iterable[str]) -> None:
        """Read the files at these paths; a link that leads to one of the files is read as a copy."""
        links: dict[str, str] = {}
        safe_paths = sorted((path for path in paths if _is_plain(path)), key=posixpath.split)
        for parent, names in groupby(safe_paths, key=posixpath.dirname):
            try:
                with open_folder(self.path, PurePosixPath(parent).parts) as folder:
                    for path in names:
                        name = posixpath.basename(path)
                        if (target := _link(folder, name)) is not None:
                            links[path] = posixpath.normpath(posixpath.join(parent, target))
                        else:
                            self._try(folder, name, path)
            except FileNotFoundError:
                continue  # a tracked file that was removed with its folder
            except OSError as error:
                self._leave_out(parent, error)
        self._copy_links(links)

    def take(self, path: str, content: bytes, mode: int, *, must: bool = False) -> None:
        """Add one file, unless it is too large.

        Raises UsageError if a required file is too large, or if the files exceed the limits.
        """
        if len(content) <= self.max_file_bytes:
            self._add(path, StoredFile.of(content, mode=mode), len(content))
        elif must:
            raise UsageError(f"{self.path} has more than {self.max_file_bytes:,} bytes, the most we read.")
        else:
            self.notes.append(f"{path}: left out, more than {self.max_file_bytes:,} bytes")

    def _add(self, path: str, file: StoredFile, size: int) -> None:
        self.total_bytes += size
        if len(self.files) == self.max_files or self.total_bytes > self.max_bytes:
            raise UsageError(
                f"{self.path} holds more than the {self.max_files:,} files or {self.max_bytes:,} bytes that "
                f"a run reads. Name a smaller folder, or a file."
            )
        self.files[path] = file

    def _enter(self, folder: int, name: str, path: str, depth: int) -> None:
        if is_made_by_tools(name):
            return
        if depth == _MAX_DEPTH:
            self.notes.append(f"{path}: left out, more than {_MAX_DEPTH} folders deep")
            return
        child = open_below(folder, name)
        try:
            self.walk(child, f"{path}/", depth=depth + 1)
        finally:
            os.close(child)

    def _try(self, folder: int, name: str, path: str) -> None:
        """Read one file of an open folder, or note why it is omitted."""
        if self.denied_by is not None and (glob := self.denied_by(path)) is not None:
            self.denied_paths[path] = glob
            return
        try:
            path.encode()
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            known = _known_files.get(_version(status))
            if known is not None and status.st_size <= self.max_file_bytes:
                self._add(path, known, status.st_size)
                return
            content, status = read_regular(folder, name, limit=self.max_file_bytes)
        except (OSError, UnicodeEncodeError) as error:
            self._leave_out(path, error)
        else:
            self.take(path, content, stat.S_IMODE(status.st_mode))
            if path in self.files and time.time_ns() - status.st_ctime_ns > _RESTING_NS:
                _known_files[_version(status)] = self.files[path]

    def _copy_links(self, links: dict[str, str]) -> None:
        """Copy the targets of links, those first that other links lead to or hold."""
        for _ in range(_MAX_LINKS):
            holders = {str(parent) for path in links for parent in PurePosixPath(path).parents}
            for path, target in list(links.items()):
                steps = (target, *map(str, PurePosixPath(target).parents))
                is_within = path.startswith(f"{target}/")
                if is_within or (target not in holders and not any(step in links for step in steps)):
                    self._copy(path, links.pop(path))
        for path, target in links.items():  # loops
            self._copy(path, target)

    def _copy(self, link: str, target: str) -> None:
        """Replace a link inside the tree by its target's file or files; other links are omitted."""
        targets = {link: target} if target in self.files else self._below(link, target)
        added_bytes = sum(len(self.files[target_path].content) for target_path in targets.values())
        is_too_much = (
            len(self.files) + len(targets) > self.max_files or self.total_bytes + added_bytes > self.max_bytes
        )
        if not targets or is_too_much:
            self._leave_out(link, NotRegular())
            return
        for path, target_path in targets.items():
            if self.denied_by is not None and (glob := self.denied_by(path)) is not None:
                self.denied_paths[path] = glob
                continue
            source = self.files[target_path]
            self.take(path, source.content, source.mode)
            self.files[path] = source.model_copy(update={"link": source.link or target_path})

    def _below(self, link: str, folder: str) -> dict[str, str]:
        """Return a folder's files by their paths below a link to it; empty if it contains the link."""
        if link.startswith(f"{folder}/"):
            return {}
        return {link + path[len(folder) :]: path for path in self.files if path.startswith(f"{folder}/")}

    def _leave_out(self, path: str, error: OSError | UnicodeEncodeError) -> None:
        match error:
            case UnicodeEncodeError():
                name = path.encode("utf-8", "backslashreplace").decode()
                self.notes.append(f"{name}: left out, its name is not UTF-8")
            case FileNotFoundError():
                pass  # removed since the folder was listed
            case NotRegular() | NotADirectoryError():
                self.notes.append(f"{path}: left out, not a regular file (links are not followed)")
            case OSError():
                self.notes.append(f"{path}: left out, {error.strerror}")


def generated(root: Path, own: Iterable[str]) -> list[str]:
    """Return generated Python files of a project, so that its modules can be imported.

    Git ignores them; they are recognized by name. Other ignored files may contain secrets and aren't read.
    """
    paths = []
    for folder in sorted({posixpath.dirname(path) for path in own if path.endswith(".py")}):
        try:
            names = os.listdir(root / folder)
        except OSError:
            continue
        paths += [posixpath.join(folder, name) for name in sorted(names) if _GENERATED.search(name)]
    return paths


def is_made_by_tools(name: str) -> bool:
    """Whether a folder of this name is made by tools, such as environments, packages and caches."""
    return name in _SKIPPED_FOLDERS or (name.startswith(".") and name.endswith("_cache"))


def select_written(paths: Iterable[str]) -> list[str]:
    """Return the new files that a person may have written, judged by name."""
    paths = list(paths)
    tool_folders = [
        posixpath.dirname(path) + "/" for path in paths if posixpath.basename(path) in _TOOL_FILES
    ]
    return [
        path
        for path in paths
        if not path.endswith(_SKIPPED_SUFFIXES)
        and not any(is_made_by_tools(part) for part in path.split("/"))
        and not any(path.startswith(tool_folder) for tool_folder in tool_folders if tool_folder != "/")
    ]


def _is_plain(path: str) -> bool:
    """Whether a path from git's index stays in its folder and isn't in `.git`."""
    parts = path.split("/")
    return not any(part in ("", ".", "..") or is_git_name(part) for part in parts)


def _link(folder: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None
