"""Checkers that stand ready in one sandbox, each for one trial at a time."""

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
    """Lends checkers. One that did not end a trial well is ended, and with it whatever ran in it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._idle: list[_Held] = []
        self._lent: dict[int, _Held] = {}

    async def take(self) -> Running:
        """A checker for one trial.

        Raises:
            SandboxBroken: the sandbox stopped working.
        """
        if self._idle:
            held = self._idle.pop()
        else:
            held = _Held(
                await self._sandbox.start("checker.trials", {}, limits=Limits(wall_s=_WALL_S), fresh=True)
            )
        self._lent[id(held.checker)] = held
        return held.checker

    async def put_back(self, checker: Running, *, sound: bool, cpu_s: float) -> Result | None:
        """Keep it for the next trial, or end it; then this is how it ended.

        Args:
            sound: it said that the trial is over, and how.
            cpu_s: that it said the trial took.
        """
        held = self._lent.pop(id(checker))
        if not sound:
            result = await asyncio.shield(checker.finish())
            return result.model_copy(update={"cpu_s": max(result.cpu_s - held.cpu_s, 0.0)})
        held.trials, held.cpu_s = held.trials + 1, held.cpu_s + cpu_s
        if held.trials < _TRIALS and held.cpu_s < _CPU_S:
            self._idle.append(held)
            return None
        return await asyncio.shield(checker.finish())

    async def close(self) -> None:
        """End those that stand ready."""
        while self._idle:
            await self._idle.pop().checker.finish()
