"""Common to runs of every backend: output, deadline, and the Result."""

import asyncio
import signal
from typing import Any

from sandbox.contract import OnOutput
from sandbox.host.limits import RunLimits
from sandbox.host.output import Output, Stream
from sandbox.result import KilledBy, Result, Status

FLOOD = 64
"""A program that writes this multiple of the kept output is ended."""
STATUS_OF: dict[KilledBy, Status] = {
    "wall": "timeout",
    "cpu": "timeout",
    "memory": "oom",
    "output": "output_limit",
    "disk": "killed",
    "cancel": "killed",
}
"""Status of an ended run, by the reason."""
_PATIENCE_S = 0.4
"""Seconds after a limit until the caller gets a Result in any case."""


class TimedRun:
    """A run in progress. `_kill` ends its processes."""

    def __init__(
        self,
        ended: "asyncio.Future[Any]",
        limits: RunLimits,
        *,
        on_output: OnOutput | None,
        without: frozenset[str],
    ) -> None:
        """`ended` is set once the processes of the run are dead."""
        self._loop = asyncio.get_running_loop()
        self._ended, self._limits, self._on_output, self._without = ended, limits, on_output, without
        self._output = Output(limits.output_bytes)
        self._killed_by: KilledBy | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._began = 0.0
        self._over: asyncio.Future[Any] = self._loop.create_future()
        """Set to the value of `ended`, or to None where the run is overdue."""

    def end(self, reason: KilledBy) -> None:
        """End the run for a reason that its Result names; the first one counts."""
        if self._over.done() or self._ended.done():
            return
        self._killed_by = self._killed_by or reason
        self._kill()
        self._timers.append(self._loop.call_later(_PATIENCE_S, self._give_up))

    def _kill(self) -> None:
        raise NotImplementedError

    def _start_clock(self) -> None:
        self._began = self._loop.time()
        if "wall" not in self._without:
            self._timers.append(self._loop.call_later(self._limits.wall_s, self.end, "wall"))

    def _keep(self, stream: Stream, content: bytes) -> None:
        self._output.add(stream, content)
        if self._output.total > FLOOD * self._limits.output_bytes and "output" not in self._without:
            self.end("output")
        if self._on_output is not None:  # last: it may raise
            self._on_output(stream, content)

    def _give_up(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _describe(
        self, code: int | None, wall_s: float, *, cpu_s: float, max_rss_mb: float, memory_kills: int
    ) -> Result:
        """The Result; `code` is negative for a signal, and None if nothing reported how the run ended."""
        killed_by = self._killed_by
        if killed_by is None and code != 0:
            late = cpu_s >= self._limits.cpu_s
            if memory_kills:
                killed_by = "memory"
            elif code == -signal.SIGXCPU or (code == -signal.SIGKILL and late):
                killed_by = "cpu"
        status: Status = "killed" if code is None else "ok" if code == 0 else "error"
        return Result(
            status=STATUS_OF[killed_by] if killed_by else status,
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else signal.SIGKILL if code is None else None,
            **self._output.streams(),
            wall_s=wall_s,
            cpu_s=cpu_s,
            max_rss_mb=max_rss_mb,
            killed_by=killed_by,
        )
