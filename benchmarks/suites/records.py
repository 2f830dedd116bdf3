"""Read files of JSON records, whatever state they are in: every complaint names its line.

JSON Lines come one by one, so that a file may be larger than the memory; `.gz` is unpacked as it is read.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from coder.errors import UsageError

MAX_LINE = 64 << 20
"""Bytes of one line; a longer one is no record but a mistake, or a bomb."""
MAX_DOCUMENT = 512 << 20
"""Bytes of a file that has to be read as a whole: one JSON document, or YAML."""

Record = dict[str, object]


def json_lines(path: Path, error: type[UsageError]) -> Iterator[tuple[int, Record]]:
    """The records of a JSON Lines file with their line numbers from 1; empty lines are passed over."""
    number = 0
    with opened(path, error) as file:
        while line := _line(file, number + 1, path, error):
            number += 1
            if line.strip():
                yield number, _record(line, number, path, error)


def document(path: Path, error: type[UsageError]) -> bytes:
    """The whole of a file of at most `MAX_DOCUMENT` bytes, unpacked.

    Raises:
        UsageError: of the class `error`: it can't be read, or is larger.
    """
    with opened(path, error) as file:
        try:
            text = file.read(MAX_DOCUMENT + 1)
        except (EOFError, OSError, zlib.error) as cause:
            raise error(_broken(path, cause)) from cause
    if len(text) > MAX_DOCUMENT:
        raise error(f"{path} holds more than {MAX_DOCUMENT >> 20} MiB.\nGive large files as JSON Lines.")
    return text


def parsed(text: bytes, where: str, error: type[UsageError]) -> object:
    """One JSON value.

    Args:
        where: what stands before a complaint, such as `samples.jsonl, line 3`.

    Raises:
        UsageError: of the class `error`: it isn't JSON in UTF-8.
    """
    try:
        value: object = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as cause:
        raise error(f"{where}: not UTF-8: {cause.reason} at byte {cause.start}.") from cause
    except RecursionError as cause:
        raise error(f"{where}: nested too deeply to be read.") from cause
    except json.JSONDecodeError as cause:
        place = f"line {cause.lineno}, column {cause.colno}" if cause.lineno > 1 else f"column {cause.colno}"
        raise error(f"{where}: not JSON: {cause.msg} at {place}.") from cause
    except ValueError as cause:
        raise error(f"{where}: a number in it is too long to be read.") from cause
    return value


@contextmanager
def opened(path: Path, error: type[UsageError]) -> Iterator[BinaryIO]:
    """A file to read from, unpacked where its first bytes say gzip.

    Raises:
        UsageError: of the class `error`: it can't be opened.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=plain) as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield plain
    except FileNotFoundError as cause:
        raise error(f"There is no file {path}.") from cause
    except IsADirectoryError as cause:
        raise error(f"{path} is a folder, and a file was expected.") from cause
    except PermissionError as cause:
        raise error(f"{path} can't be read: {cause.strerror}.") from cause


def sha256_of(path: Path, error: type[UsageError]) -> str:
    """SHA-256 (hex) of a file's bytes as they lie there.

    Raises:
        UsageError: of the class `error`: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as cause:
        raise error(f"{path} can't be read: {cause.strerror}.") from cause


def _line(file: BinaryIO, number: int, path: Path, error: type[UsageError]) -> bytes:
    try:
        line = file.readline(MAX_LINE + 1)
    except (EOFError, OSError, zlib.error) as cause:
        raise error(f"{path}, line {number}: {_broken(path, cause)}") from cause
    if len(line) > MAX_LINE:
        raise error(f"{path}, line {number}: longer than {MAX_LINE >> 20} MiB, so it can't be one record.")
    return line


def _record(line: bytes, number: int, path: Path, error: type[UsageError]) -> Record:
    where = f"{path}, line {number}"
    try:
        value = parsed(line, where, error)
    except error as cause:
        if not line.endswith(b"\n"):
            raise error(f"{cause}\nIt is the last line and has no end: the file looks cut off.") from cause
        raise
    if not isinstance(value, dict):
        raise error(f"{where}: a {_kind(value)}, and every line has to be one JSON object.")
    return value


def _kind(value: object) -> str:
    return {list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")


def _broken(path: Path, cause: Exception) -> str:
    if isinstance(cause, EOFError):
        return f"{path.name} ends in the middle of its compressed data: it looks cut off."
    return f"{path.name} can't be unpacked or read: {cause}."
