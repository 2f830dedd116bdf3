"""Blobs: long contents of events, stored once under their SHA-256, beside the log or in a place of their own.

A log stores an event's blobs before the event. In the event's transaction it stores missing blobs again,
because `coder store clean` may have removed an equal one that no event referred to (ADR 0094).
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from coder.base.errors import BlobMissing, LogDamaged, MachineError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import private_folder, unwritable

_NAME = re.compile("[0-9a-f]{64}")
_BLOB_OR_PART = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{40}\.\w+")
"""A blob, or the temporary file of `replacing` for one."""
ELSEWHERE = "If it was stored in another place, set CODER_BLOBS to that."


class BlobInfo(NamedTuple):
    """One blob in a list."""

    name: str
    size: int
    """In bytes."""
    modified: float | None
    """Time of storage in seconds since the epoch; None if the place doesn't record it."""


class Blobs(Protocol):
    """A place that stores blobs. Functions block; those of a remote place are called in threads."""

    is_remote: bool
    """Whether a call may wait for a server."""

    @property
    def places(self) -> "Mapping[str, Blobs]":
        """The places that are read, by their addresses in one spelling; the first one stores new blobs."""

    def put(self, content: bytes) -> str:
        """Store content durably and return its name. Raises MachineError if it can't be stored."""

    def get(self, name: str) -> bytes:
        """Return the content of a blob by its name.

        Raises:
            BlobMissing: the blob isn't there.
            LogDamaged: the blob was cut off or changed.
            MachineError: the place can't be read.
        """

    def has(self, name: str) -> bool:
        """Whether a blob is there; its content isn't read. Raises MachineError if the place can't be read."""

    def entries(self) -> Iterator[BlobInfo]:
        """List all blobs, and parts of unfinished ones. Raises MachineError if the place can't be read."""

    def remove(self, names: Collection[str]) -> None:
        """Remove blobs; those that aren't there are skipped. Raises MachineError."""


def blob_name(content: bytes) -> str:
    """Return the name of a blob with this content: the SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def is_blob_name(name: str) -> bool:
    """Whether a text has the form of a blob's name."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raise LogDamaged if a name in an event isn't a blob's name, such as a path."""
    if not is_blob_name(name):
        raise LogDamaged(f"The event log names a blob {name!r}, which is no SHA-256.")


def check_content(name: str, content: bytes, place: object) -> bytes:
    """Return the content of a blob. Raises LogDamaged if it doesn't match the name."""
    if (digest := blob_name(content)) != name:
        raise LogDamaged(
            f"A part of the event log was changed: {place} is not what its name says "
            f"({len(content)} bytes with SHA-256 {digest})."
        )
    return content


def put_all(blobs: Blobs, contents: Iterable[bytes]) -> None:
    """Store contents. Raises MachineError if one can't be stored."""
    for content in contents:
        blobs.put(content)


def put_missing(blobs: Blobs, contents: Mapping[str, bytes]) -> None:
    """Store again the blobs removed since `put_all`, in the transaction of the events that refer to them.

    Raises MachineError if the place can't be read or a blob can't be stored.
    """
    for name, content in contents.items():
        if not blobs.has(name):
            blobs.put(content)


class FolderBlobs:
    """A folder with a file for each blob, created when the first one is stored."""

    is_remote = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def places(self) -> Mapping[str, Blobs]:
        """This folder, by its path without links."""
        return {os.path.realpath(self._folder): self}

    def put(self, content: bytes) -> str:
        """Store content durably and return its name."""
        name = blob_name(content)
        path = self._folder / name
        with suppress(OSError):  # it isn't there, or was removed meanwhile
            if self.has(name) and path.read_bytes() == content:
                return name
        private_folder(self._folder)
        try:
            with replacing(path) as file:
                file.write(content)
        except OSError as error:
            raise unwritable(path, error.strerror or str(error)) from error
        return name

    def get(self, name: str) -> bytes:
        """Return the content of a blob by its name."""
        check_name(name)
        path = self._folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            problem = f"A part of the event log can't be read: {path}: {error.strerror}."
            if isinstance(error, FileNotFoundError):
                raise BlobMissing(f"{problem} {ELSEWHERE}") from error
            raise LogDamaged(problem) from error
        return check_content(name, content, path)

    def has(self, name: str) -> bool:
        """Whether a blob is there; a link isn't, because its content is in another place."""
        path = self._folder / name
        return path.is_file() and not path.is_symlink()

    def entries(self) -> Iterator[BlobInfo]:
        """List all blobs, and files that a killed process has left of one."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:  # no blob was stored yet
            return
        except OSError as error:
            raise MachineError(f"Can't list {self._folder}: {error.strerror}.") from error
        for name in filter(_BLOB_OR_PART.fullmatch, names):
            with suppress(FileNotFoundError):  # removed meanwhile
                status = (self._folder / name).stat()
                yield BlobInfo(name, status.st_size, status.st_mtime)

    def remove(self, names: Collection[str]) -> None:
        """Remove blobs."""
        for name in names:
            path = self._folder / name
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(path, error.strerror or str(error)) from error


class JoinedBlobs:
    """A separate place for a log's blobs, beside the log's own one, whose older blobs stay readable."""

    def __init__(self, place: Blobs, own: Blobs) -> None:
        """Store blobs in `place`; read older ones from `own`, too."""
        self.is_remote = place.is_remote or own.is_remote
        self._place, self._own = place, own

    @property
    def places(self) -> Mapping[str, Blobs]:
        """Both places."""
        return {**self._place.places, **self._own.places}

    def put(self, content: bytes) -> str:
        """Store content durably and return its name."""
        return self._place.put(content)

    def get(self, name: str) -> bytes:
        """Return the content of a blob by its name."""
        if not self._own.is_remote and self._own.has(name):  # saves asking a remote place
            return self._own.get(name)
        try:
            return self._place.get(name)
        except BlobMissing:
            try:
                return self._own.get(name)
            except BlobMissing:
                pass
            raise  # names the place where it should be

    def has(self, name: str) -> bool:
        """Whether a blob is in either place."""
        return self._place.has(name) or self._own.has(name)

    def entries(self) -> Iterator[BlobInfo]:
        """List the blobs of both places; one that is in both is listed twice."""
        yield from self._place.entries()
        yield from self._own.entries()

    def remove(self, names: Collection[str]) -> None:
        """Remove blobs from both places."""
        self._place.remove(names)
        self._own.remove(names)
