"""Read files of JSON records, and make cases from their fields. Every UsageError names file and line.

Streams JSON Lines, so that a file may exceed the memory; unpacks `.gz` on the fly.
"""

import gzip
import json
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from pydantic import BaseModel, ValidationError

from coder.base.errors import UsageError
from coder.base.text.sanitize import printable, suggest_nearest
from coder.config.strict_yaml import DuplicateKey, read_json

MAX_LINE = 64 << 20
"""Maximum size of one line in bytes; a longer line is a mistake or a decompression bomb."""
MAX_DOCUMENT = 512 << 20
"""Maximum size in bytes of a file that is read as a whole: a JSON document, or YAML."""

MAX_UNPACKED = 4 << 30
"""Maximum size in bytes that a packed file may have unpacked; an unpacked file may be larger."""

MAX_FILE = 64 << 30
"""Maximum size in bytes of an unpacked file; a larger one is a sparse file, or to be divided."""

_LONGEST_BLANK = 4096
"""A file that begins with more blanks than this is read as JSON Lines."""
_FIRST_LINES = 3

Record = dict[str, object]


Row = tuple[str, Callable[[], Record]]
"""Place of a row, and the function that reads it, which raises UsageError if the row is damaged."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield each nonempty line of a JSON Lines file. Raises UsageError if the file can't be opened.

    A line that is too long is one damaged row, as is the remainder of packed data that can't be unpacked.
    """
    number = 1
    with open_unpacked(path) as file:
        while line := _read_line(file, where := f"{path}, line {number}"):
            if isinstance(line, UsageError):
                goes_on = _skip_line(file)
                error = line if goes_on else UsageError(f"{line}\nNothing behind it is read.")
                yield where, partial(_refuse, error)
                if not goes_on:
                    return
            elif line.strip():
                yield where, partial(parse_record, line, where)
            number += 1


def _read_line(file: BinaryIO, where: str) -> bytes | UsageError:
    """Read one line; empty at the end. Returns the error for a line over `MAX_LINE`, and for damaged data."""
    try:
        line = _read(file.readline, MAX_LINE, where)
    except UsageError as error:
        return error.with_traceback(None)
    if len(line) > MAX_LINE and not line.endswith(b"\n"):
        return UsageError(f"{where}: longer than {MAX_LINE >> 20} MiB, so it can't be one record.")
    return line


def _refuse(error: UsageError) -> Record:
    raise error


def _skip_line(file: BinaryIO) -> bool:
    """Read to the end of a line, if it isn't far; return whether there is more to read."""
    try:
        for _ in range(MAX_DOCUMENT >> 20):
            if file.readline(1 << 20).endswith(b"\n"):
                return True
    except (EOFError, OSError, zlib.error, UsageError):
        pass
    return False


def read_start(path: Path) -> bytes:
    """Return the first bytes behind blanks; empty for damaged data, of which reading the rows tells."""
    with open_unpacked(path) as file:
        try:
            return file.read(_LONGEST_BLANK).lstrip()
        except (EOFError, OSError, zlib.error):
            return b""


def read_list(path: Path) -> object:
    """Return the content of a file that begins as one JSON document; None if its lines are the records.

    Raises UsageError for a damaged document. A file is none if one of its first lines is a whole record.
    """
    try:
        return parse_json(read_document(path), str(path))
    except UsageError:
        for _, read in islice(read_rows(path), _FIRST_LINES):
            with suppress(UsageError):
                read()
                return None
        raise


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
    require_text(value, str(path))
    return value


def parse_json(text: bytes, where: str) -> object:
    """Parse one JSON value. Raises UsageError."""
    try:
        value: object = read_json(text.decode("utf-8-sig"))
    except UnicodeDecodeError as cause:
        raise UsageError(f"{where}: not UTF-8: {cause.reason} at byte {cause.start}.") from cause
    except RecursionError as cause:
        raise UsageError(f"{where}: nested too deeply to be read.") from cause
    except json.JSONDecodeError as cause:
        place = f"line {cause.lineno}, column {cause.colno}" if cause.lineno > 1 else f"column {cause.colno}"
        raise UsageError(f"{where}: not JSON: {cause.msg} at {place}.") from cause
    except DuplicateKey as cause:
        raise UsageError(f"{where}: {cause}.") from cause
    except ValueError as cause:
        raise UsageError(f"{where}: a number in it is too long to be read.") from cause
    return value


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file; unpack it if its first bytes are those of gzip. Raises UsageError."""
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise UsageError(f"{path} is a pipe, socket or device. It is read twice, so save it in a file.")
        if status.st_size > MAX_FILE:
            raise UsageError(f"{path} has more than {MAX_FILE >> 30} GiB. Divide it.")
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


def fields_of(record: object, where: str) -> Record:
    """Return a record of a document. Raises UsageError unless it is an object."""
    if not isinstance(record, dict):
        raise UsageError(f"{where}: it has to be an object with fields.")
    return {str(field): item for field, item in record.items()}


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
    require_text(fields, where)
    try:
        return model.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as cause:
        case = fields.get("id")
        named = f"{where}, case {printable(case)}" if isinstance(case, str) and case else where
        is_yaml = where.partition(",")[0].endswith((".yaml", ".yml"))
        raise UsageError(f"{named}: {_first_problem(cause, model, is_yaml=is_yaml)}") from cause


def _first_problem(error: ValidationError, model: type[BaseModel], *, is_yaml: bool) -> str:
    """Return the first problem of a record as a sentence, with the value that was read."""
    details = error.errors(include_url=False)[0]
    kind, context, value = details["type"], details.get("ctx", {}), details.get("input")
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"])
    field = printable(place.removeprefix("."))
    if kind == "missing":
        return f"the field {field} is missing."
    if kind == "extra_forbidden":
        names = model.model_fields if len(details["loc"]) == 1 else ()
        return f"there is no field {field}{suggest_nearest(field, names) or '.'}"
    if kind in _WANTED:
        wanted = _WANTED[kind]
    elif kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        wanted = f"{words} {context[name]:g}"
    elif kind == "literal_error":
        wanted = f"one of {context['expected']}"
    else:
        return f"{field}: {details['msg'].removeprefix('Value error, ')}" if field else details["msg"]
    read = json.dumps(value, ensure_ascii=False, default=str)
    is_word = is_yaml and isinstance(value, bool)
    hint = " (YAML reads yes, no, on and off as these: quote them)" if is_word else ""
    return f"{field} has to be {wanted}, and it is {printable(read[:_MOST_SHOWN])}{hint}."


_MOST_SHOWN = 80
"""Show at most this many characters of a value."""
_WANTED = {
    "string_type": "a text",
    "bytes_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "string_too_short": "a text that isn't empty",
    "too_short": "a list that isn't empty",
}
"""What a field has to be, by pydantic's type of an error."""
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def require_text(fields: object, where: str) -> None:
    """Raise UsageError for a text that no file can hold, at any depth."""

    def fields_of_model(value: object) -> object:
        return value.model_dump() if isinstance(value, BaseModel) else None

    try:
        json.dumps(fields, ensure_ascii=False, skipkeys=True, default=fields_of_model).encode()
    except UnicodeEncodeError as cause:
        raise UsageError(
            f"{where}: a text in it has half a surrogate pair, which no file can hold."
        ) from cause
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"{where}: nested too deeply to be read.") from cause


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
