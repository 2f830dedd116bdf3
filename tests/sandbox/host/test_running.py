"""Frames from a child: whole, bounded, and none after the end or after an invalid one."""

import asyncio

import pytest

from sandbox.host.running import Frames
from sandbox.inner.process.wire import HEADER, MAX_FRAME


class FromStream(Frames):
    """Frames of a stream that ends, as a child's does."""

    def __init__(self, content: bytes) -> None:
        self.stream = asyncio.StreamReader()
        self.stream.feed_data(content)
        self.stream.feed_eof()

    async def _exactly(self, size: int) -> bytes | None:
        try:
            return await self.stream.readexactly(size)
        except asyncio.IncompleteReadError:
            return None


@pytest.mark.parametrize("last", [b"", b"\x05\0", b"\x05\0\0\0abc"], ids=["none", "header", "frame"])
async def test_after_the_end_of_a_child_there_is_never_a_frame(last: bytes) -> None:
    frames = FromStream(HEADER.pack(2) + b"ok" + last)

    received = [await frames.receive() for _ in range(5)]

    assert received == [b"ok", None, None, None, None]


async def test_nothing_is_read_after_a_header_that_announces_too_much() -> None:
    frames = FromStream(HEADER.pack(MAX_FRAME + 1) + HEADER.pack(6) + b"forged")

    received = [await frames.receive() for _ in range(3)]

    assert received == [None, None, None]
    assert await frames.stream.read() == HEADER.pack(6) + b"forged"
