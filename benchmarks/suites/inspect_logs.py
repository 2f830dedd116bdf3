"""Read the answers in logs of Inspect: `.json`, and `.eval`, a zip archive with a document for each sample.

https://inspect.aisi.org.uk/eval-logs.html
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from copy import copy
from functools import partial
from pathlib import Path

from benchmarks.suites.records import MAX_DOCUMENT, Record, Row, fields_of, parse_json, read_start
from coder.base.errors import MissingExtra, UsageError

_FIELDS = frozenset({"eval", "status"})
_MEMBER = re.compile(r"samples/(.*)_epoch_(\d+)\.json", re.DOTALL)
_ZSTANDARD = 93
_CONVERT = "Or write it as JSON with: inspect log convert LOG --to json --output-dir FOLDER"


def is_inspect_log(content: Record) -> bool:
    """Whether the fields of a document are those of a log."""
    return content.keys() >= _FIELDS


def is_inspect_archive(path: Path) -> bool:
    """Whether a file is a zip archive. Raises UsageError if it can't be opened."""
    return read_start(path).startswith(b"PK\x03\x04")


def log_rows(content: Record, path: Path) -> Iterator[Row]:
    """Yield a row for each sample of a log in JSON. Raises UsageError."""
    samples = content.get("samples") or []
    if not isinstance(samples, list):
        raise UsageError(f"{path}: the samples of a log of Inspect have to be a list.")
    for number, sample in enumerate(samples, 1):
        yield (where := f"{path}, sample {number}"), partial(_answer, sample, where)


def archive_rows(path: Path) -> Iterator[Row]:
    """Yield a row for each sample of an archive, by case and epoch. Raises UsageError."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as cause:
        raise UsageError(f"{path} can't be unpacked: {cause}. It looks cut off.") from cause
    with archive:
        matches = [_MEMBER.fullmatch(name) for name in archive.NameToInfo]
        epochs = sorted((match[1], int(match[2]), match[0]) for match in matches if match is not None)
        if not epochs:
            raise UsageError(f"{path} holds no samples of Inspect (samples/ID_epoch_N.json).")
        for _, _, name in epochs:
            yield (where := f"{path}, {name}"), partial(_unpack, archive, name, where)


def _unpack(archive: zipfile.ZipFile, name: str, where: str) -> Record:
    member = archive.getinfo(name)
    try:
        if member.compress_type == _ZSTANDARD:
            content = _unpack_zstandard(archive, member)
        else:
            with archive.open(member) as file:
                content = file.read(MAX_DOCUMENT + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as cause:
        raise UsageError(f"{where}: it can't be unpacked: {cause}.") from cause
    if len(content) > MAX_DOCUMENT:
        raise UsageError(f"{where} holds more than {MAX_DOCUMENT >> 20} MiB.")
    return _answer(parse_json(content, where), where)


def _unpack_zstandard(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Unpack a member as Inspect packs it, which zipfile can't before Python 3.14. Raises BadZipFile."""
    try:
        import zstandard
    except ImportError as cause:
        missing = MissingExtra("zstandard, which unpacks logs of Inspect,", "inspect")
        raise UsageError(f"{missing}\n{_CONVERT}") from cause
    packed = copy(member)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
    del packed.CRC  # it is of the unpacked bytes
    with archive.open(packed) as file:
        unpacking = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        try:
            return unpacking.read(MAX_DOCUMENT + 1)
        except zstandard.ZstdError as cause:
            raise zipfile.BadZipFile(str(cause)) from cause


def _answer(sample: object, where: str) -> Record:
    """Return a sample's answer, or why it has none. Raises UsageError if it isn't a sample."""
    fields = fields_of(sample, where)
    output, error = fields.get("output"), fields.get("error")
    if not isinstance(output, dict) or "id" not in fields:
        raise UsageError(f"{where}: a sample of Inspect has an id and an output.")
    answer = output["completion"] if "completion" in output else _message_text(output)
    if error is not None:
        message = error.get("message") if isinstance(error, dict) else error
        answer = UsageError(f"{where}: an error ended it in Inspect: {str(message)[:300]}")
    return {"task_id": fields["id"], "completion": answer}


def _message_text(output: Record) -> object:
    """Return the text of the first choice's message, from which older logs leave it to compute the answer."""
    message: object = output
    for key in ("choices", 0, "message", "content"):
        try:
            message = message[key]  # type: ignore[index]
        except (LookupError, TypeError):
            return None
    if not isinstance(message, list):
        return message
    texts = (part.get("text") for part in message if isinstance(part, dict) and part.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))
