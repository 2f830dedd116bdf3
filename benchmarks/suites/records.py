"""Read files of JSON records, and make cases of their fields. Every UsageError names file and line.

Streams JSON Lines, so that a file may exceed the memory; unpacks `.gz` on the fly.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from pydantic import BaseModel, ValidationError

from coder.base.errors import UsageError
from coder.base.text.sanitize import printable

MAX_LINE = 64 << 20
"""Most bytes of one line; a longer one is a mistake or a decompression bomb."""
MAX_DOCUMENT = 512 << 20
"""Most bytes of a file that is read as a whole: one JSON document, or YAML."""

Record = dict[str, object]


def json_lines(path: Path) -> Iterator[tuple[int, Record]]:
    """The records of a JSON Lines file with line numbers from 1; skips empty lines. Raises UsageError."""
    number, where = 1, f"{path}, line 1"
    with opened(path) as file:
        while line := _read(file.readline, MAX_LINE, where):
            if len(line) > MAX_LINE:
                raise UsageError(f"{where}: longer than {MAX_LINE >> 20} MiB, so it can't be one record.")
            if line.strip():
                yield number, _record(line, where)
            number += 1
            where = f"{path}, line {number}"


def document(path: Path) -> bytes:
    """The whole of a file of at most `MAX_DOCUMENT` bytes, unpacked. Raises UsageError."""
    with opened(path) as file:
        content = _read(file.read, MAX_DOCUMENT, str(path))
    if len(content) > MAX_DOCUMENT:
        raise UsageError(f"{path} holds more than {MAX_DOCUMENT >> 20} MiB.\nGive large files as JSON Lines.")
    return content


def json_object(path: Path) -> Record:
    """A file that holds one JSON object. Raises UsageError."""
    value = parsed(document(path), str(path))
    if not isinstance(value, dict):
        raise UsageError(f"{path}: it has to hold one JSON object.")
    return value


def parsed(text: bytes, where: str) -> object:
    """Parse one JSON value. Raises UsageError."""
    try:
        value: object = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as cause:
        raise UsageError(f"{where}: not UTF-8: {cause.reason} at byte {cause.start}.") from cause
    except RecursionError as cause:
        raise UsageError(f"{where}: nested too deeply to be read.") from cause
    except json.JSONDecodeError as cause:
        place = f"line {cause.lineno}, column {cause.colno}" if cause.lineno > 1 else f"column {cause.colno}"
        raise UsageError(f"{where}: not JSON: {cause.msg} at {place}.") from cause
    except ValueError as cause:
        raise UsageError(f"{where}: a number in it is too long to be read.") from cause
    return value


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, unpacked if its first bytes are gzip's. Raises UsageError."""
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=plain)) if packed else plain
    except FileNotFoundError as cause:
        raise UsageError(f"There is no file {path}.") from cause
    except IsADirectoryError as cause:
        raise UsageError(f"{path} is a folder, and a file was expected.") from cause
    except PermissionError as cause:
        raise UsageError(f"{path} can't be read: {cause.strerror}.") from cause


def _read(read: Callable[[int], bytes], most: int, where: str) -> bytes:
    """Read at most one byte more than allowed. Raises UsageError for damaged data."""
    try:
        return read(most + 1)
    except EOFError as cause:
        raise UsageError(f"{where}: the compressed data ends in the middle: it looks cut off.") from cause
    except (OSError, zlib.error) as cause:
        raise UsageError(f"{where}: it can't be unpacked or read: {cause}.") from cause


def _record(line: bytes, where: str) -> Record:
    try:
        value = parsed(line, where)
    except UsageError as cause:
        if not line.endswith(b"\n"):
            told = f"{cause}\nIt is the last line and has no end: the file looks cut off."
            raise UsageError(told) from cause
        raise
    if not isinstance(value, dict):
        kinds = {list: "list", str: "string", bool: "boolean", type(None): "null"}
        kind = kinds.get(type(value), "number")
        raise UsageError(f"{where}: a {kind}, and every line has to be one JSON object.")
    return value


Value = TypeVar("Value", bound=BaseModel)


def make(model: type[Value], where: str, /, **fields: object) -> Value:
    """Make a case of unchecked fields; None means the default. Raises UsageError."""
    try:
        return model.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as cause:
        raise UsageError(f"{where}: {complaints(cause)}") from cause


def complaints(error: ValidationError) -> str:
    """Pydantic's errors, one a line, without the values."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        place = printable(".".join(str(part) for part in item["loc"]))
        lines.append(f"field {place}: {item['msg']}" if place else item["msg"])
    return "\n".join(lines)


def strings(record: Record, field: str, where: str) -> tuple[str, ...]:
    """A list of strings; empty if the field is missing. Raises UsageError."""
    value = record.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {field} has to be a list of strings.")
    return tuple(value)
