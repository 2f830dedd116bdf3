"""Access a workspace's files from outside, following no link that a program left there.

Every path is opened below the workspace's own descriptor (`resolve_beneath.py`), and as root with the file
rights of the sandbox's uid. Docker containers load this too: standard library alone, Python 3.8 or newer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

from sandbox.errors import FileRefused
from sandbox.files.folder_entry import (
    FOLDER_MODE,
    MODES,
    digest,
    is_as_written,
    is_plain_folder,
    remove_from,
    write_anew,
    write_content,
    write_over,
)
from sandbox.files.resolve_beneath import FOLDER, Beneath, is_attached, parts_of, refuse_errors, walk


class Workspace:
    """Files below one descriptor. Its methods block: call them in a thread."""

    def __init__(
        self,
        root: int,
        owner: int,
        *,
        capacity: int | None = None,
        attached: Iterable[str] = (),
        in_place: bool = False,
    ) -> None:
        """`root` is an O_PATH descriptor, closed by `close`; `owner` the uid of the sandbox.

        `capacity`: bytes of the workspace, if its file system has no limit of its own. `attached`: mount
        points of host folders in it, which must not be removed. `in_place`: as `Beneath` takes it; files
        that are written over keep their owner and mode.
        """
        self.below, self._capacity = Beneath(root, owner, in_place=in_place), capacity
        parts = [place.split("/") for place in attached]
        self._write_entry = write_over if in_place else write_anew
        self._attached = {"/".join(names[:i]) for names in parts for i in range(1, len(names) + 1)}

    def close(self) -> None:
        """Close the descriptor."""
        self.below.close()

    def write(self, path: str, content: bytes | Iterable[bytes], *, executable: bool) -> None:
        """Write a file, replacing a regular one; its content may come in pieces."""
        self.write_all([(path, content, executable)])

    def write_all(self, files: Iterable[tuple[str, bytes | Iterable[bytes], bool]]) -> None:
        """Write many files: path, content, executable."""
        open_names: list[str] | None = None
        with self.below.as_owner(), ExitStack() as stack:
            for path, content, executable in files:
                *parent_names, name = parts_of(path)
                with refuse_errors(path):
                    if parent_names != open_names:
                        stack.close()
                        folder, open_names = self._make_folders(parent_names), parent_names
                        stack.callback(os.close, folder)
                    self._write_entry(folder, name, content, MODES[executable])

    def append(self, path: str, content: bytes | Iterable[bytes]) -> None:
        """Append to a regular file, all or nothing, or write a new one. Raises FileRefused."""
        plain = "/".join(parts_of(path))
        with self.below.as_owner(), refuse_errors(path), suppress(FileNotFoundError):
            self.below.open_root_to_us()
            with open(self.below.open_file(plain, os.O_WRONLY | os.O_APPEND), "ab", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                try:
                    write_content(content, file)
                except BaseException:
                    file.truncate(size)
                    raise
            return
        self.write(path, content, executable=False)

    def make_folder(self, path: str) -> None:
        """Make a folder with its parents; an existing one is no error."""
        parts = parts_of(path)
        with self.below.as_owner(), refuse_errors(path):
            os.close(self._make_folders(parts))

    def read(self, path: str, *, limit: int, start: int | None = None) -> bytes:
        """Read one regular file; with a `start`, at most `limit` bytes from there on.

        Raises:
            FileRefused: it is missing, no regular file with one name, over a link, or larger than `limit`.
        """
        if start is not None:
            with self.open_regular(path) as file:
                file.seek(start)
                return file.read(limit)
        with self.open_regular(path, limit=limit) as file:
            content = file.read(limit + 1)
            if len(content) > limit:
                raise FileRefused(f"{path!r} has more than {limit} bytes.", kind="too_large")
            return content

    @contextmanager
    def open_regular(self, path: str, *, limit: int | None = None) -> Iterator[BinaryIO]:
        """Open one regular file for reading. Raises FileRefused as `read`."""
        plain = "/".join(parts_of(path))
        with self.below.as_owner(), refuse_errors(path), open(self.below.open_file(plain), "rb") as file:
            if limit is not None and os.fstat(file.fileno()).st_size > limit:
                raise FileRefused(f"{path!r} has more than {limit} bytes.", kind="too_large")
            yield file

    def manifest(self) -> dict[str, str]:
        """Return the SHA-256 by path of the readable regular files with a UTF-8 name.

        Skips a sparse file that claims more bytes than the disk has left: hashing holes takes hours.
        """
        hashes = {}
        with self.below.as_owner():
            bytes_left = self.capacity()
            with refuse_errors("."):
                paths = sorted(path for path, regular in walk(self.below) if regular)
            for path in paths:
                try:
                    with open(self.below.open_file(path), "rb", buffering=0) as file:
                        size = os.fstat(file.fileno()).st_size
                        if size > bytes_left:
                            continue
                        bytes_left -= size
                        hashes[path] = digest(file)
                except (OSError, FileRefused):
                    continue  # removed, unreadable, or with a second name: read() refuses these
        return hashes

    def capacity(self) -> int:
        """Capacity of the workspace in bytes."""
        if self._capacity is not None:
            return self._capacity
        status = os.fstatvfs(self.below.root)
        return status.f_blocks * status.f_frsize

    def remove(self, path: str) -> None:
        """Remove a file or a folder, or for "." everything, without following links."""
        if path == ".":
            self.keep({})
            return
        parts = parts_of(path)
        with self.below.as_owner(), refuse_errors(path):
            self.below.open_root_to_us()
            try:
                folder = self.below.open("/".join(parts[:-1]) or ".", FOLDER)
            except FileNotFoundError:
                return
            try:
                remove_from(folder, parts[-1])
            finally:
                os.close(folder)

    def keep(self, files: Mapping[str, tuple[str, bool]]) -> set[str]:
        """Remove everything but these files; return the paths of those that are present.

        Keeps a file only if it has one name, the content and permissions that `write` gives, and no extended
        attributes, in folders that `write` could have made: no trace of a program remains.

        Args:
            files: SHA-256 (hex), and whether it is executable, by plain path.
        """
        folders = set(self._attached)
        for parent in {path.rpartition("/")[0] for path in files}:
            while parent and parent not in folders:
                folders.add(parent)
                parent = parent.rpartition("/")[0]
        present: set[str] = set()
        max_bytes = self.capacity()
        with self.below.as_owner(), refuse_errors("."):
            self.below.open_root_to_us(without_acl=True)
            pending = [""]
            while pending:
                base = pending.pop()
                folder = self.below.open(base or ".", FOLDER)
                try:
                    for name in os.listdir(folder):
                        path = f"{base}/{name}" if base else name
                        if path in self._attached and is_attached(folder, name):
                            continue
                        if path in folders and is_plain_folder(folder, name):
                            pending.append(path)
                        elif path in files and is_as_written(folder, name, *files[path], max_bytes=max_bytes):
                            present.add(path)
                        else:
                            remove_from(folder, name)
                finally:
                    os.close(folder)
        return present

    def _make_folders(self, parts: list[str]) -> int:
        """Open a folder; make it and its parents if they are missing."""
        self.below.open_root_to_us()
        folder = self.below.open(".", FOLDER)
        for part in parts:
            try:
                is_new = False
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
                    is_new = True
                subfolder = self.below.open(part, FOLDER, below=folder)
                if is_new:
                    os.fchmod(subfolder, FOLDER_MODE)  # whatever the owner's umask is
            finally:
                os.close(folder)
            folder = subfolder
        return folder
