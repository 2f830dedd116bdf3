"""Which modules of a repository only its tests use."""

from benchmarks.judge.helper_modules import has_changed_helpers, helper_modules
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.patches import diff

FILES = {
    "shop.py": "import money\n",
    "money.py": "x = 1\n",
    "cli.py": "import shop\n",
    "table.py": "AREAS = {}\n",
    "other.py": "x = 1\n",
}
TESTS = {"tests/test_shop.py": "import shop\nimport cli\nfrom table import AREAS\nimport money, pytest\n"}


def case(after: dict[str, str]) -> RepositoryCase:
    return RepositoryCase(
        id="helpers",
        prompt="",
        files={path: text.encode() for path, text in FILES.items()},
        hidden_tests=TESTS,
        gold_patch=diff(FILES, after),
        timeout_s=5,
    )


def test_a_module_that_only_tests_use_runs_beside_them() -> None:
    assert helper_modules(case({"shop.py": "import money\ny = 2\n"})) == ("table",)


def test_a_module_that_the_cases_own_patch_changes_or_uses_is_code_under_test() -> None:
    assert helper_modules(case({"table.py": "AREAS = {1: 3}\n"})) == ("cli",)
    assert helper_modules(case({"shop.py": "import money, table\n"})) == ()


def test_a_module_of_the_tests_that_asserts_runs_beside_them_though_it_uses_the_code() -> None:
    asserting = {"cli.py": "import shop\ndef check(n):\n    assert shop.y == n\n"}
    files = {**FILES, **asserting}
    encoded = {path: text.encode() for path, text in files.items()}
    one = case({"shop.py": "import money\ny = 2\n"})

    modules = helper_modules(one.model_copy(update={"files": encoded}))

    assert modules == ("cli", "table")


def test_another_helper_of_an_answer_is_seen() -> None:
    one = case({"shop.py": "y = 2\n"})
    same = {path: text.encode() for path, text in FILES.items()}

    assert not has_changed_helpers(one, {**same, "shop.py": b"y = 3\n", **_tests()}, ("table",))
    assert has_changed_helpers(one, {**same, "table.py": b"AREAS = {1: 0}\n", **_tests()}, ("table",))


def _tests() -> dict[str, bytes]:
    return {path: text.encode() for path, text in TESTS.items()}
