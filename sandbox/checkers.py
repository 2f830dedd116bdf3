"""Checkers that stand ready in one sandbox, each for one trial at a time."""

import asyncio

from sandbox.contract import Running, Sandbox
from sandbox.policy import Limits
from sandbox.result import Result

_TRIALS = 256
"""Of one checker: its own CPU time adds up, and the kernel limits it."""
_WALL_S = 86_400.0


class Checkers:
    """Lends checkers. One that did not end a trial well is ended, and with it whatever ran in it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._idle: list[tuple[Running, int]] = []
        self._lent: dict[int, int] = {}

    async def take(self) -> Running:
        """A checker for one trial.

        Raises:
            SandboxBroken: the sandbox stopped working.
        """
        if self._idle:
            checker, held = self._idle.pop()
        else:
            checker = await self._sandbox.start("trials", {}, limits=Limits(wall_s=_WALL_S), fresh=True)
            held = 0
        self._lent[id(checker)] = held + 1
        return checker

    async def put_back(self, checker: Running, *, sound: bool) -> Result | None:
        """Keep it for the next trial, or end it; then this is how it ended."""
        held = self._lent.pop(id(checker))
        if sound and held < _TRIALS:
            self._idle.append((checker, held))
            return None
        return await asyncio.shield(checker.finish())

    async def close(self) -> None:
        """End those that stand ready."""
        while self._idle:
            await self._idle.pop()[0].finish()
