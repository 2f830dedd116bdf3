"""Runs and their events, as JSON and as a stream."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import httpx2
import pytest

from coder.platform.server.event_stream import EventStreams
from coder.run.event_types import RunStopped, Spoken
from coder.run.message import ReplyMessage
from coder.store import SqliteLog
from tests.coder.platform.server.served import Server, followed
from tests.coder.states import started

RUN = "run_test"
SOLVED = RunStopped(status="solved", reason="it passes", exit_code=0)


def says(text: str) -> Spoken:
    return Spoken(message=ReplyMessage(author="coder", text=text))


async def test_a_run_of_the_log_is_listed_and_shown(server: Server, client: httpx2.AsyncClient) -> None:
    await server.append(RUN, [started(), SOLVED])

    (listed,) = (await client.get("/runs")).json()
    document = (await client.get(f"/runs/{RUN}")).json()

    assert (listed["run_id"], listed["status"]) == (RUN, "solved")
    assert (document["run_id"], document["status"], document["last"], document["is_live"]) == (
        RUN,
        "solved",
        2,
        False,
    )


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


@pytest.mark.parametrize("known", [2, 3, 9, 2**53])
async def test_a_browser_connects_no_more_where_its_number_lies_behind_the_end_of_a_run(
    server: Server, client: httpx2.AsyncClient, known: int
) -> None:
    await server.append(RUN, [started(), SOLVED])
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(known)}

    assert (await client.get(f"/runs/{RUN}/events", headers=headers)).status_code == 204


async def test_no_event_follows_a_number_that_a_run_has_not_come_to(
    server: Server, client: httpx2.AsyncClient
) -> None:
    await server.append(RUN, [started(), says("a")])
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "3"}

    assert (await client.get(f"/runs/{RUN}/events", headers=headers)).status_code == 204
    async with followed(client, RUN, last=1) as messages:
        assert (await anext(messages)).id == 2


@pytest.mark.parametrize("known", [0, 2, 9])
async def test_the_stream_of_a_page_ends_with_its_run(
    server: Server, client: httpx2.AsyncClient, known: int
) -> None:
    await server.append(RUN, [started(), SOLVED])

    async with asyncio.timeout(300):  # it stayed open
        streamed = await client.get(f"/studio/{RUN}/stream", params={"after": known})

    assert streamed.text.endswith("event: end\ndata:\n\n")


@pytest.mark.parametrize("known", ["-5", "9" * 30, "1" + "0" * 23, "x"])
@pytest.mark.parametrize("path", [f"/runs/{RUN}/events", f"/studio/{RUN}/stream"])
async def test_a_number_that_no_event_can_have_is_refused(
    server: Server, client: httpx2.AsyncClient, path: str, known: str
) -> None:
    await server.append(RUN, [started(), SOLVED])
    accepted = {"Accept": "text/event-stream"}

    by_header = await client.get(path, headers=accepted | {"Last-Event-ID": known})
    by_query = await client.get(path, headers=accepted, params={"after": known})

    assert (by_header.status_code, by_query.status_code) == (422, 422)


@pytest.mark.slow
async def test_a_document_of_long_events_ends_early_and_names_the_next(
    server: Server, client: httpx2.AsyncClient
) -> None:
    await server.append(RUN, [started(), *[says("x" * (1 << 20))] * 20, SOLVED])

    path, numbers, longest = f"/runs/{RUN}/events?limit=10000", [], 0
    while events := (answered := await client.get(path)).json():
        numbers += [event["seq"] for event in events]
        longest = max(longest, len(answered.content))
        path = answered.links["next"]["url"]

    assert numbers == list(range(1, 23))
    assert 8 << 20 <= longest < 11 << 20


@pytest.mark.slow
async def test_a_batch_of_long_events_is_short_and_one_of_short_events_long(tmp_path: Path) -> None:
    with SqliteLog(tmp_path) as log:
        async with log.lease(RUN) as token:
            bodies = [started(), *[says("x" * 300_000)] * 60, *[says("x")] * 300]
            await log.append(RUN, [body.draft() for body in bodies], after=0, token=token)
        async with aclosing(EventStreams(log).batches(RUN, 0)) as batches:
            batch_list = [batch async for batch in until_empty(batches)]

    assert sum(map(len, batch_list)) == 361
    assert max(sum(map(len, batch)) for batch in batch_list) <= 1 << 20
    assert max(map(len, batch_list)) == 50


async def test_a_reader_who_waits_is_woken_by_another_who_finds_an_event_first(tmp_path: Path) -> None:
    with SqliteLog(tmp_path) as log, SqliteLog(tmp_path) as elsewhere:
        async with elsewhere.lease(RUN) as token:
            await elsewhere.append(RUN, [started().draft()], after=0, token=token)
            streams = EventStreams(log)
            async with aclosing(streams.batches(RUN, 1)) as waits, aclosing(streams.batches(RUN, 1)) as finds:
                for after in range(1, 6):
                    assert not await anext(waits)
                    waiting = asyncio.create_task(anext(waits))
                    await asyncio.sleep(0)  # until it waits
                    await elsewhere.append(RUN, [says("x").draft()], after=after, token=token)

                    assert len(await anext(finds)) == 1
                    assert len(await waiting) == 1  # a heartbeat, which comes after 15 s, holds none


async def until_empty(batches: AsyncGenerator[Sequence[str], None]) -> AsyncGenerator[Sequence[str], None]:
    """The batches up to where there is nothing for now."""
    async for batch in batches:
        if not batch:
            return
        yield batch
