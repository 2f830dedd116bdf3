"""Write files of reports atomically."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from coder.base.errors import MachineError
from coder.base.fs import atomic_replace


def write_text(path: Path, text: str) -> None:
    """Replace a file's content; write directly to a pipe or a device."""
    with replacing(path) as file:
        file.write(text)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Open a file for new content, which replaces the old file if the block succeeds."""
    with _naming_errors(path):
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", errors="backslashreplace") as device:
                yield device
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_replace.replacing(path.resolve(), mode=0o644) as content:
            file = TextIOWrapper(content, encoding="utf-8", errors="backslashreplace", newline="")
            yield file
            file.detach()


def append_text(path: Path, text: str) -> None:
    """Append to a file that other processes write to."""
    with _naming_errors(path), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


@contextmanager
def _naming_errors(path: Path) -> Iterator[None]:
    """Raise MachineError with the file's name if the file can't be written."""
    try:
        yield
    except BrokenPipeError:
        raise  # closed by the reader: the command line handles that
    except OSError as error:
        raise MachineError(f"Can't write {path}: {error.strerror}.") from error
