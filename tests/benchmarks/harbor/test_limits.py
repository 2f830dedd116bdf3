"""Answers that flood, fill the disk or start many processes: the verdict is theirs, and nothing hangs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.apart import judge_apart
from benchmarks.harbor.changes import read_changes
from benchmarks.harbor.judging import judge_harbor
from benchmarks.harbor.mode import HarborMode
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.verifier import Judged
from sandbox.docker.engine import Engine
from sandbox.docker.labels import OWNER, labels, list_containers
from tests.benchmarks.harbor.tasks_made import TEST_SH, make_task, recipe_of, verifier_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
APART = HarborMode(how="apart")
PATIENCE_S = 300
"""Less than an agent has for a step."""
ANSWER = "echo 42 > /app/answer.txt"


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


async def judge(engine: Engine, task: Path, answer: str) -> Judged:
    """Judge an answer; nothing of it is left afterwards."""
    async with asyncio.timeout(PATIENCE_S):
        judged = await judge_harbor(engine, task, answer, APART)
    assert await list_containers(engine, f"{OWNER}={labels()[OWNER]}") == []
    return judged


async def test_an_answer_that_fills_the_disk_is_ended_and_is_an_error(engine: Engine, tmp_path: Path) -> None:
    task = make_task(tmp_path, toml="storage_mb = 64\n")

    judged = await judge(engine, task, f"{ANSWER}; yes | head -c 200000000 > /app/big; sleep 3000")

    assert judged.outcome == "error"
    assert "exceed the limit" in judged.detail


async def test_code_that_fills_the_disk_while_it_is_tested_is_ended_and_is_an_error(
    engine: Engine, tmp_path: Path
) -> None:
    task = make_task(tmp_path, test=f"{TEST_SH}bash /app/run.sh\n", toml="storage_mb = 64\n")

    judged = await judge(
        engine, task, "echo 'rm -r /logs/verifier; yes | head -c 200000000 > /tmp/big; sleep 3000' > run.sh"
    )

    assert (judged.outcome, judged.reward) == ("error", None)


async def test_output_without_end_is_cut_and_the_reward_decides(engine: Engine, tmp_path: Path) -> None:
    test = f"{TEST_SH}cat /app/noise.txt /app/noise.txt; echo the end\n"
    task = make_task(tmp_path, test=test)
    noise = "yes noise | head -c 60000000"

    judged = await judge(engine, task, f"{ANSWER}; {noise} > noise.txt; {noise}; {noise} >&2")

    assert judged.outcome == "passed"
    assert judged.output.endswith("the end")
    assert len(judged.output) <= 64 << 10


@pytest.mark.parametrize("name", ["json", "txt"])
async def test_a_reward_that_is_too_long_is_none(engine: Engine, tmp_path: Path, name: str) -> None:
    test = f"#!/bin/bash\nyes 1 | head -c 4000000 > /logs/verifier/reward.{name}\n"

    judged = await judge(engine, make_task(tmp_path, test=test), ANSWER)

    assert (judged.outcome, judged.reward) == ("error", None)


async def test_an_answer_that_starts_more_processes_than_it_may_fails_and_is_judged(
    engine: Engine, tmp_path: Path, image: str
) -> None:
    task, few = make_task(tmp_path), recipe_of(image).model_copy(update={"processes": 48})
    forks = "for i in $(seq 200); do sleep 3000 & done; echo 42 > /app/answer.txt"

    async with asyncio.timeout(PATIENCE_S), open_container(engine, few) as container:
        ended = await container.run(["bash", "-c", forks], timeout_s=120, ends_container=False)
        await container.stop()
        async with read_changes(container) as changes:
            judged = await judge_apart(engine, few, verifier_of(task), changes)

    assert ended.exit_code not in (0, None)
    assert judged.outcome == "failed"


async def test_code_that_forks_without_end_while_it_is_tested_fails_in_time(
    engine: Engine, tmp_path: Path, image: str
) -> None:
    test = f"{TEST_SH}echo 0 > /logs/verifier/reward.txt; bash /app/run.sh\n"
    task, few = make_task(tmp_path, test=test), recipe_of(image).model_copy(update={"processes": 48})

    async with asyncio.timeout(PATIENCE_S), open_container(engine, few) as container:
        await container.run(["sh", "-c", "echo 'f() { f & f; }; f; wait' > /app/run.sh"], timeout_s=30)
        await container.stop()
        async with read_changes(container) as changes:
            judged = await judge_apart(engine, few, verifier_of(task, timeout_s=20), changes)
    leftovers = await list_containers(engine, f"{OWNER}={labels()[OWNER]}")

    assert judged.outcome in ("failed", "timeout")
    assert leftovers == []
