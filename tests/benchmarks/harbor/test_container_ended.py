"""A container whose first program ends by itself is a fault of its task, and the other tasks are judged."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.image import task_image
from benchmarks.harbor.judging import find_harbor_mode, judge_harbor
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.conftest import remove_image
from tests.benchmarks.harbor.tasks_made import DOCKERFILE, TEST_SH, make_task
from tests.coder.people.cli.console import Console

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
ENDS = f'{DOCKERFILE}ENTRYPOINT ["sh", "-c", "sleep 0.2; exit 7"]\n'
IS_MISSING = f'{DOCKERFILE}ENTRYPOINT ["/no/such/program"]\n'
WATCHES = f"""{DOCKERFILE}ENTRYPOINT ["sh", "-c", "while [ ! -e /app/stop ]; do sleep 0.1; done"]\n"""
HEALTHY = '[environment.healthcheck]\ncommand = "sleep 1"\ninterval_sec = 0\nretries = 3\n'


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """Tasks here have the image of the module, which is built once, unless they say otherwise."""
    yield


async def forget_image(engine: Engine, task: Path) -> None:
    await remove_image(
        engine, await task_image(engine, task / "environment", docker_image=None, timeout_s=120)
    )


@pytest.mark.parametrize(
    ("dockerfile", "reason"), [(ENDS, "with exit code 7"), (IS_MISSING, "doesn't start")]
)
@pytest.mark.parametrize("has_solution", [True, False])
async def test_a_task_whose_container_ends_by_itself_judges_nobody(
    engine: Engine, tmp_path: Path, dockerfile: str, reason: str, has_solution: bool
) -> None:
    task = make_task(tmp_path, dockerfile=dockerfile, toml=HEALTHY)
    if not has_solution:
        (task / "solution/solve.sh").unlink()
        (task / "solution").rmdir()

    try:
        mode = await find_harbor_mode(engine, task)
    finally:
        await forget_image(engine, task)

    assert mode.how == "broken"
    assert reason in mode.reason


async def test_a_suite_goes_on_after_a_task_whose_container_ends_by_itself(
    engine: Engine, tmp_path: Path
) -> None:
    for name in ("1-ends", "2-ends", "3-ends", "4-ends"):
        ends = make_task(tmp_path / "tasks" / name, dockerfile=ENDS, toml=HEALTHY)
    make_task(tmp_path / "tasks/5-sound")

    try:
        done = await asyncio.to_thread(
            Console(tmp_path).run, "bench", "run", "harbor:tasks", "--agent", "oracle", "--json"
        )
    finally:
        await forget_image(engine, ends)

    verdicts = json.loads(done.out)["verdicts"]
    assert [each["verdict"] for each in verdicts] == ["infrastructure"] * 4 + ["passed"]
    assert "ended by itself, with exit code 7" in verdicts[0]["detail"]


async def test_an_answer_that_ends_the_container_is_judged_by_what_it_left(
    engine: Engine, tmp_path: Path
) -> None:
    waits = TEST_SH.replace("#!/bin/bash\n", "#!/bin/bash\n[ ! -e /app/stop ] || sleep 60\n")
    task = make_task(tmp_path, dockerfile=WATCHES, test=waits)

    try:
        mode = await find_harbor_mode(engine, task)
        ends = await judge_harbor(engine, task, "echo 42 > answer.txt; touch stop; sleep 60", mode)
        works = await judge_harbor(engine, task, "echo 42 > answer.txt", mode)
    finally:
        await forget_image(engine, task)

    assert (mode.how, works.outcome, ends.outcome) == ("apart", "passed", "error")
    assert ends.reward is None
