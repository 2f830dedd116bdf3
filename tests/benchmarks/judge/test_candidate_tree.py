"""Which files of a repository case are tests, and stay as the case has them whatever a patch says."""

import pytest

from benchmarks.judge.candidate_tree import candidate_tree
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
        ("shop/testing/test_new.py", False),
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


def test_a_file_that_a_patch_names_as_a_test_makes_no_folder_one_of_tests() -> None:
    both = {"shop/testing/test_new.py": "x = 2\n", "shop/testing/tools.py": "x = 2\n"}

    tree = candidate_tree(CASE, diff(FILES, both))

    assert tree.files["shop/testing/tools.py"] == b"x = 2\n"
    assert tree.kept_out == ("shop/testing/test_new.py",)
