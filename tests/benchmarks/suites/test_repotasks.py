"""Repository cases as folders, made here as the published ones are."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from benchmarks.suite import RepositoryCase
from benchmarks.suites.load import load_suite
from coder.base.errors import UsageError
from coder.workspace.diff import unified_diff

BASE = {"lib.py": b"def one():\n    return 2\n", "tests/test_lib.py": b"import lib\n"}
TESTS = b"import lib\n\n\ndef test_one():\n    assert lib.one() == 1\n"
FACTS = {
    "instance_id": "lib-one",
    "problem_statement": "one() isn't 1",
    "pythonpath": "src",
    "test_command": "python -m pytest -q tests",
    "FAIL_TO_PASS": ["tests/test_lib.py::test_one"],
    "PASS_TO_PASS": [],
}


def made(folder: Path) -> Path:
    folder.mkdir()
    (folder / "task.json").write_text(json.dumps(FACTS))
    with tarfile.open(folder / "repo.tar.gz", "w:gz") as archive:
        for name, content in BASE.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (folder / "tests.patch").write_text(unified_diff(BASE, {**BASE, "tests/test_lib.py": TESTS}))
    (folder / "gold.patch").write_text(unified_diff(BASE, {**BASE, "lib.py": b"def one():\n    return 1\n"}))
    return folder


@pytest.mark.parametrize("below", [".", "one"])
def test_a_folder_of_cases_and_one_case_are_read(tmp_path: Path, below: str) -> None:
    made(tmp_path / "one")

    (case,) = load_suite(tmp_path / below).cases

    assert isinstance(case, RepositoryCase)
    assert (case.id, case.pythonpath, case.timeout_s) == ("lib-one", "src", 300)
    assert case.files == BASE
    assert case.hidden_tests == {"tests/test_lib.py": TESTS.decode()}
    assert case.fail_to_pass == ("tests/test_lib.py::test_one",)
    assert "+    return 1" in (case.gold_patch or "")


def test_a_test_patch_of_another_tree_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "one")
    (folder / "tests.patch").write_text("--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n")

    with pytest.raises(UsageError, match=r"doesn't fit the tree: x\.py isn't in the tree"):
        load_suite(folder)
