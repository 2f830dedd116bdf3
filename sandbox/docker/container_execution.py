"""One program or trusted entry in a container: its job, clocks, output and Result."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from sandbox.contract import OnOutput
from sandbox.docker.container_files import ContainerFiles
from sandbox.docker.control_channel import Ended
from sandbox.docker.prepared import Prepared
from sandbox.errors import SandboxBroken
from sandbox.host.execution import Inflow
from sandbox.host.limits import RunLimits, TimedRun
from sandbox.host.running import Frames
from sandbox.result import Result

_LAST_BYTES_S, _BUSY_ENGINE_S = 0.2, 10.0
"""Seconds that the engine may withhold a dead program's output: at a limit, and before it."""
_LAST_WORD_S, _LAST_FRAME_S = 2.0, 0.1
"""Seconds to wait for the end of an entry whose channel is closed, and for its last frame."""
_SIGNALLED = 128
_SIGNALS = 64


class ContainerExecution(TimedRun):
    """Host side of one run in a container."""

    def __init__(self, prepared: Prepared, limits: RunLimits, *, on_output: OnOutput | None) -> None:
        without = prepared.container.recipe.without
        super().__init__(prepared.ended, limits, on_output=on_output, without=without)
        self._prepared = prepared
        self._inflow: Inflow | None = None
        self._drained = asyncio.Event()
        self.ended: Ended | None = None
        """What it has used, once every process of it is known to be dead."""

    async def begin(self, job: Mapping[str, object], *, stdin: bytes | int = b"") -> None:
        """Hand over the job."""
        self._prepared.ended.add_done_callback(self._finish)
        self._start_clock()
        given = stdin != b""
        await self._prepared.hand_over({**job, "stdin": given}, self._keep, self._drained.set)
        if given:
            self._inflow = Inflow(stdin, into=self._prepared.attached.connection)

    async def result(self) -> Result:
        """Wait for the end of the run."""
        self.ended = ended = await self._over
        wall_s = self._loop.time() - self._began
        code: int | None = None
        if ended is not None:
            await self._drain()
            if self._killed_by is None:
                code = await self._prepared.exit_code()
        if code is not None and _SIGNALLED < code <= _SIGNALLED + _SIGNALS:
            code = _SIGNALLED - code
        return self._describe(
            code,
            wall_s,
            cpu_s=ended.cpu_us / 1e6 if ended else 0.0,
            max_rss_mb=ended.peak_bytes / (1 << 20) if ended else 0.0,
            memory_kills=ended.memory_kills if ended else 0,
        )

    def close(self) -> None:
        """Cancel the clocks and the feeding of stdin."""
        for timer in self._timers:
            timer.cancel()
        if self._inflow is not None:
            self._inflow.close()
            self._inflow = None

    async def _drain(self) -> None:
        """Read the remaining output from the engine; the run's processes are dead."""
        left = self._limits.wall_s - (self._loop.time() - self._began)
        patience_s = max(_LAST_BYTES_S, min(left, _BUSY_ENGINE_S) if self._killed_by is None else 0)
        self._prepared.keeps_frames = False  # nobody reads them, and unread ones hold back the end
        self._prepared.attached.transport.resume_reading()
        with suppress(TimeoutError):  # another process holds the pipe, or the engine is slow
            async with asyncio.timeout(patience_s):
                await self._drained.wait()

    def _kill(self) -> None:
        self._prepared.container.control.kill(self._prepared.group)

    def _finish(self, ended: "asyncio.Future[Ended]") -> None:
        if self._over.done() or ended.cancelled():
            return
        broken = ended.exception()
        if broken is None:
            self._over.set_result(ended.result())
        elif self._killed_by is not None:
            self._over.set_result(None)
        else:
            self._over.set_exception(broken)
            self._over.exception()  # an entry's owner may never ask how it ended

    def _give_up(self) -> None:
        self._prepared.overdue = self._prepared.overdue or not self._over.done()
        super()._give_up()


async def execute(
    taken: Prepared,
    job: Mapping[str, object],
    allowed: RunLimits,
    stdin: bytes | int,
    on_output: OnOutput | None,
) -> tuple[Result, Ended | None]:
    """Run one job to its end; also its usage, if all of it is known to be dead."""
    await ContainerFiles(taken).enter(str(job["cwd"]))
    execution = ContainerExecution(taken, allowed, on_output=on_output)
    try:
        await execution.begin(job, stdin=stdin)
        return await execution.result(), execution.ended
    finally:
        execution.close()


class ContainerEntry(Frames):
    """Returned by `DockerSandbox.start`: a trusted entry in its own container."""

    def __init__(
        self,
        execution: ContainerExecution,
        prepared: Prepared,
        *,
        done: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._execution, self._prepared, self._done = execution, prepared, done
        self._finished: asyncio.Future[Result] | None = None

    async def finish(self) -> Result:
        """End the child if it still runs, and report how it ended."""
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

    async def _send_all(self, content: bytes) -> None:
        if self._prepared.ended.done():
            raise SandboxBroken("The child at the other end of the channel is gone.")
        await self._prepared.attached.send(content)

    async def _exactly(self, size: int) -> bytes | None:
        if self._finished is not None and self._finished.done():
            return None
        reading = asyncio.ensure_future(self._prepared.exactly(size))
        either: set[asyncio.Future[Any]] = {reading, self._prepared.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():  # its last output may still be in transit
                await asyncio.wait({reading}, timeout=_LAST_FRAME_S)
            return reading.result() if reading.done() else None
        except SandboxBroken:
            return None
        finally:
            reading.cancel()
