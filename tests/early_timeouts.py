"""Sandboxes whose time limits run out at a known place in a program, at once and on any machine.

A program that kills itself (`REACHES_LIMIT`) stands for one that is stopped at its limit there. What a run of
tests reports is the same both ways (tests/coder/verify/test_test_command.py).
"""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from sandbox import Limits, Policy, Sandbox
from sandbox.program import Program
from sandbox.result import Result
from tests.sandbox_pool import open_kept

REACHES_LIMIT = "__import__('os').kill(__import__('os').getpid(), 9)"
"""Expression at which the limit of the program runs out."""


@asynccontextmanager
async def open_early(policy: Policy | None = None) -> AsyncIterator[Sandbox]:
    """Lend a sandbox whose limits run out early."""
    async with open_kept(policy) as box:
        yield cast(Sandbox, EarlyTimeouts(box))


class EarlyTimeouts:
    """A sandbox that reports a program's own SIGKILL as its time limit."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box

    def __getattr__(self, name: str) -> Any:
        return getattr(self._box, name)

    async def run(self, program: Program, *, limits: Limits, **how: Any) -> Result:
        """Run a program to its end, or to the place where its limit runs out."""
        result = await self._box.run(program, limits=limits, **how)
        if result.signal != signal.SIGKILL or result.status != "error":
            return result
        return result.model_copy(update={"status": "timeout", "killed_by": "wall", "wall_s": limits.wall_s})
