"""Harbor's own verdicts on tasks of several services equal ours, on honest answers and on none."""

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks.harbor.judging import find_harbor_mode, judge_harbor
from perf.harbor_attacks import run_agent
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.compose.services_made import (
    HAS_PLUGIN,
    READ_TEST,
    SERVICES,
    WRITE_TEST,
    WRITES,
    make_services,
)

pytestmark = [pytest.mark.foreign, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
WRONG = "#!/bin/bash\necho 7 > /app/answer.txt\n"
UNREADY = SERVICES.replace("localhost:8000", "localhost:1").replace("retries: 40", "retries: 2")


def write_tasks(folder: Path) -> dict[str, Path]:
    """Tasks whose names say what becomes of their own solutions."""
    tasks = {
        "passes": make_services(folder / "passes"),
        "passes-by-state": make_services(folder / "passes-by-state", solve=WRITES, test=WRITE_TEST),
        "fails-wrong": make_services(folder / "fails-wrong", solve=WRONG, test=READ_TEST),
        "fails-unready": make_services(folder / "fails-unready", services=UNREADY),
    }
    for task in tasks.values():  # Harbor's Docker environment has no network mode of this kind everywhere
        toml = (task / "task.toml").read_text()
        (task / "task.toml").write_text(toml.replace('network_mode = "no-network"\n', ""))
    return tasks


if HAS_PLUGIN and "CODER_HARBOR_PYTHON" in os.environ:

    async def test_harbor_and_coder_agree_on_tasks_of_several_services(
        engine: Engine, tmp_path: Path
    ) -> None:
        tasks = write_tasks(tmp_path / "tasks")

        modes = {name: await find_harbor_mode(engine, task) for name, task in tasks.items()}
        nothing = {
            name: (await judge_harbor(engine, tasks[name], "", mode)).outcome
            for name, mode in modes.items()
            if mode.how != "broken"
        }
        theirs = {
            agent: await asyncio.to_thread(
                run_agent,
                agent,
                tmp_path / "tasks",
                Path(os.environ["CODER_HARBOR_PYTHON"]),
                docker_config=Path(os.environ["CODER_DOCKER_CONFIG"]),
            )
            for agent in ("oracle", "nop")
        }

        assert {name: mode.how != "broken" for name, mode in modes.items()} == {
            name: verdict == "passed" for name, verdict in theirs["oracle"][0].items()
        }, theirs["oracle"][1]
        assert nothing == {name: theirs["nop"][0][name] for name in nothing}, theirs["nop"][1]
        assert set(nothing) == {"passes", "passes-by-state"}
        assert set(nothing.values()) == {"failed"}
