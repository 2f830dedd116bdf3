"""Begin, answer, stop and resume runs, and run programs."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import ADD, SUBTRACT, TASK, code
from tests.coder.platform.server.served import Server, configure, followed
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, hangs, says

CHECKS = ["assert add(2, 3) == 5"]


@pytest.fixture
def endpoint(server: Server) -> Iterator[FaultyEndpoint]:
    """It answers with code that adds, after code that subtracts."""
    with faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as endpoint:
        configure(server.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        yield endpoint


async def ended(client: httpx2.AsyncClient, run: str, *statuses: str) -> dict[str, Any]:
    """The run once it has stopped."""
    async with asyncio.timeout(300):
        while True:
            document = (await client.get(f"/runs/{run}")).json()
            if not document["is_live"] and (not statuses or document["status"] in statuses):
                return dict(document)
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_task_is_worked_on_and_followed_to_its_end(
    server: Server, client: httpx2.AsyncClient, endpoint: FaultyEndpoint
) -> None:
    (server.root / "project").mkdir()
    begun = await client.post("/runs", json={"prompt": TASK, "workspace": "project", "checks": CHECKS})
    run = begun.json()["run_id"]
    async with followed(client, run) as messages:
        types = [message.data.get("type") async for message in messages]

    assert (begun.status_code, begun.headers["location"]) == (202, f"/runs/{run}")
    assert types[0] == "run.started"
    assert types[-2:] == ["run.stopped", None]
    assert (server.root / "project" / "solution.py").read_text() == ADD
    assert "+    return a + b" in (await client.get(f"/runs/{run}/patch")).text


@pytest.mark.slow
async def test_the_patch_of_a_conversation_is_that_of_all_its_messages(
    server: Server, client: httpx2.AsyncClient
) -> None:
    (folder := server.root / "project").mkdir()
    (folder / "notes.txt").write_text("none\n")
    answers = (code(ADD), "It adds.", replaced("subtract.py", SUBTRACT))
    with faulty_endpoint(*map(says, answers)) as endpoint:
        configure(server.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        task = {"prompt": TASK, "workspace": "project", "checks": CHECKS}
        run = (await client.post("/runs", json=task)).json()["run_id"]
        await ended(client, run)
        first = (await client.get(f"/runs/{run}/patch")).text
        patches = []
        for text in ("What does it do?", "Subtract, too."):
            await client.post(f"/runs/{run}/messages", json={"text": text})
            await ended(client, run)
            patches.append((await client.get(f"/runs/{run}/patch")).text)

    assert "+++ b/solution.py" in first
    assert patches[0] == first
    assert patches[1].startswith(first)
    assert "+++ b/subtract.py" in patches[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../salaries.pdf", "{outside}/salaries.pdf", "link.pdf"])
async def test_a_message_shows_no_file_outside_of_the_runs_folder(
    server: Server, client: httpx2.AsyncClient, endpoint: FaultyEndpoint, name: str
) -> None:
    (folder := server.root / "project").mkdir()
    (secret := server.root / "salaries.pdf").write_bytes(b"%PDF-1.4 of others")
    (folder / "link.pdf").symlink_to(secret)
    task = {"prompt": TASK, "workspace": "project", "checks": CHECKS}
    run = (await client.post("/runs", json=task)).json()["run_id"]
    await ended(client, run)
    text = f"What is in @{name.format(outside=server.root)} ?"

    response = await client.post(f"/runs/{run}/messages", json={"text": text})
    await ended(client, run)

    assert response.status_code == 202, response.text
    assert text.split()[-2] in (events := (await client.get(f"/runs/{run}/events")).text)
    assert "JVBERi0" not in events


@pytest.mark.slow
async def test_the_same_key_gives_the_same_run_also_twice_at_once_and_after_a_restart(
    server: Server, client: httpx2.AsyncClient, endpoint: FaultyEndpoint
) -> None:
    task, key = {"prompt": TASK, "checks": CHECKS}, {"Idempotency-Key": "a key"}
    both = await asyncio.gather(*(client.post("/runs", json=task, headers=key) for _ in range(2)))
    run = both[0].json()["run_id"]
    await ended(client, run, "solved")
    again = await client.post("/runs", json=task, headers=key)
    other = await client.post("/runs", json={"prompt": "Write sub(a, b)."}, headers=key)

    asking = await client.post("/runs", json=task | {"approve": ["landing"]}, headers=key)

    assert [answer.status_code for answer in (*both, again)] == [202, 202, 202]
    assert [answer.status_code for answer in (other, asking)] == [409, 409]
    assert {answer.json()["run_id"] for answer in (*both, again)} == {run}
    assert len(endpoint.requests) == 2
    assert len((await client.get("/runs")).json()) == 1


@pytest.mark.slow
async def test_a_run_that_waits_is_answered_and_goes_on_and_a_second_answer_comes_too_late(
    server: Server, client: httpx2.AsyncClient, endpoint: FaultyEndpoint
) -> None:
    (server.root / "project").mkdir()
    task = {"prompt": TASK, "workspace": "project", "checks": CHECKS, "approve": ["landing"]}
    run = (await client.post("/runs", json=task)).json()["run_id"]
    waiting = await ended(client, run, "waiting")
    assert [*(server.root / "project").iterdir()] == []

    decision = {"question": waiting["question_id"], "decision": "yes"}
    wrong = await client.post(f"/runs/{run}/answers", json=decision | {"decision": "perhaps"})
    both = await asyncio.gather(*(client.post(f"/runs/{run}/answers", json=decision) for _ in range(2)))
    solved = await ended(client, run, "solved")
    late = await client.post(f"/runs/{run}/answers", json=decision)

    assert wrong.status_code == 422
    assert sorted(answer.status_code for answer in both) == [202, 409]
    assert (late.status_code, late.json().keys()) == (409, {"what", "why", "next"})
    assert solved["landed"] == ["solution.py"]
    events = (await client.get(f"/runs/{run}/events")).json()
    (answered,) = [event["body"] for event in events if event["type"] == "question.answered"]
    assert (answered["decision"], answered["how"]) == ("yes", "http")


@pytest.mark.slow
async def test_a_plan_is_asked_about_first_and_words_have_it_planned_otherwise(
    server: Server, client: httpx2.AsyncClient
) -> None:
    (server.root / "project").mkdir()
    task = {"prompt": TASK, "workspace": "project", "checks": CHECKS, "approve": ["plan"]}
    plans = [calls("plan", steps=[step]) for step in ("Subtract.", "Add.")]
    spoil = calls("bash", command="echo spoilt > spoilt.txt")
    with faulty_endpoint(spoil, *plans, says(replaced("solution.py", ADD))) as endpoint:
        configure(server.console.home, base_url=endpoint.url, model="toy", strategy="act")
        run = (await client.post("/runs", json=task)).json()["run_id"]
        first = await ended(client, run, "waiting")
        answer = {"question": first["question_id"], "decision": "no", "words": "do not subtract"}
        await client.post(f"/runs/{run}/answers", json=answer)
        await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 3)
        second = await ended(client, run, "waiting")
        answer = {"question": second["question_id"], "decision": "yes"}
        await client.post(f"/runs/{run}/answers", json=answer)
        solved = await ended(client, run, "solved")

    assert [state["question"]["about"] for state in (first, second)] == ["plan", "plan"]
    assert "1. Subtract." in first["question"]["text"]
    assert "1. Add." in second["question"]["text"]
    assert (solved["landed"], len(endpoint.requests)) == (["solution.py"], 4)
    assert "do not subtract" in endpoint.requests[2].body["messages"][-1]["content"]
    assert "Follow this plan:\n1. Add." in endpoint.requests[3].body["messages"][1]["content"]
    assert not (server.root / "project" / "spoilt.txt").exists()


@pytest.mark.slow
async def test_a_run_is_stopped_and_resumed(server: Server, client: httpx2.AsyncClient) -> None:
    with faulty_endpoint(hangs(), says(code(ADD))) as endpoint:
        configure(server.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        run = (await client.post("/runs", json={"prompt": TASK, "checks": CHECKS})).json()["run_id"]
        await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 1)
        working = await client.get(f"/runs/{run}")
        stopped = await client.post(f"/runs/{run}/stop")
        again = await client.post(f"/runs/{run}/stop")
        resumed = await client.post(f"/runs/{run}/resume")
        solved = await ended(client, run, "solved")

    assert (working.json()["status"], working.json()["is_live"]) == ("running", True)
    assert (stopped.status_code, stopped.json()["status"], stopped.json()["is_live"]) == (
        200,
        "interrupted",
        False,
    )
    assert (again.status_code, resumed.status_code) == (200, 202)
    assert solved["files"] == {"solution.py": ADD}


@pytest.mark.slow
async def test_a_program_is_run_in_a_sandbox(server: Server, client: httpx2.AsyncClient) -> None:
    ran = await client.post("/run", json={"code": "print(open('a').read())", "files": {"a": "6"}})
    both = await client.post("/run", json={"code": "1", "command": "ls"})

    assert (ran.status_code, ran.json()["stdout"]) == (200, "6\n")
    assert both.status_code == 422


async def test_who_finds_all_workers_busy_is_told_when_to_come_again(
    server: Server, client: httpx2.AsyncClient
) -> None:
    slow = [
        asyncio.create_task(client.post("/run", json={"command": "sleep 60", "timeout_s": 60}))
        for _ in range(9)
    ]
    answered, _ = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    refused = [task.result() for task in answered]
    for task in slow:
        task.cancel()

    assert {(answer.status_code, answer.headers["retry-after"]) for answer in refused} == {(429, "5")}
