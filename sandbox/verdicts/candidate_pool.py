"""Idle checkers, and candidates: clones of a confined child, which cost less than a sandboxed process each.

The host verifies the child once; a clone inherits all its walls. A child is discarded when a candidate left
anything in it or when it answers wrongly.
"""

import asyncio
import json
import math
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.contract import Running, Sandbox
from sandbox.errors import SandboxBroken
from sandbox.host.running import RunningEntry
from sandbox.inner.bridge.candidate_line import BEGIN, END, HUNG_UP
from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.process.wire import LOWEST
from sandbox.policy import Limits, Policy
from sandbox.result import KilledBy, Result
from sandbox.verdicts.run_report import result_of

_MAX_JOBS = 256
"""Maximum jobs of one process: their leftovers add up against the kernel's limits."""
_CHECKER_CPU_S = 2.0
_WALL_S = 86_400.0
_TRIES = 3
"""Idle children to try, as they may have died, before a candidate gets a new child."""
_REPORT_WAIT_S = 5.0
"""Seconds to wait for a child's report on the candidate it has to end."""


@dataclass(slots=True)
class PooledProcess:
    """A process, and the resources that its jobs have used."""

    running: Running
    jobs: int = 0
    cpu_s: float = 0.0
    memory_kills: int = 0


class ProcessPool:
    """Keep idle processes for reuse. Close it even if its sandbox is broken."""

    def __init__(
        self,
        sandbox: Sandbox,
        entry: str,
        arguments: Mapping[str, object],
        *,
        max_cpu_s: float = math.inf,
        once: Limits | None = None,
        fresh: bool = True,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self._sandbox, self._entry, self._arguments = sandbox, entry, arguments
        self._max_cpu_s, self._once, self._fresh, self._files = max_cpu_s, once, fresh, files
        self._idle: list[PooledProcess] = []

    async def take(self) -> PooledProcess:
        """Take a process for one job. Raises SandboxBroken if the sandbox stopped working."""
        if self._idle:
            return self._idle.pop()
        limits = self._once or Limits(wall_s=_WALL_S)
        running = await self._sandbox.start(
            self._entry, self._arguments, limits=limits, fresh=self._fresh, files=self._files
        )
        return PooledProcess(running)

    async def put_back(self, process: PooledProcess, *, reusable: bool) -> Result | None:
        """Keep a process for the next job, or end it; return how it ended if it wasn't reusable."""
        reusable = reusable and self._once is None
        if reusable and process.jobs < _MAX_JOBS and process.cpu_s < self._max_cpu_s:
            self._idle.append(process)
            return None
        result = await asyncio.shield(process.running.finish())
        return (
            None if reusable else result.model_copy(update={"cpu_s": max(result.cpu_s - process.cpu_s, 0.0)})
        )

    async def close(self) -> None:
        """End the idle processes."""
        while self._idle:
            await self._idle.pop().running.finish()


class Checkers(ProcessPool):
    """Checkers, each for one trial at a time; one that ends badly is not reused."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        once: Limits | None = None,
        fresh: bool = True,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """`once`: limits of a checker for one job; `fresh`: whether it has a workspace, with `files`."""
        arguments, max_cpu_s = {"once": once is not None}, _CHECKER_CPU_S
        super().__init__(
            sandbox, "checker.checker", arguments, max_cpu_s=max_cpu_s, once=once, fresh=fresh, files=files
        )


class Candidates:
    """Start candidates in one sandbox. Close it even if the sandbox is broken."""

    def __init__(self, sandbox: Sandbox, *, without: frozenset[str] = frozenset()) -> None:
        """`without` names mechanisms to disable; only tests do, to see a probe escape."""
        self._sandbox = sandbox
        self._parents = ProcessPool(sandbox, "bridge.candidates", {"without": sorted(without)})
        self._can_clone = True

    async def start(self, job: Mapping[str, object], *, limits: Limits) -> "Running | Candidate":
        """Start a candidate in a private workspace: a clone or, where cloning is impossible, a new child.

        `job` is as `sandbox.inner.bridge.callee.serve` takes it. Raises SandboxBroken if the sandbox fails.
        """
        for _ in range(_TRIES):
            parent = await self._take()
            if parent is None:
                break
            candidate = Candidate(self._parents, parent, limits)
            try:
                await candidate.begin(job)
            except SandboxBroken:
                await parent.running.finish()  # it died while idle: try the next one
            else:
                return candidate
        return await self._sandbox.start("bridge.callee", job, limits=limits, fresh=True)

    async def close(self) -> None:
        """End the idle children."""
        await self._parents.close()

    async def _take(self) -> PooledProcess | None:
        """Take a child to clone; None if cloning is impossible. Raises SandboxBroken if it ended."""
        if not self._can_clone:
            return None
        parent = await self._parents.take()
        if parent.jobs:
            return parent
        if isinstance(parent.running, RunningEntry):
            first_frame = await parent.running.receive()
            if first_frame is None:
                raise SandboxBroken("A child that candidates were to be cloned from ended before.")
            if decode(first_frame) == ("ready", True):
                return parent
        self._can_clone = False
        await parent.running.finish()
        return None


class Candidate:
    """One candidate, and the host's end of its socket."""

    def __init__(self, parents: ProcessPool, parent: PooledProcess, limits: Limits) -> None:
        assert isinstance(parent.running, RunningEntry)
        self._parents, self._parent, self._running = parents, parent, parent.running
        self._cpu_s, self._low_priority = limits.cpu_s or Policy().cpu_s, limits.behind
        self._line, self._inside = socket.socketpair()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._hung_up = False
        self._result: Result | None = None

    async def begin(self, job: Mapping[str, object]) -> None:
        """Clone it and send its job. Raises SandboxBroken if its parent ended; the socket is closed then."""
        settings = {"cpu_s": math.ceil(self._cpu_s), "nice": LOWEST if self._low_priority else 0}
        content = json.dumps({**job, **settings}).encode()
        try:
            await self._running.send_with(BEGIN, self._inside)
            self._line.setblocking(False)
            await self._loop.sock_sendall(self._line, len(content).to_bytes(4, "little") + content)
        except (OSError, SandboxBroken) as error:
            self._line.close()
            raise SandboxBroken("The candidate ended before it had its job.") from error
        finally:
            self._inside.close()
        self._parent.jobs += 1

    def hand_over(self) -> socket.socket:
        """Return the host's end of the socket, to be sent to another child; not used here afterwards."""
        self._line.setblocking(True)
        return self._line

    def hung_up(self) -> None:
        """Record that the candidate closed its end: its parent is about to report how it ended."""
        self._hung_up = True

    async def finish(self) -> Result:
        """End all its processes; return its result."""
        if self._result is None:
            self._line.close()
            try:
                self._result = await self._finish_clone()
            except BaseException:
                await asyncio.shield(self._running.finish())
                raise
        return self._result

    async def _finish_clone(self) -> Result:
        try:
            await self._running.send(HUNG_UP if self._hung_up else END)
            async with asyncio.timeout(_REPORT_WAIT_S):
                report = await self._running.receive()
            match decode(report or b""):
                case (
                    "over",
                    int(status),
                    bool(ended_by_itself),
                    float(cpu_s),
                    float(resident),
                    bool(left_nothing),
                ):
                    self._parent.cpu_s += cpu_s
                    code = os.waitstatus_to_exitcode(status)
                    result = result_of(
                        code,
                        self._find_killer(code, cpu_s) if ended_by_itself else "cancel",
                        cpu_s=cpu_s,
                        max_rss_mb=resident,
                        wall_s=self._loop.time() - self._began,
                        **self._running.execution.take_output().streams(),
                    )
                    await self._parents.put_back(self._parent, reusable=left_nothing)
                    return result
        except (SandboxBroken, TimeoutError, CodecError):
            pass
        return self._result_of_parent(await self._running.finish())

    def _find_killer(self, code: int, cpu_s: float) -> KilledBy | None:
        """Return the kernel limit that ended it, if any."""
        if code == 0:
            return None
        child = self._running.execution.child
        kills_before, self._parent.memory_kills = self._parent.memory_kills, child.memory_kills()
        if self._parent.memory_kills > kills_before:
            return "memory"
        is_over_limit = cpu_s >= self._cpu_s
        by_timer = code in (-signal.SIGPROF, -signal.SIGXCPU)
        return "cpu" if by_timer or (code == -signal.SIGKILL and is_over_limit) else None

    def _result_of_parent(self, result: Result) -> Result:
        """Return the parent's result, less the CPU time of earlier candidates."""
        cpu_s = max(result.cpu_s - self._parent.cpu_s, 0.0)
        update: dict[str, object] = {"cpu_s": cpu_s, "wall_s": self._loop.time() - self._began}
        if result.killed_by == "cpu" and cpu_s < self._cpu_s:
            update |= {"killed_by": None, "status": "killed"}
        return result.model_copy(update=update)
