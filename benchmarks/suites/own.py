"""Suites of your own: JSON Lines with a case a line, or YAML with a list of cases.

A function has `id, prompt, entry_point, test` and may have `canonical_solution, plus_test, setup, visible,
timeout_s, stateful`; a script has `runs` of `stdin, arguments, stdout`; a repository has `files` (text by
path) or `archive` (a tar file beside the suite), `hidden_tests`, and may have `gold_patch, fail_to_pass,
pass_to_pass, test_command, pythonpath, may_change, environment, dependencies, image`. Each may have a
`difficulty`, by which reports group.
"""

from pathlib import Path

from benchmarks.errors import BadSuite
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase
from benchmarks.suites.archive import relative, unpacked
from benchmarks.suites.fields import make
from benchmarks.suites.records import Record

_KINDS: dict[str, type[FunctionCase] | type[ScriptCase]] = {"function": FunctionCase, "script": ScriptCase}


def own_case(record: Record, where: str, *, folder: Path) -> Case:
    """The case of one record.

    Args:
        folder: where the paths of archives start.

    Raises:
        BadSuite: an unknown kind, a field that is missing, unknown or of another type, or a bad archive.
    """
    kind = record.get("kind") or ("repository" if {"files", "archive"} & record.keys() else None)
    kind = kind or ("script" if "runs" in record else "function")
    if kind == "repository":
        return _repository(record, where, folder)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadSuite(f"{where}: the kind {kind!r} is none of function, script, repository.")
    return make(_KINDS[kind], where, **{**record, "kind": kind})


def _repository(record: Record, where: str, folder: Path) -> RepositoryCase:
    fields = {name: value for name, value in record.items() if name not in ("files", "archive")}
    fields["kind"] = "repository"
    if isinstance(tests := record.get("hidden_tests"), dict):
        fields["hidden_tests"] = {relative(path, where): text for path, text in tests.items()}
    files, archive = record.get("files"), record.get("archive")
    if (files is None) == (archive is None):
        raise BadSuite(f"{where}: a repository has either `files` or an `archive`.")
    if isinstance(archive, str):
        tree = unpacked(folder / archive)
        return make(RepositoryCase, where, **{**fields, "files": tree.files, "executable": tree.executable})
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise BadSuite(f"{where}: `files` has to be an object of texts by path, `archive` a path.")
    return make(
        RepositoryCase,
        where,
        **{**fields, "files": {relative(path, where): text.encode() for path, text in files.items()}},
    )
