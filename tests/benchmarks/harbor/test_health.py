"""A container of a Harbor task is used once its health check passes; one that never does is no verdict."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.image import task_image
from benchmarks.harbor.judging import find_harbor_mode, judge_harbor
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.conftest import remove_image
from tests.benchmarks.harbor.tasks_made import DOCKERFILE, make_task

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
WAKES = "(until [ -e /tmp/asked ]; do sleep 0.1; done; touch /tmp/ready) &"
LATE = f"""{DOCKERFILE}ENTRYPOINT ["sh", "-c", "{WAKES} exec \\"$@\\"", "sh"]\n"""
"""It gets ready once it was asked, so that what doesn't wait for it never finds it ready."""
NEEDS_IT = """#!/bin/bash
if [ -e /tmp/ready ] && [ -e /app/answer.txt ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""
SOLVE = "#!/bin/bash\nif [ -e /tmp/ready ]; then touch /app/answer.txt; fi\n"
CHECK = '[environment.healthcheck]\ncommand = "touch /tmp/asked; test -e /tmp/ready"\n'
WAITS = f"{CHECK}interval_sec = 0.2\nretries = 50\n"
IN_START = f"{WAITS}start_period_sec = 20\nstart_interval_sec = 0.2\n".replace("50", "1")


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """Tasks here have the image of the module, which is built once, unless they say otherwise."""
    yield


@pytest.mark.parametrize(("check", "how"), [(WAITS, "apart"), (IN_START, "apart"), ("", "broken")])
async def test_what_the_entrypoint_of_an_image_starts_is_awaited_by_the_health_check_alone(
    engine: Engine, tmp_path: Path, check: str, how: str
) -> None:
    task = make_task(tmp_path, dockerfile=LATE, test=NEEDS_IT, solve=SOLVE, toml=check)
    image = await task_image(engine, task / "environment", docker_image=None, timeout_s=120)

    try:
        mode = await find_harbor_mode(engine, task)
    finally:
        await remove_image(engine, image)

    assert mode.how == how, mode.reason


async def test_a_task_that_never_gets_healthy_judges_nobody(engine: Engine, tmp_path: Path) -> None:
    check = '[environment.healthcheck]\ncommand = "exit 3"\ninterval_sec = 0\nretries = 2\n'

    mode = await find_harbor_mode(engine, make_task(tmp_path, toml=check))

    assert mode.how == "broken"
    assert "its health check failed, 2 times in a row" in mode.reason
    assert "exit 3" in mode.reason


async def test_a_health_check_that_hangs_is_a_failure_and_the_next_one_may_pass(
    engine: Engine, tmp_path: Path
) -> None:
    hangs_once = "[ -e /tmp/once ] || { touch /tmp/once; sleep 600; }"
    patience = "timeout_sec = 1\ninterval_sec = 0\nretries = 9\n"  # a busy machine may need more than one
    check = f'[environment.healthcheck]\ncommand = "{hangs_once}"\n{patience}'
    task = make_task(tmp_path, toml=check)

    mode = await find_harbor_mode(engine, task)
    judged = await judge_harbor(engine, task, "echo 42 > answer.txt", mode)

    assert (mode.how, judged.outcome, judged.strength) == ("apart", "passed", "apart")
