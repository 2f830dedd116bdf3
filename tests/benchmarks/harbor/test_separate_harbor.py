"""Harbor's own verdicts on tasks whose verifier has a container of its own equal ours, on honest answers.

Without Harbor and the compose plugin of Docker's client (tests/coder/test_harbor.py), this test isn't there.
"""

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks.harbor.judging import find_harbor_mode
from perf.harbor_attacks import run_agent
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.test_separate import write_image, write_separate

pytestmark = [pytest.mark.foreign, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


def write_tasks(folder: Path) -> dict[str, Path]:
    """Tasks whose names say what becomes of their own solutions."""
    tasks = {
        "passes": write_separate(folder / "passes"),
        "passes-in-an-image": write_separate(folder / "passes-in-an-image", more="[verifier.environment]\n"),
        "fails-undeclared": write_separate(folder / "fails-undeclared", artifacts='"/app/elsewhere"'),
        "fails-by-exclusion": write_separate(
            folder / "fails-by-exclusion", artifacts='{source = "/app/out", exclude = ["answer.*"]}'
        ),
    }
    write_image(tasks["passes-in-an-image"])
    for task in tasks.values():  # Harbor's Docker environment has no network mode of this kind everywhere
        toml = (task / "task.toml").read_text()
        (task / "task.toml").write_text(toml.replace('network_mode = "no-network"\n', ""))
    return tasks


if {"CODER_HARBOR_PYTHON", "CODER_DOCKER_CONFIG"} <= {*os.environ}:

    async def test_harbor_and_coder_agree_on_separate_verifiers(engine: Engine, tmp_path: Path) -> None:
        tasks = write_tasks(tmp_path / "tasks")

        modes = {name: await find_harbor_mode(engine, task) for name, task in tasks.items()}
        theirs, printed = await asyncio.to_thread(
            run_agent,
            "oracle",
            tmp_path / "tasks",
            Path(os.environ["CODER_HARBOR_PYTHON"]),
            docker_config=Path(os.environ["CODER_DOCKER_CONFIG"]),
        )

        assert {name: mode.how != "broken" for name, mode in modes.items()} == {
            name: verdict == "passed" for name, verdict in theirs.items()
        }, printed
        assert {name for name, mode in modes.items() if mode.how == "apart"} == {
            "passes",
            "passes-in-an-image",
        }
