"""Load a suite by name or path, in any supported format.

A custom suite is JSON Lines or a YAML list of cases with the fields of `benchmarks.suite`; a repository may
have `archive`, a tar file beside the suite, in place of `files`.
"""

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path, PurePosixPath

from benchmarks.harbor.image import folder_digest
from benchmarks.harbor.judging import solution_answer
from benchmarks.harbor.source import find_tasks, holds_tasks, is_source, open_source
from benchmarks.harbor.task import HarborTask, read_task
from benchmarks.suite import Case, FunctionCase, HarborCase, RepositoryCase, ScriptCase, Suite, UnreadableCase
from benchmarks.suites import livecodebench, multipl_e, polyglot, public_formats, repotasks, swebench
from benchmarks.suites.evalplus import FIELDS, evalplus_case
from benchmarks.suites.records import (
    Record,
    Row,
    fields_of,
    make,
    read_document,
    read_list,
    read_rows,
    read_start,
    require_text,
)
from coder.base.errors import UsageError
from coder.base.text.sanitize import suggest_nearest
from coder.config.strict_yaml import read_yaml
from sandbox.interpreter.plugins import find_plugins

GROUP = "benchmarks.suites"
"""Entry point group of functions without arguments that return a Suite."""
_SUFFIXES = (".jsonl", ".jsonl.gz", ".yaml", ".yml")
_FORMATS: tuple[tuple[frozenset[str], Callable[[Record, str], Case]], ...] = (
    (FIELDS, evalplus_case),  # before HumanEval: its records have all of those fields
    (public_formats.HUMANEVAL, public_formats.humaneval_case),
    (public_formats.MBPP, public_formats.mbpp_case),
    (multipl_e.FIELDS, multipl_e.multipl_e_case),
    (livecodebench.FIELDS, livecodebench.livecodebench_case),
    (swebench.SWEBENCH, swebench.swebench_case),
    (swebench.PRO, swebench.swebench_case),
)
_KINDS: dict[object, type[FunctionCase] | type[ScriptCase]] = {"function": FunctionCase, "script": ScriptCase}


def load_suite(name_or_path: str | Path) -> Suite:
    """Load a suite by its name (`coder bench list`), or from a file or a folder. Raises UsageError."""
    if is_source(str(name_or_path)):
        source = open_source(str(name_or_path))
        cases = _distinct(map(_harbor_entry, source.folders), str(name_or_path))
        return Suite(name=source.name, version=source.commit or "1", cases=cases)
    path = Path(name_or_path)
    if path.exists():
        return read_suite(path)
    entries_by_name = suite_names()
    if (entry := entries_by_name.get(str(name_or_path))) is not None:
        build: Callable[[], Suite] = entry.load()
        return build()
    hint = suggest_nearest(str(name_or_path), entries_by_name) or "."
    raise UsageError(
        f"There is no suite and no file {str(name_or_path)!r}{hint}\n"
        f"Suites: {', '.join(sorted(entries_by_name))}. Or give a file or a folder."
    )


def suite_names() -> dict[str, EntryPoint]:
    """Return the entry points of available suites by name, including suites of other packages."""
    return {entry.name: entry for entry in find_plugins(GROUP)}


def read_suite(path: Path, *, name: str | None = None, version: str = "1") -> Suite:
    """Read a file or a folder as a suite, by the fields of its records. Raises UsageError."""
    cases = _distinct(_entries(path), str(path))
    name = name or path.name.partition(".")[0] or str(path)
    return Suite(name=name, version=version, cases=cases)


@dataclass(frozen=True, slots=True)
class SuiteEntry:
    """Row or folder of a suite that is to be read as a case."""

    id: str
    """Id of the case if it can't be read."""
    read: Callable[[], Case]


def _distinct(entries: Iterable[SuiteEntry], where: str) -> tuple[Case, ...]:
    """Read the cases of a suite; those with one id can't be read. Raises UsageError if none can be read."""
    cases: dict[str, Case] = {}
    for number, case in enumerate(map(read_entry, entries), 1):
        while case.id in cases:
            reason = f"{where}: two cases have the id {case.id!r}. Rename one."
            cases[case.id] = UnreadableCase(id=case.id, reason=reason)
            case = UnreadableCase(id=f"{case.id} (case {number})", reason=reason)
        cases[case.id] = case
    if not cases:
        raise UsageError(f"{where} holds no cases.")
    unreadable = [case for case in cases.values() if isinstance(case, UnreadableCase)]
    if len(unreadable) == len(cases) and not unreadable[0].trace:
        raise UsageError(unreadable[0].reason)
    return tuple(cases.values())


def read_entry(entry: SuiteEntry) -> Case:
    """Read a case. What goes wrong there is the verdict on this case alone: it doesn't end the suite."""
    trace = ""
    try:
        return entry.read()
    except UsageError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - its traceback is logged with the verdict
        reason = f"reading the case: a bug in coder: {type(error).__name__}: {error}"
        trace = traceback.format_exc()
    id, reason, trace = (text.encode(errors="replace").decode() for text in (entry.id, reason, trace))
    return UnreadableCase(id=id, reason=reason, trace=trace)


def read_cases(path: Path) -> Iterator[Case]:
    """Yield the cases of a file or a folder. Raises UsageError if the file can't be read."""
    yield from map(read_entry, _entries(path))


