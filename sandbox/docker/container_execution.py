"""One program in a container: its job, clocks, output and Result."""

import asyncio
import signal
from collections.abc import Mapping
from typing import Literal

from sandbox.contract import OnOutput
from sandbox.docker.container_files import ContainerFiles
from sandbox.docker.control_channel import Ended
from sandbox.docker.prepared import Prepared
from sandbox.host.execution import FLOOD, STATUS_OF
from sandbox.host.inflow import Inflow
from sandbox.host.limits import RunLimits
from sandbox.host.output import Output, Stream
from sandbox.result import KilledBy, Result, Status

_PATIENCE_S = 0.4
"""After a limit: until the caller has a Result whatever happens."""
_LAST_BYTES_S, _BUSY_ENGINE_S = 0.2, 10.0
"""The engine may hold back what a dead program wrote for that long: at a limit, and before it."""
_SIGNALLED = 128
_SIGNALS = 64


class Execution:
    """A run, on the host's side."""

    def __init__(self, prepared: Prepared, limits: RunLimits, *, on_output: OnOutput | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._prepared, self._limits, self._on_output = prepared, limits, on_output
        self._without = prepared.container.recipe.without
        self._output = Output(limits.output_bytes)
        self._killed_by: KilledBy | None = None
        self._inflow: Inflow | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._began = 0.0
        self._over: asyncio.Future[Ended | None] = self._loop.create_future()
        self._drained = asyncio.Event()
        self.ended: Ended | None = None
        """What it has used, once every process of it is known to be dead."""

    async def begin(self, job: Mapping[str, object], *, stdin: bytes | int = b"") -> None:
        """Hand over the job.

        Raises:
            SandboxBroken: the process that waited for it is gone.
        """
        self._began = self._loop.time()
        self._prepared.ended.add_done_callback(self._finish)
        if "wall" not in self._without:
            self._timers.append(self._loop.call_later(self._limits.wall_s, self.end, "wall"))
        given = stdin != b""
        await self._prepared.hand_over({**job, "stdin": given}, self._keep, self._drained.set)
        if given:
            self._inflow = Inflow(stdin, into=self._prepared.attached.connection)

    async def result(self) -> Result:
        """Wait for the end of the run.

        Raises:
            SandboxBroken: the container or the engine is gone, so that its end is unknown.
        """
        self.ended = ended = await self._over
        wall_s = self._loop.time() - self._began
        code: int | None = None
        if ended is not None:
            await self._drain()
            if self._killed_by is None:
                code = await self._prepared.exit_code()
        return self._describe(ended, code, wall_s)

    def end(self, reason: KilledBy) -> None:
        """End the run for a reason that its Result will name; the first one stays."""
        if self._over.done() or self._prepared.ended.done():
            return
        self._killed_by = self._killed_by or reason
        self._prepared.container.control.kill(self._prepared.group)
        self._timers.append(self._loop.call_later(_PATIENCE_S, self._give_up))

    def close(self) -> None:
        """Let go of the clocks and of what is read for the program."""
        for timer in self._timers:
            timer.cancel()
        if self._inflow is not None:
            self._inflow.close()
            self._inflow = None

    async def _drain(self) -> None:
        """What the engine still has of a run whose processes are dead."""
        self._prepared.attached.resume()
        try:
            async with asyncio.timeout(self._patience_s()):
                await self._drained.wait()
        except TimeoutError:
            return  # another process holds the pipe, or the engine is slow

    def _patience_s(self) -> float:
        """How long to wait for the last bytes of a run: until its wall time, and at least a moment."""
        left = self._limits.wall_s - (self._loop.time() - self._began)
        return max(_LAST_BYTES_S, min(left, _BUSY_ENGINE_S) if self._killed_by is None else 0)

    def _keep(self, stream: Stream, content: bytes) -> None:
        self._output.add(stream, content)
        if self._output.total > FLOOD * self._limits.output_bytes and "output" not in self._without:
            self.end("output")
        if self._on_output is not None:
            self._on_output(stream, content)

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
        if not self._over.done():
            self._prepared.overdue = True
            self._over.set_result(None)

    def _describe(self, ended: Ended | None, code: int | None, wall_s: float) -> Result:
        signalled = code is not None and _SIGNALLED < code <= _SIGNALLED + _SIGNALS
        number = code - _SIGNALLED if code is not None and signalled else None
        killed_by = self._killed_by or self._killer(ended, code, number)
        status: Status
        if killed_by:
            status = STATUS_OF[killed_by]
        elif code is None:
            status = "killed"
        else:
            status = "ok" if code == 0 else "error"
        return Result(
            status=status,
            exit_code=None if signalled else code,
            signal=number if signalled else signal.SIGKILL if code is None else None,
            **self._output.streams(),
            wall_s=wall_s,
            cpu_s=ended.cpu_us / 1e6 if ended else 0.0,
            max_rss_mb=ended.peak_bytes / (1 << 20) if ended else 0.0,
            killed_by=killed_by,
        )

    def _killer(
        self, ended: Ended | None, code: int | None, number: int | None
    ) -> Literal["cpu", "memory"] | None:
        """The limit of the kernel's that ended the program, if one did."""
        if code == 0 or ended is None:
            return None
        if ended.memory_kills:
            return "memory"
        late = ended.cpu_us / 1e6 >= self._limits.cpu_s
        if number == signal.SIGXCPU or (number == signal.SIGKILL and late):
            return "cpu"
        return None


async def execute(
    taken: Prepared,
    job: Mapping[str, object],
    allowed: RunLimits,
    stdin: bytes | int,
    on_output: OnOutput | None,
) -> tuple[Result, Ended | None]:
    """One job to its end; and what it has used, where all of it is known to be dead.

    Raises:
        FileRefused: it can't begin in its folder.
        SandboxBroken: the container or the engine stopped working.
    """
    await ContainerFiles(taken).enter(str(job["cwd"]))
    execution = Execution(taken, allowed, on_output=on_output)
    try:
        await execution.begin(job, stdin=stdin)
        return await execution.result(), execution.ended
    finally:
        execution.close()
