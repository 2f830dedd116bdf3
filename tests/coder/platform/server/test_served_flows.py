"""Flows that the operator names are begun over HTTP, and answered, stopped and continued as any other run."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.coder.people.cli.console import Console
from tests.coder.platform.served_flow import NAMED, write_shop
from tests.coder.platform.server.served import Server, started
from tests.processes import wait_until


async def at(client: httpx2.AsyncClient, run: str, *statuses: str) -> dict[str, Any]:
    """The document of a run, once it has one of these statuses."""
    for _ in range(600):
        document: dict[str, Any] = (await client.get(f"/runs/{run}")).json()
        if document["status"] in statuses:
            return document
        await asyncio.sleep(0.1)
    raise AssertionError(document)


def client_of(server: Server, token: str = "") -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=60)


@pytest.mark.slow
async def test_a_named_flow_is_begun_asks_and_goes_on_with_the_answer(tmp_path: Path) -> None:
    write_shop(tmp_path / "root")
    with started(tmp_path, *NAMED, root=tmp_path / "root") as server:
        async with client_of(server) as client:
            offered = (await client.get("/flows")).json()
            order = {"input": {"number": 4}}
            begun = await client.post("/flows/waits", json=order, headers={"Idempotency-Key": "1"})
            again = await client.post("/flows/waits", json=order, headers={"Idempotency-Key": "1"})
            run = begun.json()["run_id"]
            waiting = await at(client, run, "waiting")
            answer = {"question": waiting["question_id"], "decision": "yes"}
            answered = await client.post(f"/runs/{run}/answers", json=answer)
            finished = await at(client, run, "finished", "error")
            (listed,) = (await client.get("/runs")).json()

    assert [row["name"] for row in offered] == ["waits", "pauses", "greets"]
    assert offered[0]["description"] == "Double a number, once a person agrees."
    assert offered[0]["input"]["properties"]["number"]["minimum"] == 0
    assert offered[2]["input"] is None
    assert (begun.status_code, begun.headers["location"]) == (202, f"/runs/{run}")
    assert again.json()["run_id"] == run
    assert waiting["question"]["text"] == "Go on with it?"
    assert answered.status_code == 202, answered.text
    assert finished["answer"] == 8
    assert (listed["kind"], listed["status"]) == ("flow", "finished")


@pytest.mark.slow
async def test_what_is_not_named_or_does_not_fit_is_refused_and_leaves_no_run(tmp_path: Path) -> None:
    write_shop(tmp_path / "root")
    with started(tmp_path, *NAMED, root=tmp_path / "root") as server:
        async with client_of(server) as client:
            refused = {
                "another function": await client.post("/flows/hidden", json={}),
                "its full name": await client.post("/flows/shop:hidden", json={}),
                "a negative number": await client.post("/flows/waits", json={"input": {"number": -1}}),
                "no input": await client.post("/flows/waits", json={}),
                "another field": await client.post("/flows/greets", json={"inputs": 1}),
                "an input for a flow without one": await client.post("/flows/greets", json={"input": 1}),
                "a folder outside": await client.post("/flows/greets", json={"workspace": ".."}),
            }
            greeted = await client.post("/flows/greets", json={"workspace": "project"})
            finished = await at(client, greeted.json()["run_id"], "finished", "error")
            listed = (await client.get("/runs")).json()

    assert {why: response.status_code for why, response in refused.items()} == {
        "another function": 404, "its full name": 404, "a negative number": 422, "no input": 422,
        "another field": 422, "an input for a flow without one": 422, "a folder outside": 422,
    }  # fmt: skip
    assert "greater than or equal to 0" in refused["a negative number"].text
    assert finished["answer"] == "hello from project"
    assert len(listed) == 1


@pytest.mark.slow
async def test_a_flow_needs_the_scopes_of_any_other_run(tmp_path: Path) -> None:
    write_shop(root := tmp_path / "root")
    tokens, folder = {}, str(root / "project")
    file = tmp_path / "tokens.json"
    for scopes in ("read", "read,run", "read,run,approve"):
        words = ("--new-token", scopes.replace(",", "-"), "--scopes", scopes, "--token-file", str(file))
        tokens[scopes] = Console(tmp_path).run("serve", *words, "--root", folder).out.strip()
    order = {"input": {"number": 4}}

    with started(tmp_path, *NAMED, "--token-file", str(file), root=root) as server:
        async with (
            client_of(server, tokens["read"]) as reader,
            client_of(server, tokens["read,run"]) as worker,
            client_of(server, tokens["read,run,approve"]) as approver,
        ):
            may_not_begin = await reader.post("/flows/waits", json=order)
            run = (await worker.post("/flows/waits", json=order)).json()["run_id"]
            await at(reader, run, "waiting")
            may_not_answer = await worker.post(f"/runs/{run}/answers", json={"decision": "yes"})
            await approver.post(f"/runs/{run}/answers", json={"decision": "no"})
            finished = await at(reader, run, "finished", "error")

    assert (may_not_begin.status_code, may_not_answer.status_code) == (403, 403)
    assert finished["answer"] == 0


@pytest.mark.slow
async def test_a_flow_is_stopped_resumed_and_taken_over_and_repeats_no_finished_step(tmp_path: Path) -> None:
    doubled = write_shop(root := tmp_path / "root")
    with started(tmp_path, *NAMED, root=root) as server:
        async with client_of(server) as client:
            run = (await client.post("/flows/pauses", json={"input": {"number": 4}})).json()["run_id"]
            assert wait_until(doubled.exists)
            await client.post(f"/runs/{run}/stop")
            stopped = await at(client, run, "interrupted")
            response = await client.post(f"/runs/{run}/messages", json={"text": "hurry"})
            resumed = await client.post(f"/runs/{run}/resume")
        server.process.send_signal(signal.SIGKILL)
    with started(tmp_path, *NAMED, root=root) as next_server:
        async with client_of(next_server) as client:
            (root / "open").touch()
            finished = await at(client, run, "finished", "error")

    assert stopped["status"] == "interrupted"
    assert response.status_code == 422, response.text
    assert resumed.status_code == 202, resumed.text
    assert finished["answer"] == 9
    assert doubled.read_text() == "x"


def test_a_flow_that_a_client_could_change_is_refused_at_the_start(tmp_path: Path) -> None:
    write_shop(root := tmp_path / "root")
    file, place = str(tmp_path / "tokens.json"), ("--root", str(root))
    Console(tmp_path).run("serve", "--new-token", "ana", "--scopes", "run", "--token-file", file, *place)

    ended = Console(tmp_path).run("serve", *NAMED, "--token-file", file, *place, "--port", "0")

    assert ended.code == 2
    assert "The token 'ana' could change the module of the flow 'waits'" in ended.err


def test_a_flow_that_imports_what_a_client_could_change_is_refused_at_the_start(tmp_path: Path) -> None:
    (root := tmp_path / "root/shop").mkdir(parents=True)
    (root / "prices.py").write_text("RATE = 2\n")
    code = "from coder.flows import Flow\n\nasync def buy(flow: Flow) -> int:\n"
    (root.parent / "orders.py").write_text(f"{code}    from shop.prices import RATE\n    return RATE\n")
    file, place = str(tmp_path / "tokens.json"), ("--root", str(root))
    Console(tmp_path).run("serve", "--new-token", "ana", "--scopes", "run", "--token-file", file, *place)

    flags = ("--flow", "orders:buy", "--token-file", file, "--root", str(root.parent), "--port", "0")
    ended = Console(tmp_path).run("serve", *flags)

    assert ended.code == 2
    assert "The token 'ana' could change the module of the flow 'buy'" in ended.err


def test_two_functions_of_one_name_are_refused_at_the_start(tmp_path: Path) -> None:
    write_shop(tmp_path)
    (tmp_path / "other.py").write_text("from shop import waits as origin\nfrom coder.flows import Flow\n\n\n"
                                       "async def waits(flow: Flow) -> int:\n    return 1\n")  # fmt: skip
    words = ("--root", str(tmp_path), "--flow", "shop:waits", "--flow", "other:waits", "--port", "0")

    ended = Console(tmp_path).run("serve", *words)

    assert ended.code == 2
    assert "shop:waits and other:waits have the same name" in ended.err
