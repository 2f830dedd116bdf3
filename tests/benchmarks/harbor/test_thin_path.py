"""A Harbor task is judged in containers of its image: what stays in the first stage of these tests."""

from pathlib import Path

import pytest

from benchmarks.harbor.judging import find_harbor_mode, judge_harbor
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import make_task

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_a_task_whose_solution_writes_files_is_judged_apart(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    task = make_task(tmp_path)

    mode = await find_harbor_mode(engine, task)
    nothing = await judge_harbor(engine, task, "", mode)
    script = await judge_harbor(engine, task, "echo 42 > answer.txt", mode)

    assert (mode.how, mode.strength, mode.needs_deciding) == ("apart", "apart", False)
    assert (nothing.outcome, script.outcome, script.strength) == ("failed", "passed", "apart")
