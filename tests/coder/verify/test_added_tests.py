"""Tests that a change adds to a given test file: they are run, may be evidence, and land with the change."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.verify.added_tests import adds_alone
from tests.coder.workspace.test_edited_tests import answer
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog

pytestmark = KEPT

CODE = "def price(n):\n    return n\n"
MORE = CODE + "\n\ndef total(*prices):\n    return sum(prices)\n"
GIVEN = "from shop import price\n\n\ndef test_price():\n    assert price(1) == 1\n"
TOTAL = "\n\ndef test_total():\n    assert total(1, 2) == {}\n"
ADDED = GIVEN.replace("price\n", "price, total\n", 1) + TOTAL
HELPER = "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n"
NEEDS_HELPER = GIVEN + "\n\ndef test_two(two):\n    assert price(two) == 2\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder whose tests pass."""
    (tmp_path / "shop.py").write_text(CODE)
    (tmp_path / "test_shop.py").write_text(GIVEN)
    return tmp_path


async def work(shop: Path, **files: str) -> Run:
    task = Task(prompt="Add total().", workspace=shop, test_command=("pytest", "-q"))
    settings = Settings(plan=False, edit_format="whole", budget=Budget(samples=1, max_calls=1))
    return await solve(task, model=Scripted([answer(**files)]), settings=settings, log=MemoryLog())


@pytest.mark.slow
async def test_a_test_that_is_added_to_a_given_file_is_evidence_and_lands(shop: Path) -> None:
    run = await work(shop, shop__py=MORE, test_shop__py=ADDED.format(3))

    assert (run.status, run.reproduced_by) == ("solved", ("test_shop.py::test_total",)), run.reason
    assert (shop / "test_shop.py").read_text() == ADDED.format(3)


@pytest.mark.slow
async def test_one_that_fails_with_the_change_fails_the_answer(shop: Path) -> None:
    run = await work(shop, shop__py=MORE, test_shop__py=ADDED.format(4))

    assert run.status != "solved"
    assert [line.name for line in run.tests if not line.passed] == ["test_shop.py::test_total"]
    assert (shop / "test_shop.py").read_text() == GIVEN


@pytest.mark.slow
async def test_where_a_given_test_shows_success_one_that_fails_is_left_out(shop: Path) -> None:
    (shop / "test_total.py").write_text("from shop import total\n" + TOTAL.format(3))

    run = await work(shop, shop__py=MORE, test_shop__py=ADDED.format(4))

    assert (run.status, run.verified, {*run.left_out}) == ("solved", "tests", {"test_shop.py"})


@pytest.mark.slow
async def test_beside_an_edit_of_what_is_there_it_is_left_out_as_before(shop: Path) -> None:
    edited = ADDED.format(3).replace("price(1) == 1", "price(1) > 0")

    run = await work(shop, shop__py=MORE, test_shop__py=edited)

    assert (run.verified, {*run.left_out}) == ("none", {"test_shop.py"})
    assert (shop / "test_shop.py").read_text() == GIVEN


@pytest.mark.slow
async def test_what_is_added_to_a_conftest_is_left_out_with_the_test_that_needs_it(shop: Path) -> None:
    (shop / "conftest.py").write_text("import pytest\n")

    run = await work(shop, shop__py=MORE, conftest__py=HELPER, test_shop__py=NEEDS_HELPER)

    assert set(run.left_out) == {"conftest.py", "test_shop.py"}
    assert (shop / "test_shop.py").read_text() == GIVEN


CLASS = "class TestShop(Base):\n    kind = 1\n\n    def test_price(self):\n        assert price(1)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GIVEN, GIVEN),
        (GIVEN, f"# Tests.\nimport math\n{GIVEN}"),
        (GIVEN, ADDED),
        (CLASS, CLASS + "\n    def test_more(self): ...\n"),
        (CLASS, CLASS + "\n\nTWO = 2\n\nclass TestMore: ...\n"),
    ],
)
def test_python_that_keeps_each_statement_is_only_added_to(before: str, after: str) -> None:
    assert adds_alone("test_shop.py", before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GIVEN, GIVEN.replace("== 1", ">= 1")),
        (GIVEN, GIVEN + "\n\ndef test_price(): ...\n"),  # the last definition is the one that runs
        (GIVEN, GIVEN + "\n\ndef price(n): return 1\n"),
        (GIVEN, "from fake import price\n" + GIVEN),
        (GIVEN, "from shop import *\n" + GIVEN),
        (GIVEN, GIVEN + "\n\ndel test_price\n"),
        (GIVEN, "raise SystemExit\n" + GIVEN),
        (GIVEN, GIVEN.replace("def test", "@skip\ndef test")),
        (GIVEN, ""),
        (GIVEN, GIVEN + "\n("),
        (CLASS, CLASS.replace("Base", "Other")),
        (CLASS, CLASS + "\n    def test_price(self): ...\n"),
        (CLASS, CLASS.replace("kind = 1", "kind = 2")),
    ],
)
def test_python_that_changes_or_rebinds_anything_is_more_than_added_to(before: str, after: str) -> None:
    assert not adds_alone("test_shop.py", before, after)


JEST = """import { price } from './shop';

describe('shop', () => {
  it('has a price', () => {
    expect(price(1)).toBe(1);
  });
});
"""
INNER = "  it('has a total', () => {\n    expect(total(1, 2)).toBe(3);\n  });\n"


@pytest.mark.parametrize(
    ("after", "is_added"),
    [
        (JEST.replace("});\n});", f"}});\n{INNER}}});"), True),
        (JEST.replace("{ price }", "{ price, total }") + "\nit('more', () => {});\n", True),
        (JEST.replace("{ price }", "{ cost }"), False),
        (JEST.replace("toBe(1)", "toBe(2)"), False),
        (JEST.replace("    expect(price(1)).toBe(1);\n", ""), False),
        (JEST.replace("  it(", "  if (false) {\n  it("), False),
    ],
)
def test_lines_of_another_language_are_kept_and_what_is_added_is_whole(after: str, *, is_added: bool) -> None:
    assert adds_alone("shop.test.ts", JEST, after) is is_added


@given(st.lists(st.sampled_from([*GIVEN.splitlines(keepends=True), *"(){}\n", "x = 1\n"]), max_size=12))
def test_any_text_can_be_compared(lines: list[str]) -> None:
    for path in ("test_shop.py", "shop.test.js"):
        assert adds_alone(path, GIVEN, "".join(lines)) in (True, False)
