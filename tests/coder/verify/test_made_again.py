"""New files that the tests write as the model runs them: they are the tests' own, and don't land."""

from pathlib import Path

import pytest

from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.advice import left_out
from tests.coder.engine.participants.test_acting import DONE, bash
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

FILES = {
    "shop.py": "def total(prices):\n    return 0\n",
    "tests/test_shop.py": "import json\nfrom pathlib import Path\n\nfrom shop import total\n\n\n"
    "def test_total():\n    Path(__file__).with_name('out.json').write_text(json.dumps(total([2, 3])))\n"
    "    assert total([2, 3]) == 5\n",
}
MEND = "sed -i 's/return 0/return sum(prices)/' shop.py"
TEST = "python -m pytest -q"
pytestmark = [KEPT, RECORDED, pytest.mark.slow]


async def worked(folder: Path, *answers: list[ToolCall], **settings: object) -> Run:
    for path, text in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    task = Task(prompt="Mend total().", workspace=folder, test_command=("python", "-m", "pytest", "-q"))
    chosen = Settings(strategy="act", python=only_pytest()).model_copy(update=settings)
    return await solve(task, model=Scripted(answers), settings=chosen, log=MemoryLog())


async def test_a_file_that_the_tests_write_beside_them_is_left_out_and_named(tmp_path: Path) -> None:
    run = await worked(tmp_path, bash(f"{MEND} && {TEST}"), DONE)

    assert (run.status, run.verified, run.landed) == ("solved", "tests", ("shop.py",))
    assert run.left_out == {"tests/out.json": "made_again"}
    assert left_out(run) == ["tests/out.json: the test command makes it by itself"]
    assert not (tmp_path / "tests/out.json").exists()


async def test_a_file_that_a_command_of_the_model_writes_lands(tmp_path: Path) -> None:
    run = await worked(tmp_path, bash(f"{MEND} && echo 3 > prices.txt && {TEST}"), DONE)

    assert (run.status, sorted(run.landed)) == ("solved", ["prices.txt", "shop.py"])
    assert (tmp_path / "prices.txt").read_text() == "3\n"


async def test_a_file_that_the_tests_write_lands_where_the_user_allows_it(tmp_path: Path) -> None:
    run = await worked(tmp_path, bash(f"{MEND} && {TEST}"), DONE, allow=("tests/out.json",))

    assert (run.status, run.left_out) == ("solved", {})
    assert (tmp_path / "tests/out.json").read_text() == "5"
