"""Idle checkers, and candidates: clones of a confined child, which cost less than walls for each one.

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

_MOST_JOBS = 256
"""Jobs of one process: what they leave behind adds up against the kernel's limits."""
_CHECKER_CPU_S = 2.0
_WALL_S = 86_400.0
_TRIES = 3
"""Children that may die while idle before a candidate gets a new child."""
_PATIENCE_S = 5.0
"""Seconds to wait for a child's report on a candidate that it was told to end."""


@dataclass(slots=True)
class Held:
    """A process, and the resources its jobs have used."""

    running: Running
    jobs: int = 0
    cpu_s: float = 0.0
    memory_kills: int = 0


class Standby:
    """Lend processes. Close it even if its sandbox is broken."""

    def __init__(
        self,
        sandbox: Sandbox,
        entry: str,
        arguments: Mapping[str, object],
        *,
        max_cpu_s: float = math.inf,
        once: Limits | None = None,
        fresh: bool = True,
    ) -> None:
        self._sandbox, self._entry, self._arguments = sandbox, entry, arguments
        self._max_cpu_s, self._once, self._fresh = max_cpu_s, once, fresh
        self._idle: list[Held] = []

    async def take(self) -> Held:
        """Take a process for one job. Raises SandboxBroken if the sandbox stopped working."""
        if self._idle:
            return self._idle.pop()
        limits = self._once or Limits(wall_s=_WALL_S)
        return Held(await self._sandbox.start(self._entry, self._arguments, limits=limits, fresh=self._fresh))

    async def put_back(self, held: Held, *, sound: bool) -> Result | None:
        """Keep a process for the next job if `sound`; otherwise end it and return how it ended."""
        sound = sound and self._once is None
        if sound and held.jobs < _MOST_JOBS and held.cpu_s < self._max_cpu_s:
            self._idle.append(held)
            return None
        result = await asyncio.shield(held.running.finish())
        return None if sound else result.model_copy(update={"cpu_s": max(result.cpu_s - held.cpu_s, 0.0)})

    async def close(self) -> None:
        """End the idle processes."""
        while self._idle:
            await self._idle.pop().running.finish()


class Checkers(Standby):
    """Checkers, each for one trial at a time; one that ends badly is not reused."""

    def __init__(self, sandbox: Sandbox, *, once: Limits | None = None, fresh: bool = True) -> None:
        """`once`: limits of a checker for a single job; `fresh`: not in the sandbox's own workspace."""
        arguments, most = {"once": once is not None}, _CHECKER_CPU_S
        super().__init__(sandbox, "checker.checker", arguments, max_cpu_s=most, once=once, fresh=fresh)


class Candidates:
    """Start candidates in one sandbox. Close it even if the sandbox is broken."""

    def __init__(self, sandbox: Sandbox, *, without: frozenset[str] = frozenset()) -> None:
        """`without` names mechanisms to disable; only tests do, to see a probe escape."""
        self._sandbox = sandbox
        self._stems = Standby(sandbox, "bridge.candidates", {"without": sorted(without)})
        self._can_clone = True

    async def start(self, job: Mapping[str, object], *, limits: Limits) -> "Running | Candidate":
        """Start a candidate in a private workspace: a clone or, where cloning is impossible, a new child.

        `job` is as `sandbox.inner.bridge.callee.serve` takes it. Raises SandboxBroken if the sandbox fails.
        """
        for _ in range(_TRIES):
            stem = await self._take()
            if stem is None:
                break
            candidate = Candidate(self._stems, stem, limits)
            try:
                await candidate.begin(job)
            except SandboxBroken:
                await stem.running.finish()  # it died while it stood ready: the next one
            else:
                return candidate
        return await self._sandbox.start("bridge.callee", job, limits=limits, fresh=True)

    async def close(self) -> None:
        """End the idle children."""
        await self._stems.close()

    async def _take(self) -> Held | None:
        """Take a child to clone; None if cloning is impossible. Raises SandboxBroken if it ended."""
        if not self._can_clone:
            return None
        stem = await self._stems.take()
        if stem.jobs:
            return stem
        if isinstance(stem.running, RunningEntry):
            hello = await stem.running.receive()
            if hello is None:
                raise SandboxBroken("A child that candidates were to be cloned from ended before.")
            if decode(hello) == ("ready", True):
                return stem
        self._can_clone = False
        await stem.running.finish()
        return None


