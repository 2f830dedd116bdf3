"""Nodes of this process that get lost and come back as a test says."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.executors.executor import JobFailed, NodeLost

AT_ONCE = 100
"""More jobs than a worker has at once."""


@dataclass(frozen=True)
class Number:
    value: int
    max_tries: int = 3

    @property
    def key(self) -> str:
        return str(self.value)

    @property
    def group(self) -> str:
        return str(self.value % 7)


class Doubling:
    """Doubles numbers; is lost in the calls whose numbers are in `lost_in`, after half of their jobs."""

    def __init__(
        self, name: str, *, room: int = 8, batch: int = 4, lost_in: set[int] | None = None, returns: int = 99
    ) -> None:
        self.name, self.room, self.batch = name, room, batch
        self.lost_in, self.returns = lost_in or set(), returns
        self.calls, self.in_flight, self.most_in_flight, self.done = 0, 0, 0, list[int]()
        self.is_closed = False

    async def work(
        self, jobs: Sequence[Number], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, int]]:
        self.calls += 1
        call, dies_after = self.calls, len(jobs) // 2
        self.in_flight += (open_jobs := len(jobs))
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            for at, job in enumerate(jobs):
                await asyncio.sleep(0)
                if call in self.lost_in and at >= dies_after:
                    raise NodeLost(f"{self.name} is lost")
                self.done.append(job.value)
                self.in_flight -= 1
                open_jobs -= 1
                yield job.key, 2 * job.value
        finally:
            self.in_flight -= open_jobs

    async def is_back(self) -> bool:
        await asyncio.sleep(0)
        self.returns -= 1
        return self.returns >= 0

    async def close(self) -> None:
        self.is_closed = True


def give_up(job: Number, failure: JobFailed) -> int:
    return -1


class Waits:
    """Worker whose jobs wait, as for a model; an outcome is its process and how many jobs it had then."""

    def __init__(self) -> None:
        self.at_once = 0

    async def do(self, job: Any, on_slow: Callable[[], None]) -> int:
        self.at_once += 1
        outcome = os.getpid() * AT_ONCE + self.at_once
        await asyncio.sleep(0.5)
        self.at_once -= 1
        return outcome


@asynccontextmanager
async def waiting() -> AsyncIterator[Waits]:
    yield Waits()
