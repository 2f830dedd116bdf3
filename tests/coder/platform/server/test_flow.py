"""A flow of the command line is listed, followed, drawn and answered over HTTP; no server runs it."""

import httpx2
import pytest

from coder.flows import Flow, resume_flow, run_flow
from tests.coder.platform.server.served import Server


def double(number: int) -> int:
    return 2 * number


async def waits(flow: Flow, number: int) -> int:
    doubled = await flow.step("double it", double, number)
    return doubled if (await flow.ask("Go on with it?")).agrees else 0


@pytest.mark.slow
async def test_a_flow_is_listed_drawn_and_answered_and_its_owner_goes_on(
    server: Server, client: httpx2.AsyncClient
) -> None:
    with server.log() as log:
        waiting = await run_flow(waits, 4, log=log, folder=server.root)
    run = waiting.run_id

    (listed,) = (await client.get("/runs")).json()
    events = (await client.get(f"/runs/{run}/events")).json()
    page = (await client.get(f"/studio/{run}")).text
    answered = await client.post(
        f"/runs/{run}/answers",
        json={"question": (await client.get(f"/runs/{run}")).json()["question_id"], "decision": "yes"},
    )
    resumed = await client.post(f"/runs/{run}/resume")
    with server.log() as log:
        finished = await resume_flow(run, waits, log=log)

    assert (listed["kind"], listed["status"]) == ("flow", "waiting")
    assert [event["type"] for event in events][:4] == [
        "run.started",
        "flow.started",
        "flow.step.started",
        "flow.step.ended",
    ]
    assert "double it" in page
    assert answered.status_code == 202, answered.text
    assert resumed.status_code == 422, resumed.text
    assert f"resume {run}" in resumed.text
    assert finished.answer == 8
