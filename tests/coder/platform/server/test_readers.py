"""Many readers of one run: each gets all events, and those that don't read hold nobody."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coder.platform.server import event_stream
from coder.platform.server.event_stream import EventStreams
from coder.store import SqliteLog
from tests.coder.platform.server.served import Server
from tests.coder.platform.server.test_events import RUN, SOLVED, says
from tests.coder.states import started

READERS, SLOW, EVENTS = 200, 10, 100


async def connected(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 16)
    head = f"GET /runs/{RUN}/events HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: text/event-stream\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    return reader, writer


async def numbers(reader: asyncio.StreamReader) -> list[int]:
    """The ids of a stream that is read to its end."""
    event_ids = []
    while (line := await reader.readline()) != b"event: end\n":
        assert line
        if line.startswith(b"id: "):
            event_ids.append(int(line[4:]))
    return event_ids


@pytest.mark.slow
async def test_two_hundred_readers_get_all_events_though_some_never_read(server: Server) -> None:
    await server.append(RUN, [started()])
    slow = [await connected(server) for _ in range(SLOW)]
    readers = [await connected(server) for _ in range(READERS - SLOW)]
    reading = [asyncio.create_task(numbers(reader)) for reader, _ in readers]
    text = "x" * 20_000  # 2 MB in all: more than a reader that does not read takes up
    for after in range(1, EVENTS, 50):
        await server.append(RUN, [says(text) for _ in range(50)], after=after)
    await server.append(RUN, [SOLVED], after=EVENTS + 1)

    async with asyncio.timeout(120):
        got = await asyncio.gather(*reading)

    assert got == [list(range(1, EVENTS + 3))] * (READERS - SLOW)
    memory = _memory_mb(server.process.pid)
    assert memory < 400, memory
    for _, writer in (*slow, *readers):
        writer.close()


async def test_an_event_of_another_process_reaches_a_reader_without_a_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "_HEARTBEAT_S", 3600.0)
    with SqliteLog(tmp_path) as log, SqliteLog(tmp_path) as elsewhere:
        async with elsewhere.lease(RUN) as token, asyncio.timeout(600):
            await elsewhere.append(RUN, [started().draft()], after=0, token=token)
            async with aclosing(EventStreams(log).batches(RUN, 1)) as batches:
                for after in range(1, 10):
                    assert not await anext(batches)  # nothing for now: it waits at the next call
                    waiting = asyncio.create_task(anext(batches))
                    await asyncio.sleep(0)
                    await elsewhere.append(RUN, [says("x").draft()], after=after, token=token)

                    assert len(await waiting) == 1


def _memory_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        (line,) = (line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) >> 10