def _entries(path: Path) -> Iterator[SuiteEntry]:
    if not path.is_dir():
        for where, parse in _rows(path):
            yield _row_entry(where, parse, path.parent)
    elif (path / repotasks.TASK).exists():
        yield SuiteEntry(path.name, partial(repotasks.read_repository_folder, path))
    elif tasks := sorted(path.glob(f"*/{repotasks.TASK}")):
        for task in tasks:
            yield SuiteEntry(task.parent.name, partial(repotasks.read_repository_folder, task.parent))
    elif holds_tasks(path):
        yield from map(_harbor_entry, find_tasks(path))
    elif exercises := [*polyglot.exercises(path)]:
        for exercise in exercises:
            yield SuiteEntry(exercise.name, partial(polyglot.polyglot_case, exercise))
    else:
        for file in sorted(entry for entry in path.iterdir() if entry.name.endswith(_SUFFIXES)):
            yield from _entries(file)


def _row_entry(where: str, parse: Callable[[], Record], folder: Path) -> SuiteEntry:
    """Return a row of a file as an entry, which its place names if it states no id."""
    try:
        record = parse()
    except UsageError:
        return SuiteEntry(where, lambda: _case(parse(), where, folder))
    return SuiteEntry(_id_of(record) or where, partial(_case, record, where, folder))


def _id_of(record: Record) -> str | None:
    """Return the id that a record states, in any format."""
    ids = (record.get(field) for field in ("id", "task_id", "instance_id", "question_id", "name"))
    return next((str(value) for value in ids if isinstance(value, str | int) and str(value)), None)


def _harbor_entry(folder: Path) -> SuiteEntry:
    name = os.fsencode(folder.name).decode(errors="replace")
    return SuiteEntry(name, lambda: harbor_case(read_task(folder)))


def harbor_case(task: HarborTask) -> HarborCase:
    """Return a Harbor task as a case."""
    return HarborCase(
        id=task.name,
        prompt=task.steps[0].instruction,
        folder=task.folder,
        content=folder_digest(task.folder),
        solution=solution_answer(task),
    )


def _case(record: Record, where: str, folder: Path) -> Case:
    """Make a case from a record, whose fields identify the format. Raises UsageError."""
    require_text(record, where)
    for fields, make_case in _FORMATS:
        if record.keys() >= fields:
            return make_case(record, where)
    if "id" not in record:
        raise UsageError(
            f"{where}: no known format has the fields {', '.join(sorted(record)[:8]) or '(none)'}.\n"
            "A case of your own has an id, a prompt, an entry_point and a test."
        )
    kind = record.get("kind") or ("repository" if {"files", "archive"} & record.keys() else None)
    kind = kind or ("script" if "runs" in record else "function")
    if kind == "repository":
        repository = _repository(record, where, folder)
        _require_folders({*repository.files, *repository.hidden_tests}, where)
        return repository
    if not isinstance(kind, str) or kind not in _KINDS:
        raise UsageError(f"{where}: the kind {kind!r} is none of function, script, repository.")
    return make(_KINDS[kind], where, **{**record, "kind": kind})


def _require_folders(paths: Set[str], where: str) -> None:
    """Raise UsageError if a path lies below another, which so would be a file and a folder."""
    for path in sorted(paths):
        if above := paths & {str(parent) for parent in PurePosixPath(path).parents}:
            raise UsageError(f"{where}: {min(above)} is a file, so {path} can't lie in it.")


def _repository(record: Record, where: str, folder: Path) -> RepositoryCase:
    fields = {name: value for name, value in record.items() if name not in ("files", "archive")}
    fields["kind"] = "repository"
    if "shown" in record:
        raise UsageError(f"{where}: a case of a file can't show folders of this machine (shown).")
    if isinstance(tests := record.get("hidden_tests"), dict):
        fields["hidden_tests"] = {repotasks.normalize_path(path, where): text for path, text in tests.items()}
    files, archive = record.get("files"), record.get("archive")
    if (files is None) == (archive is None):
        raise UsageError(f"{where}: a repository has either `files` or an `archive`.")
    if isinstance(archive, str):
        try:
            tree = repotasks.read_archive(repotasks.path_inside(folder, archive, where))
        except UsageError as cause:
            raise UsageError(f"{where}: archive: {cause}") from cause
        return make(RepositoryCase, where, **{**fields, "files": tree.files, "executable": tree.executable})
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise UsageError(f"{where}: `files` has to be an object of texts by path, `archive` a path.")
    fields["files"] = {repotasks.normalize_path(path, where): text.encode() for path, text in files.items()}
    return make(RepositoryCase, where, **fields)


def _rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file. Raises UsageError if it has none."""
    if path.name.removesuffix(".gz").endswith((".yaml", ".yml")):
        records = _yaml(path)
    elif read_start(path)[:1] != b"[" or (records := read_list(path)) is None:
        yield from read_rows(path)
        return
    if not isinstance(records, list):
        raise UsageError(f"{path} has to hold a list of cases.")
    for number, record in enumerate(records, 1):
        yield (where := f"{path}, case {number}"), partial(fields_of, record, where)


def _yaml(path: Path) -> object:
    try:
        value: object = read_yaml(read_document(path))
    except (RecursionError, ValueError) as cause:
        raise UsageError(f"{path} isn't YAML: {' '.join(str(cause).split())[:300]}") from cause
    return value.get("cases") if isinstance(value, dict) else value  # a document may have a head
