"""A server that ends, or is killed: its runs are saved, and another server goes on with them."""

import asyncio
import signal
import venv
from pathlib import Path

import httpx2
import pytest

from tests.coder.people.cli.test_solve import ADD, SUBTRACT, TASK, code
from tests.coder.platform.server.served import Server, configure, followed, started
from tests.coder.platform.server.test_acts import CHECKS, ended
from tests.faulty_endpoint import faulty_endpoint, hangs, says

WAITS = """import os
import sys
import time


def add(a, b):
    while "go" not in os.listdir(sys.prefix + "/lib"):
        time.sleep(0.01)
    return a + b
"""
"""A right answer, whose check ends once there is a file of the environment: until then a server is killed."""


async def begun(server: Server) -> str:
    """A run whose second answer is there, and tried."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
        run: str = (await client.post("/runs", json={"prompt": TASK, "checks": CHECKS})).json()["run_id"]
        async with followed(client, run) as messages:
            answers = 0
            async for message in messages:
                answers += message.data["type"] == "model.answered"
                if answers == 2:
                    return run
    raise AssertionError("the stream has ended before")


@pytest.mark.slow
@pytest.mark.parametrize("kept_in", ["sqlite", "postgres"])
async def test_another_server_ends_the_run_of_one_that_was_killed_and_repeats_no_call(
    tmp_path: Path, kept_in: str, request: pytest.FixtureRequest
) -> None:
    has_server = kept_in == "postgres"
    log = {"CODER_LOG": request.getfixturevalue("postgres").database()} if has_server else {}
    environment = tmp_path / "environment"
    await asyncio.to_thread(venv.create, environment, symlinks=True)
    with faulty_endpoint(says(code(SUBTRACT)), says(code(WAITS))) as endpoint:
        used = {"base_url": endpoint.url, "python": str(environment / "bin" / "python")}
        configure(tmp_path, **used, model="toy", strategy="repair", samples=1, program_timeout=600)
        with started(tmp_path, **log) as first, started(tmp_path, **log) as second:
            run = await begun(first)
            first.process.send_signal(signal.SIGKILL)
            first.process.wait(60)
            (environment / "lib" / "go").touch()
            async with httpx2.AsyncClient(base_url=second.url, timeout=60) as client:
                document = await ended(client, run)

    assert (document["status"], document["files"]) == ("solved", {"solution.py": WAITS})
    assert (document["calls"], len(endpoint.requests)) == (2, 2)


@pytest.mark.slow
async def test_two_servers_that_get_one_key_at_once_give_the_run_that_one_of_them_begins(
    tmp_path: Path,
) -> None:
    with faulty_endpoint(*[says(code(ADD))] * 3) as endpoint:
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        with started(tmp_path) as first, started(tmp_path) as second:
            async with (
                httpx2.AsyncClient(base_url=first.url, timeout=60) as one,
                httpx2.AsyncClient(base_url=second.url, timeout=60) as other,
            ):
                for number in range(3):
                    key, task = {"Idempotency-Key": str(number)}, {"prompt": TASK, "checks": CHECKS}
                    both = await asyncio.gather(
                        *(client.post("/runs", json=task, headers=key) for client in (one, other))
                    )
                    (run,) = {response.json().get("run_id") for response in both}
                    document = await ended(other, run)

    assert (document["status"], len(endpoint.requests)) == ("solved", 3)


@pytest.mark.slow
async def test_at_sigterm_streams_end_and_runs_are_saved_for_the_next_server(tmp_path: Path) -> None:
    with faulty_endpoint(hangs(), says(code(ADD))) as endpoint:
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        with started(tmp_path) as server:
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                task = {"prompt": TASK, "checks": CHECKS}
                run = (await client.post("/runs", json=task)).json()["run_id"]
                await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 1)
                async with followed(client, run) as messages:
                    server.process.send_signal(signal.SIGTERM)
                    events = [message.event async for message in messages]
            code_of = await asyncio.to_thread(server.process.wait, 300)
        with server.log() as log:
            last = (await log.read(run))[-1]
        with started(tmp_path) as next_server:
            async with httpx2.AsyncClient(base_url=next_server.url, timeout=60) as client:
                document = await ended(client, run, "solved")

    assert (code_of, "end" in events) == (0, False)
    assert (last.type, last.body["status"]) == ("run.stopped", "interrupted")
    assert document["files"] == {"solution.py": ADD}


@pytest.mark.slow
async def test_a_request_that_a_server_at_its_end_does_not_wait_for_is_to_be_made_again(
    tmp_path: Path,
) -> None:
    with started(tmp_path, "--workers", "1") as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
            request = asyncio.create_task(client.post("/run", json={"command": "sleep 60", "timeout_s": 60}))
            while (await client.post("/run", json={})).status_code != 429:  # 422 while no worker is busy
                pass
            server.process.send_signal(signal.SIGTERM)
            response = await request

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json()["what"] == "This server ends."


@pytest.mark.slow
async def test_a_run_that_somebody_has_stopped_or_resumed_by_hand_is_not_taken_over(tmp_path: Path) -> None:
    with faulty_endpoint(hangs(), hangs(), says(code(ADD))) as endpoint:
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        with started(tmp_path) as server:
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                run = (await client.post("/runs", json={"prompt": TASK, "checks": CHECKS})).json()["run_id"]
                await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 1)
                await client.post(f"/runs/{run}/stop")
            other = server.console.start("resume", run)
            await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 2)
            other.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(other.wait, 300) == 130
            other.communicate()
        with started(tmp_path) as later:
            async with httpx2.AsyncClient(base_url=later.url, timeout=60) as client:
                for _ in range(2):
                    ran = await client.post("/run", json={"code": "import time; time.sleep(1)"})
                    assert ran.status_code == 200
                assert (await client.get(f"/runs/{run}")).json()["status"] == "interrupted"

    assert len(endpoint.requests) == 2
