"""Folders for the sockets of sessions; each name has its owner's mark, so that leftovers are found."""

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.supervisor.starting import PREFIX, new_folder

_KIND = "session"
_SOCKET = "host"


@contextlib.contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """A socket that doesn't block, and its path, in a folder that exists as long as the block lasts."""
    folder = Path(f"{new_folder()}-{_KIND}")
    folder.mkdir(mode=0o700)  # no other user may enter it
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            _bind(listener, folder)
            (folder / _SOCKET).chmod(0o666)
            listener.listen(1)
            listener.setblocking(False)
            yield listener, f"{folder}/{_SOCKET}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bind(listener: socket.socket, folder: Path) -> None:
    """Bind it by a descriptor of the folder: an address holds 107 bytes, a path may have more."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/{_SOCKET}")
    finally:
        os.close(descriptor)


def remove_folders_of(owner: str) -> None:
    """Remove the folders with a dead owner's mark."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}{owner}-*-{_KIND}"):
        shutil.rmtree(folder, ignore_errors=True)
