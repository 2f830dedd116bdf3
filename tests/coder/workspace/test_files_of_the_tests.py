"""Files through which given tests decide are the tests': an edit of one solves nothing."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

WRONG = "def price(n):\n    return n\n"
TEST = "from shop import price\nfrom helper import same\n\n\ndef test_price():\n    same(price(2), 4)\n"
MAKEFILE = "include common.mk\ntest:\n\tpython3 -c 'import shop; print(shop.price(2))' | $(CHECK)\n"
PYTEST = Settings(python=only_pytest(), plan=False, strategy="repair", budget=Budget(samples=1, repairs=0))


async def work(
    folder: Path, files: dict[str, str], changed: str, text: str, command: str, log: MemoryLog | None = None
) -> Run:
    for path, content in files.items():
        (folder / path).write_text(content)
    answer = f"**{changed}**\n```\n{text}```\n"
    task = Task(prompt="Doubling is wrong.", workspace=folder, test_command=tuple(command.split()))
    return await solve(task, model=Scripted([answer] * 3), settings=PYTEST, log=log or MemoryLog())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "changed", "text", "command"),
    [
        (
            {"shop.py": WRONG, "test_it.py": TEST, "helper.py": "def same(a, b):\n    assert a == b\n"},
            "helper.py",
            "def same(a, b):\n    pass\n",
            "pytest -q",
        ),
        (
            {
                "shop.py": WRONG,
                "test_it.py": TEST,
                "helper.py": "def same(a, b):\n    assert a == int(open('wanted.json').read())\n",
                "wanted.json": "4\n",
            },
            "wanted.json",
            "2\n",
            "pytest -q",
        ),
        (
            {"shop.py": WRONG, "Makefile": MAKEFILE, "common.mk": "CHECK = grep -qx 4\n"},
            "common.mk",
            "CHECK = true\n",
            "make test",
        ),
    ],
    ids=["helper", "data of a helper", "included makefile"],
)
async def test_an_edit_of_what_the_tests_use_solves_nothing(
    tmp_path: Path, files: dict[str, str], changed: str, text: str, command: str
) -> None:
    run = await work(tmp_path, files, changed, text, command)

    assert run.status in ("unsolved", "unverified")
    assert run.landed == ()
    assert changed in run.left_out
    assert (tmp_path / changed).read_text() == files[changed]


@pytest.mark.slow
async def test_a_change_of_what_may_be_a_part_of_the_tests_is_no_stronger_than_inside_and_named(
    tmp_path: Path,
) -> None:
    files = {
        "shop.py": WRONG,
        "test_it.py": TEST,
        "helper.py": "def same(a, b):\n    return a == b or 1 / 0\n",
    }

    log = MemoryLog()
    run = await work(tmp_path, files, "helper.py", "def same(a, b):\n    return True\n", "pytest -q", log)

    assert run.strength != "outside"
    assert run.test_support == ("helper.py",)
    assert run.model_dump(mode="json")["test_support"] == ["helper.py"]
    bodies = [event.body for event in await log.read(run.run_id)]
    assert any("which may be a part of them: helper.py" in str(body) for body in bodies)