class Candidate:
    """One candidate, and the host's end of its socket."""

    def __init__(self, stems: Standby, stem: Held, limits: Limits) -> None:
        assert isinstance(stem.running, RunningEntry)
        self._stems, self._stem, self._running = stems, stem, stem.running
        self._cpu_s, self._behind = limits.cpu_s or Policy().cpu_s, limits.behind
        self._line, self._inside = socket.socketpair()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._hung_up = False
        self._result: Result | None = None

    async def begin(self, job: Mapping[str, object]) -> None:
        """Clone it and send its job. Raises SandboxBroken if its parent ended; the socket is closed then."""
        own = {"cpu_s": math.ceil(self._cpu_s), "nice": LOWEST if self._behind else 0}
        content = json.dumps({**job, **own}).encode()
        try:
            await self._running.send_with(BEGIN, self._inside)
            self._line.setblocking(False)
            await self._loop.sock_sendall(self._line, len(content).to_bytes(4, "little") + content)
        except (OSError, SandboxBroken) as error:
            self._line.close()
            raise SandboxBroken("The candidate ended before it had its job.") from error
        finally:
            self._inside.close()
        self._stem.jobs += 1

    def hand_over(self) -> socket.socket:
        """Return the host's end of the socket, to be sent to another child; not used here afterwards."""
        self._line.setblocking(True)
        return self._line

    def hung_up(self) -> None:
        """Note that the candidate closed its end: its parent is about to report how it ended."""
        self._hung_up = True

    async def finish(self) -> Result:
        """End all its processes; return how it ended."""
        if self._result is None:
            self._line.close()
            try:
                self._result = await self._end()
            except BaseException:
                await asyncio.shield(self._running.finish())
                raise
        return self._result

    async def _end(self) -> Result:
        try:
            await self._running.send(HUNG_UP if self._hung_up else END)
            async with asyncio.timeout(_PATIENCE_S):
                report = await self._running.receive()
            match decode(report or b""):
                case ("over", int(status), bool(by_itself), float(cpu_s), float(resident), bool(clean)):
                    self._stem.cpu_s += cpu_s
                    code = os.waitstatus_to_exitcode(status)
                    result = result_of(
                        code,
                        self._killer(code, cpu_s) if by_itself else "cancel",
                        cpu_s=cpu_s,
                        max_rss_mb=resident,
                        wall_s=self._loop.time() - self._began,
                        **self._running.execution.take_output().streams(),
                    )
                    await self._stems.put_back(self._stem, sound=clean)
                    return result
        except (SandboxBroken, TimeoutError, CodecError):
            pass
        return self._taken_along(await self._running.finish())

    def _killer(self, code: int, cpu_s: float) -> KilledBy | None:
        """The kernel limit that ended it, if any."""
        if code == 0:
            return None
        child = self._running.execution.child
        before, self._stem.memory_kills = self._stem.memory_kills, child.memory_kills()
        if self._stem.memory_kills > before:
            return "memory"
        late = cpu_s >= self._cpu_s
        by_timer = code in (-signal.SIGPROF, -signal.SIGXCPU)
        return "cpu" if by_timer or (code == -signal.SIGKILL and late) else None

    def _taken_along(self, result: Result) -> Result:
        """How its parent ended, less the CPU time of earlier candidates."""
        cpu_s = max(result.cpu_s - self._stem.cpu_s, 0.0)
        update: dict[str, object] = {"cpu_s": cpu_s, "wall_s": self._loop.time() - self._began}
        if result.killed_by == "cpu" and cpu_s < self._cpu_s:
            update |= {"killed_by": None, "status": "killed"}
        return result.model_copy(update=update)
