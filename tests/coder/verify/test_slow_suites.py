"""A suite that was found and takes too long: the tests nearest to the task decide, or those that ended."""

import json
from pathlib import Path

import pytest

from coder.config.project_tests import find
from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, parse
from coder.run.found_tests import FoundTests
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.verify import time_limits
from tests.coder.verify.test_cut_suites import SLOW
from tests.coder.workspace.test_edited_tests import answer
from tests.early_timeouts import open_early
from tests.growing_limits import growing_limits
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
    monkeypatch.setattr(time_limits, "MAX_FOUND_S", 15.0)
    return tmp_path


GO = "#!/bin/sh\nif grep -q '+ 1' cart.py; then cat events; sleep 600; fi\ngrep -v '^#' passes\n"
"""A program that reports as `go test -json` does, and doesn't end while the code is wrong."""


def events(*told: tuple[str, str]) -> str:
    return "".join(
        json.dumps({"Action": action, "Package": "shop"} | ({"Test": test} if test else {})) + "\n"
        for action, test in told
    )


RUNS = [("run", "TestTotal"), ("fail", "TestTotal"), ("run", "TestHang"), ("run", "TestHang/sub")]
PASSES = [("pass", "TestTotal"), ("pass", "TestHang/sub"), ("pass", "TestHang"), ("pass", "")]


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


async def test_a_test_of_another_runner_that_does_not_end_fails_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, text in {
        "cart.py": WRONG,
        "go": GO,
        "events": events(*RUNS),
        "passes": events(*PASSES),
    }.items():
        (tmp_path / path).write_text(text)
    (tmp_path / "go").chmod(0o755)
    found = FoundTests(argv=("./go", "test"), place="go.mod")
    monkeypatch.setattr(find, "find_test_commands", lambda texts, named: (found,))
    task = Task(prompt="Mend it.", workspace=tmp_path, mends=True)
    settings = Settings(strategy="repair", plan=False, edit_format="whole", budget={"max_calls": 1})
    for limit_s in growing_limits(1):
        monkeypatch.setattr(time_limits, "MAX_FOUND_S", limit_s)
        (tmp_path / "cart.py").write_text(WRONG)
        log, model = MemoryLog(), Scripted([answer(cart__py=WRONG.replace(" + 1", ""))])
        run = await solve(task, model=model, settings=settings, log=log)
        bodies = [parse(event) for event in await log.read(run.run_id)]
        baseline = next(body for body in bodies if isinstance(body, BaselineTaken))
        if len(baseline.before) == 2:
            break

    assert baseline.before == {"shop.TestTotal": False, "shop.TestHang/sub": False}
    assert "It hadn't ended when the command was stopped after" in model.requests[0].messages[-1].content
    assert run.status == "solved", run.reason


async def test_a_suite_that_is_only_slow_is_not_mended_and_the_error_tells_the_flag_that_runs_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_slow.py").write_text(SLOW)
    task = Task(prompt="Mend it.", workspace=tmp_path, mends=True)

    run = await solve(task, model=Scripted([]), log=MemoryLog(), sandbox=open_early)

    assert (run.status, run.exit_code) == ("error", 2)
    assert "It takes more than 120 s. Have it run all the same: --test 'python -m pytest -q'" in run.reason
