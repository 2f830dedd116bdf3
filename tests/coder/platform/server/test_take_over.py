"""Which runs a server goes on with, beside those that fail."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from coder.config.layers import load
from coder.engine.requests import stop
from coder.platform.server import take_over
from coder.platform.server.serving import Serving
from coder.run.event_types import RunStarted, RunStopped
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.workers import Workers
from coder.store import RunSummary, SqliteLog
from tests.coder.people.cli.test_solve import ADD, TASK, code
from tests.coder.platform.server.served import configure, started
from tests.coder.platform.server.test_acts import ended
from tests.faulty_endpoint import faulty_endpoint, says
from tests.processes import wait_until


class SeenLog(SqliteLog):
    """It counts how often it was looked through."""

    looks = 0

    async def runs(self, *, limit: int | None = None) -> list[RunSummary]:
        self.looks += 1
        return await super().runs(limit=limit)


async def tried(folder: Path, log: SeenLog, monkeypatch: pytest.MonkeyPatch, **more: bool) -> list[str]:
    """The runs that a server would go on with."""
    run_ids: list[str] = []
    monkeypatch.setattr(take_over, "_POLL_S", 0.01)
    monkeypatch.setattr(Serving, "start", lambda _, run, work: run_ids.append(run))
    serving = Serving(log, folder, load({}), Workers(1), **more)
    looking = asyncio.create_task(take_over.take_over(serving))
    assert await asyncio.to_thread(wait_until, lambda: log.looks > 2)
    looking.cancel()
    return run_ids


async def interrupted(folder: Path, log: SeenLog) -> None:
    """Have a run in the log that its server has interrupted."""
    begun = RunStarted(task=Task(prompt=TASK), settings=Settings(served=folder), model="toy")
    ended = RunStopped(status="interrupted", reason="the server ends", exit_code=130)
    async with log.lease("run_0") as token:
        await log.append("run_0", [begun.draft(), ended.draft()], after=0, token=token)


@pytest.mark.parametrize("is_closing", [False, True])
async def test_a_server_that_ends_leaves_the_runs_that_it_interrupts_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_closing: bool
) -> None:
    with SeenLog(tmp_path) as log:
        await interrupted(tmp_path, log)

        assert bool(await tried(tmp_path, log, monkeypatch, is_closing=is_closing)) != is_closing


async def test_a_run_that_was_stopped_after_its_server_had_interrupted_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SeenLog(tmp_path) as log:
        await interrupted(tmp_path, log)

        assert (await stop("run_0", "ann", log=log)).reason == "stopped by ann"
        assert await tried(tmp_path, log, monkeypatch) == []


@pytest.mark.slow
async def test_a_run_whose_sandbox_does_not_start_keeps_no_other_from_going_on(tmp_path: Path) -> None:
    with faulty_endpoint(says(code(ADD)), says(code(ADD))) as endpoint:
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        with started(tmp_path, DOCKER_HOST="unix:///nowhere") as server:
            for number, backend in enumerate(["auto", "docker", "auto", "docker"]):
                if number == 2:  # a look that comes after one that has failed
                    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                        await ended(client, "run_0")
                settings = Settings(sandbox=backend, served=server.root, base_url=endpoint.url)
                task = Task(prompt=TASK, checks=("assert add(2, 3) == 5",))
                begun = RunStarted(task=task, settings=settings, model="toy")
                await server.append(f"run_{number}", [begun])
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                document = await ended(client, "run_2")
    assert document["status"] == "solved"
