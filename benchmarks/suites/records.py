"""Read files of JSON records, and make cases from their fields. Every UsageError names file and line.

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
"""Maximum size of one line in bytes; a longer line is a mistake or a decompression bomb."""
MAX_DOCUMENT = 512 << 20
"""Maximum size in bytes of a file that is read as a whole: a JSON document, or YAML."""

MAX_UNPACKED = 4 << 30
"""Maximum size in bytes that a packed file may have unpacked; an unpacked file may be larger."""

Record = dict[str, object]


def read_json_lines(path: Path) -> Iterator[tuple[int, Record]]:
    """Yield line number (from 1) and record of each nonempty line of a JSON Lines file. Raises UsageError."""
    for number, line in read_lines(path):
        yield number, parse_record(line, f"{path}, line {number}")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield number (from 1) and content of each nonempty line of a file. Raises UsageError."""
    number = 1
    with open_unpacked(path) as file:
        while line := read_line(file, f"{path}, line {number}"):
            if line.strip():
                yield number, line
            number += 1


def read_line(file: BinaryIO, where: str) -> bytes:
    """Read one line; empty at the end. Raises UsageError for a line over `MAX_LINE`, and damaged data."""
    line = _read(file.readline, MAX_LINE, where)
    if len(line) > MAX_LINE:
        raise UsageError(f"{where}: longer than {MAX_LINE >> 20} MiB, so it can't be one record.")
    return line


def read_document(path: Path) -> bytes:
    """Read a whole file of at most `MAX_DOCUMENT` bytes, unpacked. Raises UsageError."""
    with open_unpacked(path) as file:
        content = _read(file.read, MAX_DOCUMENT, str(path))
    if len(content) > MAX_DOCUMENT:
        raise UsageError(f"{path} holds more than {MAX_DOCUMENT >> 20} MiB.\nGive large files as JSON Lines.")
    return content


def read_json_object(path: Path) -> Record:
    """Read a file that contains one JSON object. Raises UsageError."""
    value = parse_json(read_document(path), str(path))
    if not isinstance(value, dict):
        raise UsageError(f"{path}: it has to hold one JSON object.")
    return value


def parse_json(text: bytes, where: str) -> object:
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
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file; unpack it if its first bytes are those of gzip. Raises UsageError."""
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            yield cast(BinaryIO, _Unpacked(fileobj=file)) if is_packed else file
    except FileNotFoundError as cause:
        raise UsageError(f"There is no file {path}.") from cause
    except IsADirectoryError as cause:
        raise UsageError(f"{path} is a folder, and a file was expected.") from cause
    except PermissionError as cause:
        raise UsageError(f"{path} can't be read: {cause.strerror}.") from cause


class _Unpacked(gzip.GzipFile):
    """Packed file that ends with an error after `MAX_UNPACKED` bytes."""

    def _bounded(self, content: bytes) -> bytes:
        if self.tell() > MAX_UNPACKED:
            raise UsageError(
                f"{self.name} unpacks to more than {MAX_UNPACKED >> 30} GiB. If it may, unpack it first."
            )
        return content

    def read(self, size: int | None = -1) -> bytes:
        """Read as GzipFile does. Raises UsageError."""
        return self._bounded(super().read(size))

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line as GzipFile does. Raises UsageError."""
        return self._bounded(super().readline(size))


def _read(read: Callable[[int], bytes], max_bytes: int, where: str) -> bytes:
    """Read at most one byte more than allowed. Raises UsageError for damaged data."""
    try:
        return read(max_bytes + 1)
    except EOFError as cause:
        raise UsageError(f"{where}: the compressed data ends in the middle: it looks cut off.") from cause
    except (OSError, zlib.error) as cause:
        raise UsageError(f"{where}: it can't be unpacked or read: {cause}.") from cause


def parse_record(line: bytes, where: str) -> Record:
    """Parse a line of a JSON Lines file, with its end. Raises UsageError."""
    try:
        value = parse_json(line, where)
    except UsageError as cause:
        if not line.endswith(b"\n"):
            message = f"{cause}\nIt is the last line and has no end: the file looks cut off."
            raise UsageError(message) from cause
        raise
    if not isinstance(value, dict):
        kinds = {list: "list", str: "string", bool: "boolean", type(None): "null"}
        kind = kinds.get(type(value), "number")
        raise UsageError(f"{where}: a {kind}, and every line has to be one JSON object.")
    return value


Value = TypeVar("Value", bound=BaseModel)


def make(model: type[Value], where: str, /, **fields: object) -> Value:
    """Make a case from unchecked fields; None means the default. Raises UsageError."""
    try:
        json.dumps(fields, ensure_ascii=False, default=lambda other: None).encode()
    except UnicodeEncodeError as cause:
        raise UsageError(
            f"{where}: a text in it has half a surrogate pair, which no file can hold."
        ) from cause
    try:
        return model.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as cause:
        raise UsageError(f"{where}: {list_errors(cause)}") from cause


def list_errors(error: ValidationError) -> str:
    """Return pydantic's errors, each on a line, without the values."""
    lines = []
    for details in error.errors(include_url=False, include_input=False):
        place = printable(".".join(str(part) for part in details["loc"]))
        lines.append(f"field {place}: {details['msg']}" if place else details["msg"])
    return "\n".join(lines)


def strings(record: Record, field: str, where: str) -> tuple[str, ...]:
    """Return a field's list of strings; empty if the field is missing. Raises UsageError."""
    value = record.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {field} has to be a list of strings.")
    return tuple(value)
