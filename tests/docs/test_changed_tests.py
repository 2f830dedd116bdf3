"""`./run test changed` finds the tests of a change by names and imports."""

from pathlib import Path

import grimp
import pytest

from tests.room_budgets import Budgets
from tools import changed_tests
from tools.changed_tests import PACKAGES, Texts
from tools.costs_of_tests import ROOT, Costs, nearest


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


@pytest.mark.parametrize(
    ("path", "concerned"),
    [
        ("coder/edits/unified.py", "tests/coder/edits/test_round_trip.py"),
        ("sandbox/inner/bridge/equality_probe.py", "tests/sandbox/inner/bridge/test_equality_probe.py"),
        ("coder/verify/confirmation.py", "tests/coder/verify/test_confirmation.py"),
        ("coder/verify/plain_suspects.py", "tests/coder/verify/test_confirmation.py"),
        ("tests/coder/people/cli/console.py", "tests/coder/people/cli/test_fix.py"),
        ("tests/coder/people/cli/test_fix.py", "tests/coder/people/cli/test_fix.py"),
        ("docs/how-to/guard-texts.md", "tests/coder/people/cli/test_guards.py"),
        ("CHANGELOG.md", "tests/docs/test_docs.py"),
    ],
    ids=["path", "import", "name", "importer", "helper", "test", "page", "any page"],
)
def test_a_changed_file_concerns_the_tests_of_its_name_and_of_its_importers(
    path: str, concerned: str, graph: grimp.ImportGraph
) -> None:
    tests = [str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py")]

    assert concerned in changed_tests.tests_of([path], graph, tests, {})


def test_every_test_that_is_found_exists(graph: grimp.ImportGraph) -> None:
    tests = [str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py")]
    sources = [str(file.relative_to(ROOT)) for file in (ROOT / "coder" / "verify").rglob("*.py")]

    assert all(Path(ROOT, test).exists() for test in changed_tests.tests_of(sources, graph, tests, {}))


def test_a_changed_text_concerns_the_single_tests_that_hold_it(graph: grimp.ImportGraph) -> None:
    tests = [str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py")]

    found = changed_tests.tests_of(
        ["coder/show/render.py"], graph, tests, {"coder/show/render.py": Texts(frozenset({"answered"}))}
    )

    shown = "tests/coder/people/cli/test_solve.py::test_what_a_model_says_instead_of_code_is_shown"
    assert shown in found
    assert len(found) < 100


def test_the_texts_of_a_change_are_those_of_the_functions_that_it_touches() -> None:
    source = (
        'BEFORE = \'a constant\'\ndef first():\n    """Explain it."""\n    return \'first text\'\n'
        "class Two:\n    def method(self):\n        return f'{self} second\\nthird line' or 'abc'\n"
    )

    other = source.replace("first text", "text").replace("a constant", "const")

    found = changed_tests.texts_of((source, {1, 4}), (other, {1, 4}))

    assert found == Texts(frozenset({"a constant", "first text", "const"}), frozenset())


def test_texts_beside_changed_lines_are_kept_apart() -> None:
    source = "def first(number):\n    if number:\n        return 'near'\n    return 'other'\n"

    found = changed_tests.texts_of((source, {3}), (source.replace("near'", "near'[1:]"), {3}))

    assert found == Texts(frozenset(), frozenset({"other"}))


def test_a_module_whose_line_breaks_alone_changed_concerns_nothing() -> None:
    assert changed_tests.looks_different_only("def f(): return (1, 2)", "def f():  # two\n    return 1, 2\n")
    assert not changed_tests.looks_different_only("def f(): return 1", "def f(): return 2")


def test_the_nearest_tests_are_taken_that_a_budget_allows() -> None:
    near, far = "tests/docs/test_changed_tests.py", "tests/docs/test_docs.py"
    costs = Costs([near, far], Budgets(0.07, {"docs": 100.0}))

    every, nothing = nearest({near: 0, far: 5}, costs, 1000)
    some, left_out_s = nearest({near: 0, far: 5}, costs, every[near])

    assert sum(every.values()) == pytest.approx(100)
    assert nothing == 0
    assert [*some] == [near]
    assert left_out_s == pytest.approx(every[far])


def test_a_change_within_tests_concerns_no_file_that_imports_theirs() -> None:
    source = "WRONG = 1\ndef test_it():\n    assert True\ndef solve():\n    pass\n"

    assert changed_tests.concerns_itself([("", set()), (source, {3})])
    assert not any(changed_tests.concerns_itself([("", set()), (source, lines)]) for lines in ({1}, {3, 5}))
