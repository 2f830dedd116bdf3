"""Lends the processes of checkers in one sandbox, each for one job at a time."""

import asyncio
from dataclasses import dataclass

from sandbox.contract import Running, Sandbox
from sandbox.policy import Limits
from sandbox.result import Result

_TRIALS, _CPU_S = 256, 2.0
"""Of one checker, at most: its own CPU time adds up, and the kernel limits it."""
_WALL_S = 86_400.0


@dataclass(slots=True)
class _Held:
    """What a checker did so far."""

    checker: Running
    trials: int = 0
    cpu_s: float = 0.0


class Checkers:
    """Lends checkers. One that didn't end a job well is ended, and with it whatever ran in it."""

    def __init__(self, sandbox: Sandbox, *, once: Limits | None = None) -> None:
        """`once`: limits of checkers that do one job, in the sandbox's own workspace; None: they are kept."""
        self._sandbox, self._once = sandbox, once
        self._idle: list[_Held] = []
        self._lent: dict[int, _Held] = {}

    async def take(self) -> Running:
        """A checker for one job.

        Raises:
            SandboxBroken: the sandbox stopped working.
        """
        if self._idle:
            held = self._idle.pop()
        else:
            once, limits = self._once is not None, self._once or Limits(wall_s=_WALL_S)
            start = self._sandbox.start("checker.checker", {"once": once}, limits=limits, fresh=not once)
            held = _Held(await start)
        self._lent[id(held.checker)] = held
        return held.checker

    async def put_back(self, checker: Running, *, sound: bool, cpu_s: float) -> Result | None:
        """Keep it for the next job, or end it; gives how it ended, where it was for this job or through it.

        Args:
            sound: it reported that the job is over, and how.
            cpu_s: that it reported for the job.
        """
        held = self._lent.pop(id(checker))
        if self._once is not None or not sound:
            result = await asyncio.shield(checker.finish())
            return result.model_copy(update={"cpu_s": max(result.cpu_s - held.cpu_s, 0.0)})
        held.trials, held.cpu_s = held.trials + 1, held.cpu_s + cpu_s
        if held.trials < _TRIALS and held.cpu_s < _CPU_S:
            self._idle.append(held)
        else:
            await asyncio.shield(checker.finish())
        return None

    async def close(self) -> None:
        """End those that stand ready."""
        while self._idle:
            await self._idle.pop().checker.finish()
