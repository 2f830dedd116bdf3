"""Contents too long for the database, one file each, named by their SHA-256.

A blob is on the disk before the event that names it: temporary file, fsync, rename, fsync of the folder.
A blob whose event was never written stays behind unused, and does no harm.
"""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from coder.errors import LogDamaged
from coder.fs.fsync import sync_folder_at, write_all
from coder.fs.private_folder import private_folder, unwritable


class Blobs:
    """A folder of contents, made when the first one is put."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep a content durably and return its name.

        Raises:
            MachineError: the disk is full or the folder can't be written.
        """
        name = hashlib.sha256(content).hexdigest()
        path = self._folder / name
        if path.is_file() and path.stat().st_size == len(content):
            return name
        private_folder(self._folder)
        try:
            self._write(path, content)
        except OSError as error:
            raise unwritable(path, error.strerror or str(error)) from error
        return name

    def get(self, name: str) -> bytes:
        """The content of that name.

        Raises:
            LogDamaged: it is gone or isn't what its name says.
        """
        path = self._folder / name
        if not re.fullmatch("[0-9a-f]{64}", name):
            raise LogDamaged(f"The event log names a blob {name!r}, which is no SHA-256.")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise LogDamaged(f"A part of the event log can't be read: {path}: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != name:
            raise LogDamaged(f"A part of the event log was changed: {path} is not what its name says.")
        return content

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".blob-")
        try:
            try:
                write_all(descriptor, content)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
        sync_folder_at(self._folder)
