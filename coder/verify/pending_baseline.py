"""Pending baseline: tests that take long are run beside the first calls of a model that acts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from coder.environment.python_line import python_line
from coder.environment.workbench import Workbench
from coder.run.event_types import BaselineTaken
from coder.run.journal import Journal
from coder.run.state import State
from coder.verify.baseline import take_baseline, wants_baseline

FIRST_WAIT_S = 5.0
"""The first request is held back so long: failures in it save a call, and most suites are shorter."""


@asynccontextmanager
async def pending_baseline(
    journal: Journal, bench: Workbench
) -> AsyncIterator[Callable[[float | None], Awaitable[None]]]:
    """Take the baseline of a run that has none yet.

    It is waited for, but where a model acts on a task that is more than to make the tests pass.

    Returns:
        Logs the baseline once it is taken, where that happens within so many seconds; None waits for it.

    Raises:
        UsageError, SandboxError: as `take_baseline`, here or from what is returned.
    """
    state, tests = journal.state, None
    acts = state.settings.strategy == "act"
    if wants_baseline(state):
        tests = asyncio.create_task(_taken(bench, state, acts=acts))

    async def known(within_s: float | None) -> None:
        nonlocal tests
        if tests is None:
            return
        await asyncio.wait([tests], timeout=within_s)
        if tests.done():
            task, tests = tests, None
            await journal.append(task.result())

    try:
        wait_s = 0.0 if state.settings.chat else FIRST_WAIT_S  # there, somebody waits for an answer
        await known(wait_s if acts and not state.task.mends else None)
        yield known
    finally:
        if tests is not None:
            tests.cancel()
            await asyncio.wait([tests])


async def _taken(bench: Workbench, state: State, *, acts: bool) -> BaselineTaken:
    if acts:
        await python_line(bench, state.files)  # by the same sandbox, which the tests may keep busy for long
    return await take_baseline(bench, state)
