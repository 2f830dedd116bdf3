"""Idle processes of one sandbox, each used for one job at a time."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.contract import Running, Sandbox
from sandbox.policy import Limits
from sandbox.result import Result

_MOST_JOBS = 256
"""Jobs of one process: what they leave behind adds up against the kernel's limits."""
_CHECKER_CPU_S = 2.0
_WALL_S = 86_400.0


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
    ) -> None:
        self._sandbox, self._entry, self._arguments = sandbox, entry, arguments
        self._max_cpu_s, self._once = max_cpu_s, once
        self._idle: list[Held] = []

    async def take(self) -> Held:
        """Take a process for one job. Raises SandboxBroken if the sandbox stopped working."""
        if self._idle:
            return self._idle.pop()
        limits, fresh = self._once or Limits(wall_s=_WALL_S), self._once is None
        return Held(await self._sandbox.start(self._entry, self._arguments, limits=limits, fresh=fresh))

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

    def __init__(self, sandbox: Sandbox, *, once: Limits | None = None) -> None:
        """`once`: limits of a checker for a single job in the sandbox's own workspace."""
        arguments = {"once": once is not None}
        super().__init__(sandbox, "checker.checker", arguments, max_cpu_s=_CHECKER_CPU_S, once=once)
