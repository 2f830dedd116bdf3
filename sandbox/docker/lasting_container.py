"""The container of the persistent workspace: its runs, and a process prepared for the next job."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from sandbox.docker.control_channel import Ended
from sandbox.docker.engine import Chores, to_the_end
from sandbox.docker.prepared import Prepared, prepare
from sandbox.errors import SandboxError
from sandbox.host.limits import RunLimits


class LastingContainer:
    """Lends processes. Prepares one when nothing runs, and removes leftovers then."""

    def __init__(self, spare: Prepared, usual: RunLimits, chores: Chores) -> None:
        """`spare` is the first process of the container."""
        self.container, self._usual, self._chores = spare.container, usual, chores
        self._spare: Prepared | None = spare
        self._making: asyncio.Task[None] | None = None
        self._taking = asyncio.Lock()
        self._at_work: dict[int, RunLimits] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._kept_bytes = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs in it."""
        return not self._at_work

    async def take(self, limits: RunLimits) -> Prepared:
        """Lend a process for one job, once abandoned ones are dead."""
        async with self._taking:
            if self._leaving:
                await asyncio.wait(self._leaving)
            spare = await self._take_spare()
            if spare is not None and (not spare.usable or not limits.within(self._usual)):
                await to_the_end(spare.discard())  # pid 1 would kill the next with it
                spare = None
            alone = not self._at_work
            if spare is None and alone:
                await self.container.limit(self._usual, kept_bytes=self._kept_bytes)
            taken = spare or await prepare(self.container, limits, tidy=alone)
            self._at_work[taken.group] = limits
            try:
                await self._limit(taken)
            except BaseException:
                await to_the_end(self.give_back(taken))
                raise
            return taken

    async def give_back(self, taken: Prepared) -> None:
        """End the job. An overdue end continues in the background: only the next job waits for it."""
        leaving = self._chores.start(self._end(taken))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        if not taken.overdue:
            await asyncio.wait([leaving])

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Prepared]:
        """A process that serves file requests, concurrently with runs."""
        async with self._taking:
            if self._making is not None:
                await asyncio.wait([self._making])
            spare = self._spare
            if spare is None or not spare.usable:
                spare = None
                own = await prepare(self.container, self._usual, tidy=False)
        if spare is not None:
            yield spare
            return
        try:
            yield own
        finally:
            await to_the_end(own.discard())

    def note(self, ended: Ended | None) -> None:
        """Record what a run left."""
        if ended is not None:
            self._kept_bytes = ended.kept_bytes

    async def _end(self, taken: Prepared) -> None:
        await taken.discard()
        self._at_work.pop(taken.group, None)
        if self._spare is None and self._making is None and self.is_idle and self.container.broken is None:
            self._making = self._chores.start(self._make())

    async def _take_spare(self) -> Prepared | None:
        if self._making is not None:
            await asyncio.wait([self._making])
        spare, self._spare = self._spare, None
        return spare

    async def _make(self) -> None:
        try:
            await self.container.limit(self._usual, kept_bytes=self._kept_bytes)
            self._spare = await prepare(self.container, self._usual, tidy=True)
        except SandboxError:
            self._spare = None  # the next caller makes one, and gets the error
        finally:
            self._making = None

    async def _limit(self, taken: Prepared) -> None:
        """Limits of the container: those of a single run, or at least the policy's for several."""
        limits = list(self._at_work.values())
        if len(limits) > 1:
            limits.append(self._usual)
        most = replace(
            self._usual,
            memory_mb=max(item.memory_mb for item in limits),
            processes=max(item.processes for item in limits),
        )
        await self.container.limit(most, kept_bytes=taken.kept_bytes)
