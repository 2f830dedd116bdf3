"""The limits of one run, the job of its child, and what enforces time and output for every backend."""

import asyncio
import math
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.contract import OnOutput
from sandbox.host.output import Output, Stream
from sandbox.inner.process.wire import ENDING, LOWEST
from sandbox.policy import Limits, Policy
from sandbox.program import Command, Program
from sandbox.result import KilledBy, Result, Status

_STACKS = 512 << 20
"""Bytes that the stacks of 64 threads reserve and hardly touch; use is sampled."""
_RESERVED = 4 << 30
"""Bytes of address space that threads and large libraries reserve and never touch."""
FLOOD = 64
"""A program is ended once it has written this multiple of the kept output."""
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


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of one run."""

    wall_s: float
    cpu_s: float
    memory_mb: int
    processes: int
    output_bytes: int
    behind: bool = False
    stdout_bytes: int | None = None

    def within(self, other: "RunLimits") -> bool:
        """Whether a process made for `other` can be held to these limits."""
        return (
            self.cpu_s <= other.cpu_s
            and self.memory_mb <= other.memory_mb
            and self.processes <= other.processes
        )

    def rlimits(self, *, counted: bool) -> dict[str, int | None]:
        """Return the limits of each process; `counted`: a cgroup bounds the run's memory instead."""
        memory = self.memory_mb << 20
        return {
            "cpu_s": math.ceil(self.cpu_s),
            "processes": self.processes,
            "data_bytes": None if counted else memory + _STACKS,
            "address_bytes": None if counted else 4 * memory + _RESERVED,
            "nice": LOWEST if self.behind else 0,
        }


def refuse_wrong_entry(entry: str) -> None:
    """Raise ValueError unless `entry` is an entry's name: identifiers separated by dots."""
    if not all(part.isidentifier() for part in entry.split(".")):
        raise ValueError(f"{entry!r} isn't the name of an entry.")


def refuse_lasting_files(what: str, files: Mapping[str, bytes] | None, *, fresh: bool) -> None:
    """Raise ValueError if files are given for the lasting workspace, without `fresh`."""
    if files and not fresh:
        raise ValueError(f"Only a fresh {what} is given files; write() is for the workspace that lasts.")


def resolve(policy: Policy, limits: Limits | None) -> RunLimits:
    """Return the caller's limits, and the policy's where the caller sets none."""
    bounds = limits or Limits()
    return RunLimits(
        wall_s=bounds.wall_s or policy.wall_s,
        cpu_s=bounds.cpu_s or policy.cpu_s,
        memory_mb=bounds.memory_mb or policy.memory_mb,
        processes=bounds.processes or policy.processes,
        output_bytes=bounds.output_bytes or policy.output_bytes,
        behind=bounds.behind,
        stdout_bytes=bounds.stdout_bytes,
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended, as reported by its reaper."""

    wait_status: int
    cpu_s: float
    max_rss_mb: float

    @classmethod
    def of(cls, message: bytes) -> "Ending":
        """Parse the reaper's last message."""
        how, user, system, resident = ENDING.unpack(message)
        return cls(how, (user + system) / 1e6, resident / 1024)


class Jobs:
    """Makes the jobs of one sandbox."""

    def __init__(
        self, environment: Mapping[str, str], rlimits: Callable[[RunLimits], Mapping[str, int | None]]
    ) -> None:
        """`rlimits` returns the kernel's limits of each process of a run."""
        self._environment, self._rlimits = environment, rlimits

    def of(self, program: Program, limits: RunLimits) -> dict[str, object]:
        """Return the job that runs a program."""
        shared = {**self._shared(limits, program.environment), "cwd": program.cwd}
        if isinstance(program, Command):
            return {"kind": "command", "argv": program.argv, **shared}
        job = {"source": program.source, "filename": program.filename, "arguments": program.arguments}
        return {"kind": "python", **job, **shared}

    def of_entry(self, entry: str, arguments: Mapping[str, object], limits: RunLimits) -> dict[str, object]:
        """Return the job that runs a trusted entry with a channel."""
        job = {"entry": entry, "arguments": dict(arguments)}
        return {"kind": "entry", **job, **self._shared(limits, {})}

    def _shared(self, limits: RunLimits, more: Mapping[str, str]) -> dict[str, object]:
        environment = {**self._environment, **more}
        return {"environment": environment, "rlimits": self._rlimits(limits), "stdin": False}


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
        self._output = Output(limits.output_bytes, stdout=limits.stdout_bytes)
        self._killed_by: KilledBy | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._began = 0.0
        self._over: asyncio.Future[Any] = self._loop.create_future()
        """Set to the value of `ended`, or to None if the run is overdue."""

    def end(self, reason: KilledBy) -> None:
        """End the run for a reason that its Result names; only the first reason counts."""
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
        """Return the Result; `code` is negative for a signal, None if nothing reported how the run ended."""
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
