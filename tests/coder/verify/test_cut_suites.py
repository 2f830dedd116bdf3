"""Suites that take longer than their time limit, before the work and with the change.

Where a test reaches the limit is written in it; one test waits for a real one.
"""

from pathlib import Path

import pytest

from coder.environment.run_policy import OpenSandbox
from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, parse
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show.render import progress
from tests.coder.workspace.test_edited_tests import answer
from tests.early_timeouts import REACHES_LIMIT, open_early
from tests.growing_limits import growing_limits
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.sandbox_pool import open_kept

pytestmark = [KEPT, pytest.mark.slow]
LIMIT_S = 120.0
WRONG = "def price(n):\n    return n\n\n\ndef rebate(n):\n    return 0\n"
RIGHT = WRONG.replace("return n\n", "return 2 * n\n")
RED = "from shop import price\n\n\ndef test_two():\n    assert price(2) == 4\n"
FIRST = """from shop import price, rebate


def test_zero():
    assert price(0) == 0


def test_rebate():
    assert rebate(1) == 0
"""
SLOW = f"""import pytest

RAN = []


@pytest.mark.parametrize("n", range(9))
def test_slow(n):
    RAN.append(n)
    if len(RAN) > 3:
        {REACHES_LIMIT}
"""
"""The fourth test of a run is stopped, and passes alone."""
SLOW_CODE = SLOW.replace("import pytest\n", "import pytest\nimport shop\n").replace(
    "len(RAN) > 3", "shop.IS_SLOW and len(RAN) > 3"
)
"""The same as long as the code is slow."""
FILES = {"shop.py": WRONG, "test_a.py": FIRST, "test_b.py": RED, "test_slow.py": SLOW}


async def work(
    folder: Path,
    files: dict[str, str],
    *answers: str,
    opened: OpenSandbox = open_early,
    limit_s: float = LIMIT_S,
) -> tuple[Run, BaselineTaken, Scripted]:
    for path, text in files.items():
        (folder / path).write_text(text)
    log, model = MemoryLog(), Scripted(answers)
    settings = Settings(plan=False, budget=Budget(samples=1, repairs=0), test_timeout=limit_s)
    task = Task(prompt="Mend the price.", workspace=folder, test_command=("pytest", "-q"))
    run = await solve(task, model=model, settings=settings, log=log, sandbox=opened)
    bodies = [parse(event) for event in await log.read(run.run_id)]
    return run, next(body for body in bodies if isinstance(body, BaselineTaken)), model


async def test_a_right_change_is_accepted_where_the_suite_is_stopped_before_and_after(tmp_path: Path) -> None:
    run, baseline, _ = await work(tmp_path, FILES, answer(shop__py=RIGHT))

    assert baseline.is_cut
    assert [name for name, passed in baseline.before.items() if not passed] == ["test_b.py::test_two"]
    assert (run.status, run.verified, run.strength) == ("solved", "tests", "inside")
    assert (tmp_path / "shop.py").read_text() == RIGHT


async def test_a_change_that_breaks_a_test_within_the_limit_is_not_accepted(tmp_path: Path) -> None:
    run, _, _ = await work(tmp_path, FILES, answer(shop__py=RIGHT.replace("return 0", "return 1")))

    assert run.status == "unsolved"
    assert (tmp_path / "shop.py").read_text() == WRONG


async def test_a_change_that_makes_tests_too_slow_to_be_reached_is_not_accepted(tmp_path: Path) -> None:
    slow = RIGHT.replace("return 0", f"{REACHES_LIMIT}\n    return 0")

    run, _, _ = await work(tmp_path, FILES, answer(shop__py=slow))

    assert run.status == "unsolved"


async def test_a_change_that_no_test_shows_is_unverified_though_the_suite_ends_in_time_now(
    tmp_path: Path,
) -> None:
    code = f"IS_SLOW = True\n{WRONG}"
    files = {"shop.py": code, "test_a.py": FIRST, "test_slow.py": SLOW_CODE}

    run, baseline, _ = await work(tmp_path, files, answer(shop__py=code.replace("True", "False")))

    assert baseline.is_cut
    assert all(baseline.before.values())
    assert run.status == "unverified"


@pytest.mark.parametrize(("opened", "here"), [(open_kept, "time.sleep(0.1)"), (open_early, REACHES_LIMIT)])
async def test_a_test_that_hangs_alone_is_the_one_that_fails_before_the_work(
    tmp_path: Path, opened: OpenSandbox, here: str
) -> None:
    wait = f"        {here}\n"
    hangs = f"def test_hangs():\n    import shop, time\n    while shop.price(2) == 2:\n{wait}"
    files = {"shop.py": WRONG, "test_a.py": FIRST, "test_b.py": hangs}

    for limit_s in growing_limits(4) if opened is open_kept else [LIMIT_S]:
        run, baseline, _ = await work(tmp_path, files, answer(shop__py=RIGHT), opened=opened, limit_s=limit_s)
        if run.status == "solved":
            break

    assert [name for name, passed in baseline.before.items() if not passed] == ["test_b.py::test_hangs"]
    assert run.status == "solved"


@pytest.mark.parametrize(("late", "status"), [("False", "solved"), ("shop.IS_SLOW", "unsolved")])
async def test_a_failure_beyond_the_limit_counts_unless_it_was_there_before(
    tmp_path: Path, late: str, status: str
) -> None:
    test = f"import shop\n\n\ndef test_late():\n    assert {late}\n"
    files = {**FILES, "shop.py": f"IS_SLOW = True\n{WRONG}", "test_slow.py": SLOW_CODE, "test_z.py": test}

    run, baseline, _ = await work(tmp_path, files, answer(shop__py=f"IS_SLOW = False\n{RIGHT}"))

    assert "test_z.py::test_late" not in baseline.before
    assert run.status == status


async def test_the_person_and_the_model_read_that_the_suite_was_stopped(tmp_path: Path) -> None:
    _, baseline, model = await work(tmp_path, FILES, answer(shop__py=RIGHT))

    line = progress(baseline)
    assert line is not None
    assert f"stopped after {LIMIT_S:.0f} s by --test-timeout; 1 of the " in line
    assert "may not be at fault" in model.requests[0].messages[-1].content
