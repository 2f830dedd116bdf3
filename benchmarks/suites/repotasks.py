"""Repository cases as folders: `task.json` with the facts, `repo.tar.gz`, `tests.patch` and `gold.patch`.

The fields of task.json are those of SWE-bench, with `test_paths`, `test_command` and `pythonpath`.
"""

import json
from pathlib import Path

from benchmarks.errors import BadSuite
from benchmarks.suite import RepositoryCase
from benchmarks.suites.archive import unpacked
from benchmarks.suites.fields import make, strings
from benchmarks.suites.patch import PatchRefused, apply_patch, touched
from benchmarks.suites.records import Record, document, parsed

TASK = "task.json"


def repository_folder(folder: Path) -> RepositoryCase:
    """The case of one folder. The hidden tests are the files of `tests.patch` as they are after it.

    Raises:
        BadSuite: a file is missing or damaged, or a patch doesn't fit the tree.
    """
    where = str(folder / TASK)
    record = parsed(document(folder / TASK, BadSuite), where, BadSuite)
    if not isinstance(record, dict):
        raise BadSuite(f"{where}: it has to hold one JSON object.")
    archive = folder / "repo.tar.gz"
    if not archive.exists():
        raise BadSuite(
            f"{folder} holds no repo.tar.gz: the facts of the case without its tree.\n"
            "Where a rebuild.py lies beside it, that makes the tree: python rebuild.py --out FOLDER"
        )
    tree = unpacked(archive)
    tests = document(folder / "tests.patch", BadSuite).decode("utf-8", errors="replace")
    gold = folder / "gold.patch"
    return make(
        RepositoryCase,
        where,
        id=record.get("instance_id"),
        prompt=record.get("problem_statement"),
        timeout_s=record.get("timeout_s"),
        files=tree.files,
        executable=tree.executable,
        hidden_tests=_after(tree.files, tests, where),
        gold_patch=document(gold, BadSuite).decode("utf-8", errors="replace") if gold.exists() else None,
        fail_to_pass=node_ids(record, "FAIL_TO_PASS", where),
        pass_to_pass=node_ids(record, "PASS_TO_PASS", where),
        test_command=record.get("test_command"),
        pythonpath=record.get("pythonpath"),
        dependencies=strings(record, "dependencies", where),
        image=record.get("image"),
        difficulty=difficulty(record),
    )


def difficulty(record: Record) -> str | None:
    """The field `difficulty`, where it is a word; other data sets have other things under that name."""
    value = record.get("difficulty")
    return value if isinstance(value, str) else None


def node_ids(record: Record, field: str, where: str) -> tuple[str, ...]:
    """Names of tests: a list, or SWE-bench's list in a string.

    Raises:
        BadSuite: neither of them.
    """
    value = record.get(field)
    if isinstance(value, str):
        try:
            return strings({field: json.loads(value)}, field, where)
        except (ValueError, RecursionError) as cause:
            raise BadSuite(f"{where}: {field} is a string that holds no list.") from cause
    return strings(record, field, where)


def _after(files: dict[str, bytes], patch: str, where: str) -> dict[str, str]:
    try:
        tree = apply_patch(files, patch)
        paths = touched(patch)
    except PatchRefused as cause:
        raise BadSuite(f"{where}: tests.patch doesn't fit the tree: {cause}.") from cause
    return {path: tree[path].decode("utf-8", errors="replace") for path in sorted(paths & tree.keys())}
