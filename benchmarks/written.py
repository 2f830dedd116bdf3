"""Write a report's file whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from coder.errors import MachineError
from coder.fs import atomic_replace


def write_text(path: Path, text: str) -> None:
    """Replace a file's content; a pipe or a device is written to as it is."""
    with replacing(path) as file:
        file.write(text)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A file for a new content; it replaces the old one once the block has ended well."""
    with _named(path):
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
    """Add to a file that others write to, too."""
    with _named(path), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file where it can't be written."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader has closed it: the command line handles that
    except OSError as error:
        raise MachineError(f"Can't write {path}: {error.strerror}.") from error
