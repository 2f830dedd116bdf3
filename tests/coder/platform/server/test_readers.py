"""Many readers of one run: each gets all events, and those that don't read hold nobody."""

import asyncio
import time
from statistics import median
from urllib.parse import urlsplit

import pytest

from coder.platform.server.event_stream import _HEARTBEAT_S
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


@pytest.mark.slow
async def test_an_event_of_another_process_reaches_a_reader_at_once(server: Server) -> None:
    await server.append(RUN, [started()])
    reader, writer = await connected(server)
    delays = []
    for after in range(1, 10):
        while not (await reader.readline()).startswith(b"data: "):
            pass
        begun = time.monotonic()
        await server.append(RUN, [says("x")], after=after)
        while not (await reader.readline()).startswith(b"id: "):
            pass
        delays.append(time.monotonic() - begun)
    writer.close()

    assert median(delays) < _HEARTBEAT_S / 2, delays  # without the poll, at the next heartbeat; 0.05 s idle


def _memory_mb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        (line,) = (line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) >> 10
