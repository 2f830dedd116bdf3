"""Servers in a process of their own, and a log to fill by hand."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.coder.platform.server.served import Server, started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on loopback without tokens."""
    with started(tmp_path) as running:
        yield running


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    """It calls that server."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
        yield http
