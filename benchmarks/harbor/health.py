"""Wait until the environment of a task is ready, as its health check says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from benchmarks.harbor.environment_table import HealthcheckTable
from coder.base.errors import UsageError


class _Exit(Protocol):
    @property
    def exit_code(self) -> int | None: ...
    @property
    def timed_out(self) -> bool: ...


async def wait_until_healthy(run: Callable[..., Awaitable[_Exit]], check: HealthcheckTable) -> None:
    """Run the check until it exits with 0; a failure within the start period doesn't count, as in Docker.

    Args:
        run: `HarborContainer.run`.

    Raises:
        UsageError: the check failed in a row as often as its retries permit.
    """
    loop = asyncio.get_running_loop()
    start_ends = loop.time() + check.start_period_sec
    failures = 0
    while True:
        is_starting = loop.time() < start_ends
        ended = await run(["bash", "-c", check.command], timeout_s=check.timeout_sec, ends_container=False)
        if ended.exit_code == 0:
            return
        failures += not is_starting
        if not is_starting and failures >= check.retries:
            how = f"took longer than {check.timeout_sec:g} s" if ended.timed_out else "failed"
            raise UsageError(
                f"The task's environment isn't ready: its health check {how}, {failures} times in a row.\n"
                f"Check that its image starts what it asks for: {check.command}"
            )
        await asyncio.sleep(check.start_interval_sec if is_starting else check.interval_sec)
