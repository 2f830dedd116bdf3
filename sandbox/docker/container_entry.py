"""A trusted entry that runs in a container, and its channel of bounded frames."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sandbox.docker.container_execution import Execution
from sandbox.docker.prepared import Prepared
from sandbox.errors import SandboxBroken
from sandbox.inner.process.channel import MAX_FRAME
from sandbox.result import Result

_LENGTH = 4
_LAST_WORD_S, _LAST_BYTES_S = 2.0, 0.1
"""Wait for the end of an entry whose channel is closed, and for its last output."""


class RunningEntry:
    """What `start` returns. Frames come from untrusted code: bounded, never parsed here."""

    def __init__(
        self, execution: Execution, prepared: Prepared, *, done: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._execution, self._prepared, self._done = execution, prepared, done
        self._finished: asyncio.Future[Result] | None = None

    async def send(self, frame: bytes) -> None:
        """Send one frame.

        Raises:
            SandboxBroken: the child is gone.
            ValueError: the frame is larger than 16 MiB.
        """
        if len(frame) > MAX_FRAME:
            raise ValueError(f"A frame has {len(frame)} bytes; at most {MAX_FRAME} go through a channel.")
        if self._prepared.ended.done():
            raise SandboxBroken("The child at the other end of the channel is gone.")
        await self._prepared.attached.send(len(frame).to_bytes(_LENGTH, "little") + frame)

    async def receive(self) -> bytes | None:
        """Next frame; None once the child is gone, or sent what isn't a frame."""
        header = await self._exactly(_LENGTH)
        size = int.from_bytes(header or b"", "little")
        if header is None or size > MAX_FRAME:
            return None
        return await self._exactly(size)

    async def finish(self) -> Result:
        """End the child where it still runs, and say how it ended."""
        if self._finished is None:
            self._finished = asyncio.ensure_future(self._end())
        return await asyncio.shield(self._finished)

    async def _end(self) -> Result:
        if self._prepared.attached.ended:
            await asyncio.wait([self._prepared.ended], timeout=_LAST_WORD_S)
        self._execution.end("cancel")
        try:
            return await self._execution.result()
        finally:
            self._execution.close()
            await self._done()

    async def _exactly(self, size: int) -> bytes | None:
        if self._finished is not None and self._finished.done():
            return None
        reading = asyncio.ensure_future(self._prepared.exactly(size))
        either: set[asyncio.Future[Any]] = {reading, self._prepared.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():  # what it wrote before its end is on its way
                await asyncio.wait({reading}, timeout=_LAST_BYTES_S)
            return reading.result() if reading.done() else None
        except SandboxBroken:
            return None
        finally:
            reading.cancel()
