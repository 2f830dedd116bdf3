"""Which files of a repository case are tests, and stay as the case has them whatever a patch says."""

import pytest

from benchmarks.judge.candidate_tree import candidate_tree, case_tests
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.patches import diff

FILES = {
    "shop/prices.py": "x = 1\n",
    "shop/testing/tools.py": "x = 1\n",
    "shop/test/test_prices.py": "x = 1\n",
    "shop/test/data/tool.py": "x = 1\n",
    "tests/tool.py": "x = 1\n",
    "testing/deep/a_test.py": "x = 1\n",
    "testing/tool.py": "x = 1\n",
}
CASE = RepositoryCase(
    id="shop",
    prompt="",
    files={name: text.encode() for name, text in FILES.items()},
    hidden_tests={"tests/test_it.py": b""},
    timeout_s=1,
)


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("shop/prices.py", True),
        ("shop/testing/tools.py", True),
        ("shop/testing/new.py", True),
        ("shop/testing/test_new.py", True),
        ("shop/test/test_prices.py", False),
        ("shop/test/data/tool.py", False),
        ("tests/tool.py", False),
        ("testing/tool.py", False),
    ],
)
def test_a_folder_called_testing_is_code_unless_it_holds_tests(path: str, changes: bool) -> None:
    tree = candidate_tree(CASE, diff(FILES, {path: "x = 2\n"}))

    assert (tree.files.get(path) == b"x = 2\n") == changes
    assert tree.kept_out == (() if changes else (path,))


def test_a_new_file_outside_test_folders_is_code_whatever_its_name() -> None:
    new = {"shop/testing/test_new.py": "x = 2\n", "test_data.py": "x = 2\n", "tests/test_mine.py": "x = 2\n"}

    tree = candidate_tree(CASE, diff(FILES, {**new, "shop/testing/tools.py": "x = 2\n"}))

    assert tree.files["shop/testing/tools.py"] == tree.files["test_data.py"] == b"x = 2\n"
    assert tree.kept_out == ("tests/test_mine.py",)
    assert [path for path in tree.files if path in case_tests(CASE)] == [
        path for path in FILES if path.startswith(("tests", "shop/test/", "testing"))
    ] + ["tests/test_it.py"]
