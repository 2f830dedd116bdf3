"""Make cases from rows of SWE-bench and of the data sets that follow it.

Fields as documented in November 2026: SWE-bench, Lite, Verified and Multilingual (swebench.com), SWE-bench
Live (github.com/microsoft/SWE-bench-Live), SWE-bench Pro (github.com/scaleapi/SWE-bench_Pro-os) and
SWE-rebench, V1 and V2 (github.com/SWE-rebench). Programs in rows, such as Live's log parsers, never run.
"""

import ast
import json
from pathlib import PurePosixPath

from benchmarks.suite import RepositoryCase, Runner
from benchmarks.suites.patch import PatchRefused, touched_paths
from benchmarks.suites.records import Record, make, strings
from coder.base.errors import UsageError

SWEBENCH = frozenset({"instance_id", "problem_statement", "test_patch", "FAIL_TO_PASS"})
PRO = frozenset({"instance_id", "problem_statement", "test_patch", "fail_to_pass"})
"""Fields that identify a record's format."""
_TREE = "/testbed"
"""Path of the repository in SWE-bench's official images, and in those of Live and of SWE-rebench V1."""
_TIMEOUT_S = 1800.0
"""Time limit of the official harness for the tests of one instance."""
_MAX_LIST = 8 << 20
"""Parse at most this many characters as a list in Python's notation."""
_PARSERS: dict[str, Runner] = {
    **dict.fromkeys(
        ("pytest", "parse_log_pytest", "parse_log_pytest_v2", "parse_log_pytest_options"), "pytest"
    ),
    **dict.fromkeys(("django", "parse_log_django"), "django"),
    **dict.fromkeys(("sympy", "parse_log_sympy"), "sympy"),
    **dict.fromkeys(("go", "parse_log_gotest"), "go"),
    **dict.fromkeys(("cargo", "parse_log_cargo"), "cargo"),
}
_REPOSITORIES: dict[str, Runner] = {"django/django": "django", "sympy/sympy": "sympy"}
_SUFFIXES: dict[str, Runner] = {".py": "pytest", ".go": "go", ".rs": "cargo"}


def swebench_case(record: Record, where: str) -> RepositoryCase:
    """Make the case of one row. Raises UsageError."""
    install = _install_config(record, where)
    commands = record.get("test_cmds") or install.get("test_cmd") or record.get("test_cmd") or []
    parser = record.get("log_parser") or record.get("parser") or install.get("log_parser")
    return make(
        RepositoryCase,
        where,
        **instance_fields(record, where),
        timeout_s=_TIMEOUT_S,
        files={},
        tree=_tree(record),
        hidden_tests={},
        test_patch=record.get("test_patch"),
        gold_patch=record.get("patch"),
        image=_image(record),
        runner=_runner(record, parser),
        test_commands=strings(
            {"test_cmds": [commands] if isinstance(commands, str) else commands}, "test_cmds", where
        ),
    )


def instance_fields(record: Record, where: str) -> dict[str, object]:
    """Return the fields common to SWE-bench rows and the `task.json` of a folder. Raises UsageError."""
    difficulty = record.get("difficulty")  # other data sets store other types under that name
    return {
        "id": record.get("instance_id"),
        "prompt": record.get("problem_statement"),
        "fail_to_pass": _test_names(record, "FAIL_TO_PASS", where),
        "pass_to_pass": _test_names(record, "PASS_TO_PASS", where),
        "difficulty": difficulty if isinstance(difficulty, str) else None,
    }


def _test_names(record: Record, field: str, where: str) -> tuple[str, ...]:
    """Return the tests in a field: a list, or a string with a list in JSON or (Pro) in Python's notation."""
    value = record.get(field, record.get(field.lower()))
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = _python_list(value, field, where)
    return strings({field: value}, field, where)


def _python_list(text: str, field: str, where: str) -> object:
    try:
        if len(text) <= _MAX_LIST:
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        pass
    raise UsageError(f"{where}: {field} is a string that holds no list.")


def _install_config(record: Record, where: str) -> Record:
    """Return SWE-rebench's `install_config`, an object or a string with one; empty if there is none."""
    value = record.get("install_config") or {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as cause:
            raise UsageError(f"{where}: install_config is a string that holds no object.") from cause
    if not isinstance(value, dict):
        raise UsageError(f"{where}: install_config has to be an object.")
    return value


def _runner(record: Record, parser: object) -> Runner:
    """Return the runner of the tests, by the parser that the row names, its repository, or its test files."""
    repository = str(record.get("repo") or "")
    if isinstance(parser, str) and parser.strip():
        runner = _PARSERS.get(parser.strip().lower(), "other")
        return _REPOSITORIES.get(repository, runner) if runner == "pytest" else runner
    if repository in _REPOSITORIES:
        return _REPOSITORIES[repository]
    patch = record.get("test_patch")
    try:
        paths = touched_paths(patch if isinstance(patch, str) else "")
    except PatchRefused:  # the judge says so
        paths = set()
    suffixes = {PurePosixPath(path).suffix for path in paths}
    runners = {_SUFFIXES[suffix] for suffix in suffixes if suffix in _SUFFIXES}
    return "pytest" if "pytest" in runners or not suffixes else next(iter(sorted(runners)), "other")


def _image(record: Record) -> str:
    """Return the image that a row names, or the image by its data set's naming scheme."""
    for field in ("image", "docker_image", "image_name"):
        if isinstance(name := record.get(field), str) and name:
            return name
    if isinstance(tag := record.get("dockerhub_tag"), str) and tag:
        return f"jefzda/sweap-images:{tag}"
    namespace = "starryzhang" if "test_cmds" in record else "swebench"
    instance = str(record.get("instance_id")).lower().replace("__", "_1776_")
    return f"{namespace}/sweb.eval.x86_64.{instance}:latest"


def _tree(record: Record) -> str:
    """Return the path of the repository in the image."""
    if "dockerhub_tag" in record:
        return "/app"
    if "install_config" in record and "language" in record:  # SWE-rebench V2
        return f"/{str(record.get('repo')).rpartition('/')[2]}"
    return _TREE
