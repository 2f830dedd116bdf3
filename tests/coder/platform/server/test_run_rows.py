"""The list of runs: it holds no other request, and reads a run again only where that has changed."""

import asyncio
import sqlite3
from pathlib import Path

import httpx2
import pytest

from coder.platform.server.bearer_tokens import Caller
from coder.platform.server.run_rows import RunRows
from coder.run.event_types import RunStarted
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import SqliteLog
from tests.coder.platform.server.served import Server
from tests.coder.platform.server.test_events import SOLVED, says
from tests.coder.states import started


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/runs", "/", "/runs/run_0"])
async def test_a_server_answers_others_while_it_reads_long_runs(
    server: Server, client: httpx2.AsyncClient, path: str
) -> None:
    runs, events = (10, 1500) if path != "/runs/run_0" else (1, 15_000)
    for number in range(runs):
        await server.append(f"run_{number}", [started(), *[says("x")] * events, SOLVED])

    listing = asyncio.create_task(client.get(path))
    answered = 0
    while not listing.done():
        await client.get("/healthz")
        answered += 1

    assert listing.result().status_code == 200
    assert answered > 5, answered  # it was one, and 40 and more without others on the machine


@pytest.mark.slow
async def test_a_server_reads_a_long_run_that_goes_on_beside_the_thread_that_answers_others(
    server: Server, client: httpx2.AsyncClient
) -> None:
    await server.append("run_0", [started(), *[says("x")] * 4_000])
    pid = server.process.pid
    before = [_processor_ticks(thread) for thread in (f"{pid}/task/{pid}", f"{pid}")]

    response = await client.get("/runs/run_0")

    after = [_processor_ticks(thread) for thread in (f"{pid}/task/{pid}", f"{pid}")]
    answering, whole = (now - then for now, then in zip(after, before, strict=True))
    assert response.status_code == 200
    assert answering < whole / 5, (answering, whole)  # half of it, where a fold is in that thread


def _processor_ticks(thread: str) -> int:
    """Processor time of a process or of one of its threads."""
    fields = Path("/proc", thread, "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_runs_that_have_not_changed_are_not_read_again(tmp_path: Path) -> None:
    everybody = Caller(name="", root=tmp_path)
    with SqliteLog(tmp_path / "data") as log:
        rows = RunRows(log)
        for run in ("run_a", "run_b"):
            async with log.lease(run) as token:
                bodies = (started(), says("a"), SOLVED)
                await log.append(run, [body.draft() for body in bodies], after=0, token=token)
        first = await rows.newest(everybody, 50)
        with sqlite3.connect(log.path) as connection:
            connection.execute("DELETE FROM event WHERE seq = 2")

        again = await rows.newest(everybody, 1), await RunRows(log).newest(everybody, 50)

    assert [row.status for row in first] == ["solved", "solved"]
    assert again[0] == first[:1]
    assert [row.status for row in again[1]] == ["unreadable", "unreadable"]


async def test_a_caller_who_sees_few_runs_gets_them_from_behind_the_others(tmp_path: Path) -> None:
    (own := tmp_path / "own").mkdir()
    ana = Caller(name="ana", sha256="x", root=own)
    with SqliteLog(tmp_path / "data") as log:
        for number in range(12):
            begun = RunStarted(
                task=Task(prompt="x", workspace=own if number in (0, 1, 4) else tmp_path),
                settings=Settings(),
                model="toy",
            )
            async with log.lease(f"run_{number}") as token:
                await log.append(f"run_{number}", [begun.draft()], after=0, token=token)

        rows = await RunRows(log).newest(ana, 2)

    assert [row.run_id for row in rows] == ["run_4", "run_1"]


async def test_a_search_finds_no_run_that_the_caller_may_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "data"))
    with SqliteLog(tmp_path / "data") as log:
        for name in ("ana", "ben"):
            begun = started(Task(prompt="Mend the axolotl.", workspace=tmp_path / name))
            async with log.lease(f"run_{name}") as token:
                await log.append(f"run_{name}", [begun.draft()], after=0, token=token)

        rows = await RunRows(log).matching(Caller(name="ana", root=tmp_path / "ana"), "axolotl", 10)

    assert [row.run_id for row in rows] == ["run_ana"]
    assert rows[0].match is not None
    assert "axolotl" in rows[0].match
