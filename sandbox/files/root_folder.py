"""Unpack an image's archive into a folder that programs see as their system, without a daemon.

The archive is untrusted: links are resolved within the folder by openat2 (RESOLVE_IN_ROOT), devices and
special bits are dropped, sizes are bounded. Only what programs see is unpacked: /usr, the links to it, /opt.
"""

import fcntl
import hashlib
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.errors import FileRefused
from sandbox.files.image_archive import ArchivedImage, Layer, members_of, open_image
from sandbox.files.resolve_beneath import FOLDER, IN_ROOT, resolve_in

MAX_BYTES = 8 << 30
MAX_ENTRIES = 1_000_000
_TOP = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt")
_ETC = ("etc/alternatives", "etc/ld.so.cache")
VARIABLES = "variables.json"
"""File in the folder with the image's environment."""
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_PIECE = 1 << 20


def unpack_image(archive: Path, cache: Path, *, max_bytes: int = MAX_BYTES) -> Path:
    """Return the folder with the system of an image, unpacked once for each content. Blocks.

    Args:
        archive: a file of `docker save`, `docker export`, or an OCI image layout as tar.
        cache: a folder of the user's own.

    Raises:
        FileRefused: it isn't the archive of one image for this machine, was altered, or is too large.
        OSError: it can't be read, or the cache not written.
    """
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(cache):
        folder = cache / _digest_of(archive, cache)
        if folder.is_dir():
            return folder
        for abandoned in cache.glob("*.part"):
            shutil.rmtree(abandoned, ignore_errors=True)
        part = folder.with_suffix(".part")
        part.mkdir(mode=0o755)
        try:
            with open_image(archive) as image:
                _Unpacking(part, max_bytes).unpack(image)
                (part / VARIABLES).write_text(json.dumps(image.variables))
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        part.rename(folder)
    return folder


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest_of(archive: Path, cache: Path) -> str:
    """Return the SHA-256 of a file; computed again if the file's times, size or inode number change."""
    status = archive.stat()
    identity = (
        f"{archive.resolve()}\0{status.st_ino}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}"
    )
    stamp = cache / f"{hashlib.sha256(identity.encode()).hexdigest()}.digest"
    with suppress(OSError):
        return stamp.read_text()
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stamp.write_text(digest)
    return digest


class _Unpacking:
    """The unpacking of an image's layers, one above the other."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._root = os.open(folder, FOLDER)
        self._bytes_left, self._entries_left = max_bytes, MAX_ENTRIES
        self._max_bytes = max_bytes

    def unpack(self, image: ArchivedImage) -> None:
        """Unpack the layers. Raises FileRefused."""
        try:
            for layer in image.layers:
                self._remove_hidden(layer)
                for member, content in members_of(layer):
                    self._count(member)
                    path = _wanted(member.name)
                    if path is not None and not os.path.basename(path).startswith(_WHITEOUT):
                        self._write(path, member, content)
        finally:
            os.close(self._root)

    def _count(self, member: tarfile.TarInfo) -> None:
        self._bytes_left -= member.size
        self._entries_left -= 1
        if self._bytes_left < 0 or self._entries_left < 0:
            raise FileRefused(f"The image holds more than {self._max_bytes >> 20:,} MiB, or too many files.")

    def _remove_hidden(self, layer: Layer) -> None:
        """Remove what a layer hides of the layers below it, before the layer itself is written."""
        for member, _ in members_of(layer):
            path = _wanted(member.name)
            name = os.path.basename(path or "")
            if path is None or not name.startswith(_WHITEOUT):
                continue
            with suppress(FileNotFoundError, NotADirectoryError), self._parent(path, make=False) as parent:
                hidden = os.listdir(parent) if name == _OPAQUE else [name.removeprefix(_WHITEOUT)]
                if not {"", ".", ".."}.isdisjoint(hidden):
                    raise FileRefused(f"{member.name!r} of the image removes no file.")
                for each in hidden:
                    _remove(each, parent)

    def _write(self, path: str, member: tarfile.TarInfo, content: Callable[[], Iterator[bytes]]) -> None:
        with self._parent(path, make=True) as parent:
            name = os.path.basename(path)
            if member.isdir():
                self._make_folder(name, parent)
                return
            _remove(name, parent)
            if member.issym():
                os.symlink(member.linkname, name, dir_fd=parent)
            elif member.islnk():
                self._link(member.linkname, name, parent)
            else:
                mode = (member.mode & 0o111) * bool(member.mode & 0o100) | 0o444
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(name, flags, mode | 0o200, dir_fd=parent), "wb") as file:
                    file.writelines(content())

    def _make_folder(self, name: str, parent: int) -> None:
        try:
            if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                return
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        os.mkdir(name, 0o755, dir_fd=parent)

    def _link(self, target: str, name: str, parent: int) -> None:
        """Make a hard link to a regular file; do nothing if the file's path isn't unpacked."""
        relative_target = _wanted(target)
        if relative_target is None:
            return
        try:
            with self._parent(relative_target, make=False) as folder:
                base = os.path.basename(relative_target)
                if not stat.S_ISREG(os.lstat(base, dir_fd=folder).st_mode):
                    raise FileRefused(
                        f"{target!r} of the image is no regular file, and a hard link names it."
                    )
                os.link(base, name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileRefused(f"{target!r} isn't in the image, and a hard link names it.") from error

    @contextmanager
    def _parent(self, path: str, *, make: bool) -> Iterator[int]:
        """Open the folder of a path, over links that stay within the root."""
        try:
            descriptor = self._open_folder(os.path.dirname(path), make=make)
        except OSError as error:
            if not make and isinstance(error, FileNotFoundError | NotADirectoryError):
                raise
            raise FileRefused(f"{path!r} of the image can't be unpacked: {error.strerror}.") from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _open_folder(self, path: str, *, make: bool) -> int:
        try:
            return resolve_in(self._root, path or ".", FOLDER, IN_ROOT)
        except FileNotFoundError:
            if not make:
                raise
        above = self._open_folder(os.path.dirname(path), make=True)
        try:
            os.mkdir(os.path.basename(path), 0o755, dir_fd=above)
        finally:
            os.close(above)
        return resolve_in(self._root, path, FOLDER, IN_ROOT)


def _wanted(name: str) -> str | None:
    """Return the relative path of a member that is unpacked, or None. Raises FileRefused for `..` or NUL."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise FileRefused(f"{name!r} of the image is no path within it.")
    path = "/".join(parts)
    is_below = any(path == place or path.startswith(f"{place}/") for place in _ETC)
    return path if parts and (parts[0].removeprefix(_WHITEOUT) in _TOP or is_below) else None


def _remove(name: str, parent: int) -> None:
    """Remove a file, a link or a folder with its files; a missing one is no error."""
    try:
        if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
