"""Which runs a server goes on with, beside those that fail."""

from pathlib import Path

import httpx2
import pytest

from coder.run.event_types import RunStarted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.cli.test_solve import ADD, TASK, code
from tests.coder.server.served import configure, started
from tests.coder.server.test_acts import ended
from tests.faulty_endpoint import faulty_endpoint, says


@pytest.mark.slow
async def test_a_run_whose_sandbox_does_not_start_keeps_no_other_from_going_on(tmp_path: Path) -> None:
    with faulty_endpoint(says(code(ADD)), says(code(ADD))) as endpoint:
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        with started(tmp_path, DOCKER_HOST="unix:///nowhere") as server:
            for number, backend in enumerate(["auto", "docker", "auto", "docker"]):
                if number == 2:  # a look that comes after one that has failed
                    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                        await ended(client, "run_0")
                settings = Settings(backend=backend, served=server.root, base_url=endpoint.url)
                task = Task(prompt=TASK, checks=("assert add(2, 3) == 5",))
                begun = RunStarted(task=task, settings=settings, model="toy")
                await server.append(f"run_{number}", [begun])
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                shown = await ended(client, "run_2")
    assert shown["status"] == "solved"
