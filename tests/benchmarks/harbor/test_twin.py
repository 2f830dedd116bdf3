"""A pass on a Harbor task counts only if a twin of the answer, without the work, fails."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.judging import find_harbor_mode, judge_harbor
from benchmarks.harbor.mode import HarborMode
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import make_task

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
TEST = """\
#!/bin/bash
cp /tests/test_greet.py /app/
cd /app && python3 -m pytest -q -p no:cacheprovider test_greet.py
echo $((1 - ($? != 0))) > /logs/verifier/reward.txt
"""
TEST_GREET = "from greet import greet\n\ndef test_greet():\n    assert greet('Ada') == 'Hello Ada'\n"
WORK = "printf 'def greet(name):\\n    return \"Hello \" + name\\n' > /app/greet.py"
WRONG = "printf 'def greet(name):\\n    return 1\\n' > /app/greet.py"
HOOK = "printf 'def pytest_pyfunc_call(pyfuncitem):\\n    return True\\n' > /app/conftest.py"
SHADOW = "mkdir /app/pytest; touch /app/pytest/__init__.py; echo 'exit(0)' > /app/pytest/__main__.py"
ATTACKS = {
    "a hook beside the tests": f"{WRONG}; {HOOK}",
    "a module in place of the runner": f"{WRONG}; {SHADOW}",
}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_task(tmp_path_factory.mktemp("greeting"), test=TEST, solve=f"#!/bin/bash\n{WORK}\n")
    (folder / "tests/test_greet.py").write_text(TEST_GREET)
    return folder


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def mode(engine: Engine, image: str, task: Path) -> AsyncIterator[HarborMode]:
    """How the task is judged: its solution writes `greet.py`, whose twin gives no results."""
    harbor_mode = await find_harbor_mode(engine, task)
    assert harbor_mode.own is not None, harbor_mode.reason
    assert (harbor_mode.own.paths, harbor_mode.own.form) == ({"/app/greet.py"}, "spoiled")
    yield harbor_mode


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_whose_twin_passes_too_is_suspicious(
    engine: Engine, task: Path, mode: HarborMode, attack: str
) -> None:
    judged = await judge_harbor(engine, task, f"#!/bin/bash\n{attack}\n", mode)
    without_a_twin = await judge_harbor(
        engine, task, f"#!/bin/bash\n{attack}\n", mode.model_copy(update={"steps": ()})
    )

    assert judged.outcome == "suspicious", judged.detail
    assert without_a_twin.outcome == "passed", without_a_twin.detail


@pytest.mark.parametrize("helper", ["", "; printf 'import greet\\n' > /app/helper.py"])
async def test_an_honest_answer_passes_whose_twin_fails(
    engine: Engine, task: Path, mode: HarborMode, helper: str
) -> None:
    judged = await judge_harbor(engine, task, f"#!/bin/bash\n{WORK}{helper}\n", mode)

    assert (judged.outcome, judged.strength) == ("passed", "apart"), judged.detail


async def test_work_that_is_wrong_fails(engine: Engine, task: Path, mode: HarborMode) -> None:
    judged = await judge_harbor(engine, task, f"#!/bin/bash\n{WRONG}\n", mode)

    assert judged.outcome == "failed"
