"""Runs and their events, as JSON and as a stream."""

import httpx2

from coder.run.event_types import RunStopped, Spoken
from coder.run.message import Message
from tests.coder.server.served import Server, followed
from tests.coder.states import started

RUN = "run_test"
SOLVED = RunStopped(status="solved", reason="it passes", exit_code=0)


def says(text: str) -> Spoken:
    return Spoken(message=Message(author="coder", kind="reply", sample=1, attempt=1, text=text))


async def test_a_run_of_the_log_is_listed_and_shown(server: Server, client: httpx2.AsyncClient) -> None:
    await server.append(RUN, [started(), SOLVED])

    (listed,) = (await client.get("/runs")).json()
    shown = (await client.get(f"/runs/{RUN}")).json()

    assert (listed["run_id"], listed["status"]) == (RUN, "solved")
    assert (shown["run_id"], shown["status"], shown["last"], shown["is_live"]) == (RUN, "solved", 2, False)


async def test_a_run_that_is_not_there_is_said_in_a_document(client: httpx2.AsyncClient) -> None:
    for path in ("/runs/run_no", "/runs/run_no/events", "/runs/..%2f..%2fetc"):
        answered = await client.get(path)

        assert answered.status_code == 404
        assert answered.json().keys() == {"what", "why", "next"}


async def test_events_are_a_document_behind_a_number(server: Server, client: httpx2.AsyncClient) -> None:
    await server.append(RUN, [started(), says("a"), says("\ud800"), SOLVED])

    events = (await client.get(f"/runs/{RUN}/events", params={"after": 1, "limit": 2})).json()

    assert [(event["seq"], event["type"]) for event in events] == [
        (2, "message.spoken"),
        (3, "message.spoken"),
    ]


async def test_a_stream_gives_each_event_as_it_comes_and_ends_with_the_run(
    server: Server, client: httpx2.AsyncClient
) -> None:
    await server.append(RUN, [started(), says("a")])

    async with followed(client, RUN, last=1) as messages:
        first = await anext(messages)
        await server.append(RUN, [says("b\n\nid: 9\n\x1b"), SOLVED], after=2)
        rest = [message async for message in messages]

    assert (first.id, first.data["body"]["message"]["text"]) == (2, "a")
    assert [(message.id, message.event) for message in rest] == [
        (3, "message"),
        (4, "message"),
        (None, "end"),
    ]
    assert rest[0].data["body"]["message"]["text"] == "b\n\nid: 9\n\x1b"


async def test_a_browser_connects_no_more_to_a_run_that_has_ended(
    server: Server, client: httpx2.AsyncClient
) -> None:
    await server.append(RUN, [started(), SOLVED])
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "2"}

    assert (await client.get(f"/runs/{RUN}/events", headers=headers)).status_code == 204
