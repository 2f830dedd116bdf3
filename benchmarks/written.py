"""Write a report's file whole or not at all, so that nobody reads half of one."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from coder.errors import MachineError


def write_text(path: Path, text: str) -> None:
    """Replace a file's content; a pipe or a device is written to as it is.

    Raises:
        MachineError: the disk is full, or the folder can't be written to; the old content is still there.
    """
    write_pieces(path, [text])


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """`write_text` for a text that is made while it is written.

    Raises:
        MachineError: the disk is full, or the folder can't be written to; the old content is still there.
    """
    encoded = (piece.encode("utf-8", errors="backslashreplace") for piece in pieces)
    with _named(path):
        if path.exists() and not path.is_file():
            with path.open("wb") as device:
                device.writelines(encoded)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path.resolve(), encoded)


def append_text(path: Path, text: str) -> None:
    """Add to a file that others write to, too.

    Raises:
        MachineError: the disk is full, or the folder can't be written to.
    """
    with _named(path), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file where it can't be written."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read it has gone: the command line knows what to do then
    except OSError as error:
        raise MachineError(f"Can't write {path}: {error.strerror}.") from error


def _replace(target: Path, pieces: Iterable[bytes]) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
