"""One run on a lent child: its pipes, its deadlines, and its Result."""

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from sandbox.contract import OnOutput
from sandbox.host.child import Child
from sandbox.host.limits import Ending, RunLimits
from sandbox.host.output import Output, Stream
from sandbox.result import KilledBy, Result, Status

if TYPE_CHECKING:
    from sandbox.host.disk_watch import DiskBounds, DiskWatch
    from sandbox.host.inflow import Inflow

FLOOD = 64
"""A program that writes this many times what is kept is ended."""
STATUS_OF: dict[KilledBy, Status] = {
    "wall": "timeout",
    "cpu": "timeout",
    "memory": "oom",
    "output": "output_limit",
    "disk": "killed",
    "cancel": "killed",
}
"""Status of a run that was ended, by the reason."""
_CHUNK = 1 << 16
_GRACE_S, _PATIENCE_S = 0.15, 0.4
"""After a limit: until the reaper is killed outright, and until the caller gets a Result in any case."""
_SAMPLE_S = 0.02


class Execution:
    """A run while it lasts: a lent child with its pipes and clocks."""

    def __init__(
        self,
        child: Child,
        limits: RunLimits,
        *,
        on_output: OnOutput | None,
        without: frozenset[str],
        bounds: "DiskBounds | None",
        give_back: Callable[[Child], None],
    ) -> None:
        """`bounds`: what has to be sampled while the program runs; `give_back` returns the child, once."""
        self._loop = asyncio.get_running_loop()
        self.child, self._limits, self._on_output, self._without = child, limits, on_output, without
        self._bounds, self._give_back = bounds, give_back
        self._watch: DiskWatch | None = None
        self._closed = False
        self._output = Output(limits.output_bytes)
        self._killed_by: KilledBy | None = None
        self._readers: dict[int, Stream] = {}
        self._inflow: Inflow | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._began = 0.0
        self._over: asyncio.Future[Ending | None] = self._loop.create_future()

    async def begin(
        self, job: Mapping[str, object], *, stdin: bytes | int = b"", extra: Sequence[int] = ()
    ) -> None:
        """Hand over the job with its pipes. `extra` descriptors come last; all are closed here."""
        inside = [self._reader("stdout"), self._reader("stderr")]
        if stdin != b"":
            from sandbox.host.inflow import Inflow

            self._inflow = Inflow(stdin)
            inside.append(self._inflow.inside)
        self._began = self._loop.time()
        self.child.ended.add_done_callback(self._finish)
        self._start_clocks()
        try:
            await self.child.assign({**job, "stdin": self._inflow is not None}, [*inside, *extra])
        finally:
            for descriptor in (*inside, *extra):
                os.close(descriptor)
        if self._bounds is not None and self.child.reaper is not None:
            from sandbox.host.disk_watch import DiskWatch

            self._watch = DiskWatch(self._bounds, self.child.reaper, lambda: self.end("disk"))

    async def result(self) -> Result:
        """Wait for the end of the run."""
        ending = await self._over
        wall = self._loop.time() - self._began
        if ending is None and self._killed_by is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.child.gone.wait(), _PATIENCE_S)
        self._drain()
        return self._describe(ending, wall)

    def end(self, reason: KilledBy) -> None:
        """End the run for a reason that its Result names; the first one counts."""
        if self._over.done() or self.child.ended.done():
            return
        self._killed_by = self._killed_by or reason
        self.child.kill(outright=False)
        self._timers.append(self._loop.call_later(_GRACE_S, lambda: self.child.kill(outright=True)))
        self._timers.append(self._loop.call_later(_PATIENCE_S, self._give_up))

    def take_output(self) -> Output:
        """The output so far; the next is counted anew. Nothing may write meanwhile."""
        self._drain()
        taken, self._output = self._output, Output(self._limits.output_bytes)
        return taken

    def close(self) -> None:
        """End what is left of the run, and return its child. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.close()
        for timer in self._timers:
            timer.cancel()
        for descriptor in list(self._readers):
            self._close_reader(descriptor)
        if self._inflow is not None:
            self._inflow.close()
        if not self.child.ended.done():
            self.child.kill(outright=True)
        self._give_back(self.child)

    async def abandon(self) -> None:
        """End the run, and wait until all of it is dead."""
        self.close()
        await self.child.gone.wait()

    def _start_clocks(self) -> None:
        if "wall" not in self._without:
            self._timers.append(self._loop.call_later(self._limits.wall_s, self.end, "wall"))
        if self.child.group is None and "memory" not in self._without:
            self._sample()

    def _sample(self) -> None:
        from sandbox.host.memory_watch import holds_more

        if self.child.ended.done():
            return
        limit, sockets = self._limits.memory_mb << 20, "net" not in self._without
        if self.child.reaper and holds_more(self.child.reaper, limit, sockets=sockets):
            self.end("memory")
        self._timers.append(self._loop.call_later(_SAMPLE_S, self._sample))
        if len(self._timers) > 16:
            self._timers = [timer for timer in self._timers if timer.when() > self._loop.time()]

    def _reader(self, stream: Stream) -> int:
        ours, inside = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        self._readers[ours] = stream
        self._loop.add_reader(ours, self._read, ours)
        return inside

    def _read(self, descriptor: int) -> int:
        """Read once from a pipe; the number of bytes."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return 0
        if not chunk:
            self._close_reader(descriptor)
            return 0
        stream = self._readers[descriptor]
        self._output.add(stream, chunk)
        if self._output.total > FLOOD * self._limits.output_bytes and "output" not in self._without:
            self.end("output")
        if self._on_output is not None:  # last: it may raise
            self._on_output(stream, chunk)
        return len(chunk)

    def _drain(self) -> None:
        """Read what is left in the pipes, at most what they hold."""
        for descriptor in list(self._readers):
            room = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
            while room > 0 and descriptor in self._readers:
                size = self._read(descriptor)
                if size == 0:
                    break
                room -= size

    def _close_reader(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        del self._readers[descriptor]
        os.close(descriptor)

    def _finish(self, ended: "asyncio.Future[Ending | None]") -> None:
        if not self._over.done():
            self._over.set_result(ended.result())

    def _give_up(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _describe(self, ending: Ending | None, wall_s: float) -> Result:
        code = None if ending is None else os.waitstatus_to_exitcode(ending.wait_status)
        killed_by = self._killed_by or self._killer(ending, code)
        status: Status = "killed" if code is None else "ok" if code == 0 else "error"
        return Result(
            status=STATUS_OF[killed_by] if killed_by else status,
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else signal.SIGKILL if code is None else None,
            **self._output.streams(),
            wall_s=wall_s,
            cpu_s=ending.cpu_s if ending else 0.0,
            max_rss_mb=ending.max_rss_mb if ending else 0.0,
            killed_by=killed_by,
        )

    def _killer(self, ending: Ending | None, code: int | None) -> Literal["cpu", "memory"] | None:
        """The kernel's limit that ended the program, if any."""
        if code == 0:
            return None
        if self.child.memory_kills():
            return "memory"
        late = ending is not None and ending.cpu_s >= self._limits.cpu_s
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and late):
            return "cpu"
        return None
