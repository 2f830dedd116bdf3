"""Find a suite by its name or its path, and read it whatever format it has."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import yaml

from benchmarks.errors import BadSuite
from benchmarks.suite import Case, Suite
from benchmarks.suites import evalplus, humaneval, mbpp, polyglot, repotasks, swebench
from benchmarks.suites.own import own_case
from benchmarks.suites.records import Record, document, json_lines, opened, parsed

GROUP = "benchmarks.suites"
"""Entry points that name a function without arguments which returns a Suite."""


_SUFFIXES = (".jsonl", ".jsonl.gz", ".yaml", ".yml")
"""Of the files in a folder that are read as one suite."""
_FORMATS: tuple[tuple[frozenset[str], Callable[[Record, str], Case]], ...] = (
    (evalplus.FIELDS, evalplus.evalplus_case),  # before HumanEval: its records have all of those fields
    (humaneval.FIELDS, humaneval.humaneval_case),
    (mbpp.FIELDS, mbpp.mbpp_case),
    (swebench.FIELDS, swebench.swebench_case),
)


def load_suite(name_or_path: str | Path) -> Suite:
    """The suite of a name (`coder bench list`), a file (JSON Lines, JSON, YAML, packed or not) or a folder.

    A path is what exists as one, or has a slash or a suffix.

    Raises:
        BadSuite: there is none, it is damaged, has no cases, or two of one id.
    """
    path = Path(name_or_path)
    if path.exists():
        return read_suite(path)
    named = suite_names()
    if (entry := named.get(str(name_or_path))) is not None:
        build: Callable[[], Suite] = entry.load()
        return build()
    near = difflib.get_close_matches(str(name_or_path), named, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise BadSuite(
        f"There is no suite and no file {str(name_or_path)!r}.{hint}\n"
        f"Suites: {', '.join(sorted(named))}. Or give a file or a folder."
    )


def suite_names() -> dict[str, EntryPoint]:
    """What can be given by name: our own suites and those of other packages."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def read_suite(path: Path, *, name: str | None = None, version: str = "1") -> Suite:
    """Read a file or a folder as a suite; the format is told by what stands in it.

    Args:
        name: by default the file's name without its suffixes.

    Raises:
        BadSuite: it is damaged, of no known format, has no cases, or two of one id.
    """
    cases = _unique(read_cases(path), path)
    return Suite(name=name or path.name.partition(".")[0] or str(path), version=version, cases=tuple(cases))


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a file or a folder one by one, also when two have one id."""
    if path.is_dir():
        yield from _folder(path)
        return
    for where, record in _records(path):
        yield case_of(record, where, folder=path.parent)


def _folder(path: Path) -> Iterator[Case]:
    tasks = (
        [path] if (path / repotasks.TASK).exists() else sorted(one.parent for one in path.glob("*/task.json"))
    )
    files = sorted(one for one in path.iterdir() if one.name.endswith(_SUFFIXES))
    if tasks:
        yield from (repotasks.repository_folder(folder) for folder in tasks)
    elif polyglot.is_polyglot(path):
        yield from polyglot.polyglot_cases(path)
    else:
        for file in files:
            yield from read_cases(file)


def case_of(record: Record, where: str, *, folder: Path) -> Case:
    """One case of whichever format its fields tell.

    Raises:
        BadSuite: they tell none, or a bad one.
    """
    for fields, make_case in _FORMATS:
        if record.keys() >= fields:
            return make_case(record, where)
    if "id" in record:
        return own_case(record, where, folder=folder)
    raise BadSuite(
        f"{where}: no known format has the fields {', '.join(map(repr, sorted(record)[:8])) or '(none)'}.\n"
        "A case of your own has an id, a prompt, an entry_point and a test."
    )


def _records(path: Path) -> Iterator[tuple[str, Record]]:
    if path.name.removesuffix(".gz").endswith((".yaml", ".yml")):
        yield from _listed(_yaml(path), path)
    elif _first_byte(path) == b"[":
        yield from _listed(parsed(document(path, BadSuite), str(path), BadSuite), path)
    else:
        for number, record in json_lines(path, BadSuite):
            yield f"{path}, line {number}", record


def _yaml(path: Path) -> object:
    try:
        value: object = yaml.safe_load(document(path, BadSuite))
    except (yaml.YAMLError, RecursionError, ValueError) as cause:
        raise BadSuite(f"{path} isn't YAML: {' '.join(str(cause).split())[:300]}") from cause
    if isinstance(value, dict):  # a document may have a head; its cases stand under one key
        return value.get("cases")
    return value


def _listed(value: object, path: Path) -> Iterator[tuple[str, Record]]:
    if not isinstance(value, list):
        raise BadSuite(f"{path} has to hold a list of cases.")
    for number, record in enumerate(value, 1):
        if not isinstance(record, dict):
            raise BadSuite(f"{path}, case {number}: it has to be an object with fields.")
        yield f"{path}, case {number}", {str(field): item for field, item in record.items()}


def _first_byte(path: Path) -> bytes:
    with opened(path, BadSuite) as file:
        try:
            return file.read(4096).lstrip()[:1]
        except (EOFError, OSError):
            return b""  # damaged: whoever reads on says where


def _unique(cases: Iterable[Case], path: Path) -> list[Case]:
    found: dict[str, Case] = {}
    for case in cases:
        if case.id in found:
            raise BadSuite(f"{path}: two cases have the id {case.id!r}.")
        found[case.id] = case
    if not found:
        raise BadSuite(f"{path} holds no cases.")
    return list(found.values())
