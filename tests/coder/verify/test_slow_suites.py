"""A suite that was found and takes too long gives way to the tests that are nearest to the task's files."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.verify import baseline
from tests.coder.workspace.test_edited_tests import answer
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog

pytestmark = [KEPT, pytest.mark.slow]

WRONG = "def total(prices):\n    return sum(prices) + 1\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a suite that takes minutes, and one quick test that is red."""
    (tmp_path / "cart.py").write_text(WRONG)
    (tmp_path / "test_cart.py").write_text(
        "from cart import total\n\n\ndef test_total():\n    assert total([1]) == 1\n"
    )
    (tmp_path / "test_other.py").write_text("import time\n\n\ndef test_slow():\n    time.sleep(600)\n")
    monkeypatch.setattr(baseline, "MAX_FOUND_S", 15.0)
    return tmp_path


async def work(shop: Path, prompt: str, log: MemoryLog) -> Run:
    settings = Settings(strategy="repair", plan=False, edit_format="whole", budget={"max_calls": 1})
    mended = answer(cart__py=WRONG.replace(" + 1", ""))
    return await solve(
        Task(prompt=prompt, workspace=shop), model=Scripted([mended]), settings=settings, log=log
    )


async def test_the_nearest_tests_decide_and_the_log_says_why(shop: Path) -> None:
    log = MemoryLog()

    run = await work(shop, "total() in cart.py is one too big. Mend it.", log)

    assert (run.status, run.verified, run.exit_code) == ("solved", "tests", 0), run.reason
    (reason,) = [
        event.body["reason"] for event in await log.read(run.run_id) if event.type == "tests.dropped"
    ]
    assert "more than 15 s. The tests nearest to cart.py decide." in reason
    assert "--test 'python -m pytest -q'" in reason


async def test_without_a_named_file_the_run_goes_on_without_tests(shop: Path) -> None:
    run = await work(shop, "The total is one too big. Mend it.", MemoryLog())

    assert (run.status, run.verified) == ("unverified", "none")
