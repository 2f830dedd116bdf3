"""New tests in a given test file: they are run after the given tests, and may be evidence."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
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
async def test_a_test_that_is_added_to_a_given_file_is_evidence_and_needs_a_yes_to_land(shop: Path) -> None:
    run = await work(shop, shop__py=MORE, test_shop__py=ADDED.format(3))

    assert (run.status, run.reproduced_by) == ("solved", ("test_shop.py::test_total",)), run.reason
    assert {*run.left_out} == {"test_shop.py"}
    assert "+def test_total():" in run.test_patch
    assert (shop / "test_shop.py").read_text() == GIVEN


@pytest.mark.slow
async def test_one_that_fails_with_the_change_is_no_evidence(shop: Path) -> None:
    run = await work(shop, shop__py=MORE, test_shop__py=ADDED.format(4))

    assert (run.status, run.verified) == ("unverified", "none")
    assert "the new tests in edited test files fail: test_shop.py::test_total" in run.reason


@pytest.mark.slow
async def test_given_tests_decide_as_they_were_whatever_is_added_beside_them(shop: Path) -> None:
    patched = "import shop\n\nshop.price = lambda n: 1\n" + ADDED.format(3)

    run = await work(shop, shop__py=MORE.replace("return n", "return 2 * n"), test_shop__py=patched)

    assert run.status != "solved"
    assert "test_shop.py::test_price" in [line.name for line in run.tests if not line.passed]


@pytest.mark.slow
async def test_one_that_never_ends_is_no_evidence(shop: Path) -> None:
    hanging = ADDED.format(3) + "\n\ndef test_hangs():\n    import time\n    time.sleep(1000)\n"

    run = await work(shop, shop__py=MORE, test_shop__py=hanging)

    assert (run.status, run.verified) == ("unverified", "none")


@pytest.mark.slow
async def test_what_is_added_to_a_conftest_is_not_run(shop: Path) -> None:
    (shop / "conftest.py").write_text("import pytest\n")

    run = await work(shop, shop__py=MORE, conftest__py=HELPER, test_shop__py=NEEDS_HELPER)

    assert {*run.left_out} == {"conftest.py", "test_shop.py"}
    assert run.status == "unverified"
