"""A client that waits for a run hears of it, also while nothing happens."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from coder.platform.mcp_server import client
from coder.platform.mcp_server.client import McpClientWatch


class Session:
    """What a request's session has heard of progress."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    async def report_progress(self, count: int, total: None, line: str) -> None:
        self.lines.put_nowait((count, line))


async def test_a_client_hears_that_a_silent_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MOST_SILENT_S", 0.01)
    session = Session()
    watch = McpClientWatch(cast(Any, SimpleNamespace(session=session, request_id="1")))

    async with watch.telling():
        watch.note("run run_1")
        heard = [await session.lines.get() for _ in range(3)]
        watch.note("solved")

    assert heard[0] == (1, "run run_1")
    assert all("still working" in line for _, line in heard[1:])
    while not session.lines.empty():
        heard.append(session.lines.get_nowait())
    assert heard[-1][1] == "solved"
    assert [count for count, _ in heard] == [*range(1, len(heard) + 1)]
