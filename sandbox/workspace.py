"""The workspace's files from outside: what a program left there is never followed, only looked at.

Every path is opened by openat2 below the workspace's own descriptor, over no link and no mount point, and
where we are root with the file rights of the sandbox's uid. The Docker backend has it inside, with any Python
from 3.8 on.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import BinaryIO

from sandbox.errors import FileRefused

_OPENAT2 = 437
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER_MODE = 0o755
_PATH_MAX = 4096
_PIECE = 1 << 20


class _How(ctypes.Structure):
    _fields_ = [
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    ]


class Workspace:
    """Files below one descriptor. Its methods block: call them in a thread."""

    def __init__(self, root: int, owner: int, *, capacity: int | None = None) -> None:
        """`root` is an O_PATH descriptor, closed by `close`; `owner` the uid of the sandbox.

        `capacity` is how many bytes the workspace may hold, where its file system doesn't say so.
        """
        self._root, self._owner, self._most = root, owner, capacity
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._closing = threading.Lock()

    def close(self) -> None:
        """Give the descriptor back."""
        with self._closing:
            if self._root >= 0:
                os.close(self._root)
                self._root = -1

    def write(self, path: str, content: bytes | Iterable[bytes], *, executable: bool) -> None:
        """A new file in place of whatever regular file was there; its content may come in pieces.

        Raises:
            FileRefused: the path isn't a plain one, or there is no room.
        """
        parts = _parts(path)
        with self._as_owner(), _told(path):
            folder = self._make_folders(parts[:-1])
            try:
                with suppress(FileNotFoundError):
                    if not stat.S_ISREG(os.lstat(parts[-1], dir_fd=folder).st_mode):
                        raise FileRefused(f"{path!r} is there and isn't a regular file.")
                    os.unlink(parts[-1], dir_fd=folder)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                mode = _mode(executable)
                with open(os.open(parts[-1], flags, mode, dir_fd=folder), "wb", buffering=0) as file:
                    os.fchmod(file.fileno(), mode)
                    for piece in [content] if isinstance(content, bytes) else content:
                        rest = memoryview(piece)
                        while rest:
                            rest = rest[file.write(rest) or 0 :]
            finally:
                os.close(folder)

    def read(self, path: str, *, limit: int) -> bytes:
        """Content of one regular file.

        Raises:
            FileRefused: not there, not a regular file with one name, over a link, or larger than `limit`.
        """
        with self.opened(path, limit=limit) as file:
            content = file.read(limit + 1)
            if len(content) > limit:
                raise FileRefused(f"{path!r} has more than {limit} bytes.")
            return content

    @contextmanager
    def opened(self, path: str, *, limit: int) -> Iterator[BinaryIO]:
        """One regular file, open for reading.

        Raises:
            FileRefused: as `read` does.
        """
        with self._as_owner(), _told(path), open(self._open_file("/".join(_parts(path))), "rb") as file:
            if os.fstat(file.fileno()).st_size > limit:
                raise FileRefused(f"{path!r} has more than {limit} bytes.")
            yield file

    def manifest(self) -> dict[str, str]:
        """SHA-256 by path of the regular files that can be read. Names that aren't UTF-8 are left out.

        So is a file that claims more bytes than the disk has left beside those before it: holes cost nothing,
        and hashing them takes hours.
        """
        hashes = {}
        with self._as_owner():
            room = self._capacity()
            for path, regular in sorted(self._walk()):
                if not regular:
                    continue
                try:
                    with open(self._open_file(path), "rb", buffering=0) as file:
                        size = os.fstat(file.fileno()).st_size
                        if size > room:
                            continue
                        room -= size
                        hashes[path] = _digest(file)
                except (OSError, FileRefused):
                    continue  # gone meanwhile, unreadable, or with a second name: read() gives none of these
        return hashes

    def _capacity(self) -> int:
        """Bytes that the workspace may hold; what a program really wrote is never more."""
        if self._root < 0:
            raise FileRefused("The sandbox is closed.")
        if self._most is not None:
            return self._most
        found = os.fstatvfs(self._root)
        return found.f_blocks * found.f_frsize

    def entries(self, *, deepest: int) -> list[tuple[str, bool]]:
        """Path of whatever is no folder, and whether it is a regular file with a name that can be read.

        What lies deeper than `deepest` folders is named by its folder, and so is one that can't be listed.
        """
        with self._as_owner():
            return sorted(self._walk(deepest=deepest))

    def remove(self, path: str) -> None:
        """Remove a file or a whole folder, or with "." all that the workspace holds; nothing is followed.

        Raises:
            FileRefused: the path isn't a plain one.
        """
        if path == ".":
            self._empty()
            return
        parts = _parts(path)
        with self._as_owner(), _told(path):
            self._open_root_to_us()
            try:
                folder = self._open("/".join(parts[:-1]) or ".", _FOLDER)
            except FileNotFoundError:
                return
            try:
                self._remove_from(folder, parts[-1])
            finally:
                os.close(folder)

    def _empty(self) -> None:
        """Links, pipes and what else the manifest doesn't name goes too, and so do rights set on the root."""
        with self._as_owner(), _told("."):
            self._open_root_to_us(plainly=True)
            folder = self._open(".", _FOLDER)
            try:
                for name in os.listdir(folder):
                    self._remove_from(folder, name)
            finally:
                os.close(folder)

    def keep(self, known: Mapping[str, tuple[str, bool]]) -> set[str]:
        """Remove whatever isn't one of these files, and give the paths of those that are there.

        Kept is a regular file with one name, the content and the rights that `write` gives it, and no
        attributes, in folders of the same kind: so nothing is left of what a program did, and what was
        written once needn't be written again.

        Args:
            known: SHA-256 (hex), and whether it is executable, by plain path.

        Raises:
            FileRefused: a path isn't a plain one.
        """
        folders = {"/".join(parts[:i]) for parts in map(_parts, known) for i in range(1, len(parts))}
        kept: set[str] = set()
        with self._as_owner(), _told("."):
            self._open_root_to_us(plainly=True)
            waiting = [""]
            while waiting:
                base = waiting.pop()
                folder = self._open(base or ".", _FOLDER)
                try:
                    for name in os.listdir(folder):
                        path = f"{base}/{name}" if base else name
                        if path in folders and self._is_plain_folder(folder, name):
                            waiting.append(path)
                        elif path in known and self._is_as_written(folder, name, *known[path]):
                            kept.add(path)
                        else:
                            self._remove_from(folder, name)
                finally:
                    os.close(folder)
        return kept

    def _is_plain_folder(self, folder: int, name: str) -> bool:
        try:
            descriptor = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        except OSError:
            return False
        try:
            return stat.S_IMODE(os.fstat(descriptor).st_mode) == _FOLDER_MODE and not _attributes(descriptor)
        finally:
            os.close(descriptor)

    def _is_as_written(self, folder: int, name: str, sha256: str, executable: bool) -> bool:
        if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
            return False
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=folder)
        except OSError:
            return False
        with open(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or _attributes(descriptor):
                return False
            if stat.S_IMODE(found.st_mode) != _mode(executable) or found.st_size > self._capacity():
                return False
            return _digest(file) == sha256

    def _remove_from(self, folder: int, name: str) -> None:
        try:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                os.unlink(name, dir_fd=folder)
                return
        except FileNotFoundError:
            return
        # A tree can be deeper than paths and descriptors reach, so its folders are moved up, one by one.
        waiting = [name]
        while waiting:
            top = waiting[-1]
            self._make_open_to_us(folder, top)
            inner = os.open(top, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            try:
                with os.scandir(inner) as entries:
                    for number, entry in enumerate(list(entries)):
                        if entry.is_dir(follow_symlinks=False):
                            moved = f".removed-{len(waiting)}-{number}-{os.urandom(4).hex()}"
                            self._make_open_to_us(inner, entry.name)
                            os.rename(entry.name, moved, src_dir_fd=inner, dst_dir_fd=folder)
                            waiting.insert(0, moved)
                        else:
                            os.unlink(entry.name, dir_fd=inner)
            finally:
                os.close(inner)
            os.rmdir(top, dir_fd=folder)
            waiting.remove(top)

    def _make_open_to_us(self, folder: int, name: str) -> None:
        """A program may have taken its own rights from a folder; we have the same uid and give them back."""
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                os.chmod(f"/proc/self/fd/{descriptor}", 0o700)
        finally:
            os.close(descriptor)

    def _open_root_to_us(self, *, plainly: bool = False) -> None:
        """Whatever rights a program has left on the workspace; `plainly` without those for new files."""
        if plainly:
            with suppress(OSError):  # there is none, or this kernel has none
                os.removexattr(f"/proc/self/fd/{self._root}", "system.posix_acl_default")
        if self._root >= 0:
            os.chmod(f"/proc/self/fd/{self._root}", 0o700)

    def _walk(self, *, deepest: int = _PATH_MAX) -> Iterator[tuple[str, bool]]:
        waiting = [""]
        while waiting:
            base = waiting.pop()
            try:
                folder = self._open(base or ".", _FOLDER)
            except OSError:  # gone meanwhile, or closed to its own uid
                yield base, False
                continue
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        path = f"{base}/{entry.name}" if base else entry.name
                        if not _is_text(path) or len(os.fsencode(path)) >= _PATH_MAX:
                            yield path, False
                        elif not entry.is_dir(follow_symlinks=False):
                            yield path, entry.is_file(follow_symlinks=False)
                        elif path.count("/") < deepest:
                            waiting.append(path)
                        else:
                            yield path, False
            finally:
                os.close(folder)

    def _make_folders(self, parts: list[str]) -> int:
        """Descriptor of a folder, made with those on the way where they are missing."""
        self._open_root_to_us()
        folder = self._open(".", _FOLDER)
        for part in parts:
            try:
                made = False
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
                    made = True
                deeper = self._open(part, _FOLDER, below=folder)
                if made:
                    os.fchmod(deeper, _FOLDER_MODE)  # whatever the owner's umask is
            finally:
                os.close(folder)
            folder = deeper
        return folder

    def _open_file(self, path: str) -> int:
        descriptor = self._open(
            path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        )
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            os.close(descriptor)
            raise FileRefused(f"{path!r} isn't a regular file with one name.")
        return descriptor

    def _open(self, path: str, flags: int, *, below: int | None = None) -> int:
        how = _How(flags, 0, _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH)
        root = self._root if below is None else below
        if root < 0:
            raise FileRefused("The sandbox is closed.")
        descriptor: int = self._libc.syscall(
            _OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
        )
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
        return descriptor

    @contextmanager
    def _as_owner(self) -> Iterator[None]:
        """As root: with the sandbox's uid for files, in this thread alone: root's rights don't count."""
        if os.geteuid() != 0:
            yield
            return
        try:
            self._become(self._owner)
            yield
        finally:
            self._become(0)

    def _become(self, uid: int) -> None:
        for change in (self._libc.setfsgid, self._libc.setfsuid):
            change(uid)
            if change(-1) != uid:  # these two calls report nothing but the value before
                raise PermissionError(errno.EPERM, f"could not take the file rights of uid {uid}")


def _mode(executable: bool) -> int:
    return 0o755 if executable else 0o644


def _attributes(descriptor: int) -> list[str]:
    """What was put on a file beside its rights; a security module's own label isn't."""
    try:
        return [name for name in os.listxattr(descriptor) if not name.startswith("security.")]
    except OSError:
        return []  # this file system has none


def _parts(path: str) -> list[str]:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in path:
        raise FileRefused(f"{path!r} isn't a relative path inside the workspace.")
    if len(os.fsencode(path)) >= _PATH_MAX:
        raise FileRefused("The path is longer than 4095 bytes.")
    return list(pure.parts)


def _digest(file: io.RawIOBase) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Say what the system refused as a FileRefused that names the path."""
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        links = isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.EXDEV)
        why = "it goes over a link" if links else getattr(error, "strerror", None) or str(error)
        raise FileRefused(f"{path!r}: {why}.") from error
