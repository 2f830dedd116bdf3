"""Containers for fresh runs: one made in advance, each used once, their number bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from sandbox.contract import OnOutput
from sandbox.docker import container_files as filing
from sandbox.docker.container import Container, open_container
from sandbox.docker.container_execution import execute
from sandbox.docker.engine import Chores, Engine, to_the_end
from sandbox.docker.prepared import Prepared, prepare
from sandbox.errors import SandboxBroken, SandboxError
from sandbox.host.limits import RunLimits
from sandbox.result import Result

_AT_ONCE = 6
"""Most containers of one sandbox for fresh runs, including those being removed; more runs wait."""
_WORKSPACE_ALONE = 1
"""Files in an empty workspace."""


class Spares:
    """Lends containers, each with a prepared process."""

    def __init__(self, engine: Engine, first: Container, usual: RunLimits, chores: Chores) -> None:
        """`first` is lent first."""
        self._engine, self._recipe, self._usual, self._chores = engine, first.recipe, usual, chores
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._spare: Prepared | None = None
        self._lent: set[Prepared] = set()
        self._seldom = True
        self._closed = False
        self._making: asyncio.Task[None] | None = chores.start(self._make(first))

    async def take(self, limits: RunLimits) -> Prepared:
        """Lend a process in its own container, held to limits, until `give_back`. Raises SandboxBroken."""
        await self._places.acquire()
        try:
            taken = await self.withdraw(limits)
        except BaseException:
            self._places.release()
            raise
        self._lent.add(taken)
        try:
            if self._closed:
                raise SandboxBroken("The sandbox is closed.")
            self._refill()
            await taken.container.limit(limits, kept_bytes=0)
        except BaseException:
            self.give_back(taken)
            raise
        return taken

    async def withdraw(self, limits: RunLimits) -> Prepared:
        """As `take`, for good: the caller limits and removes the container."""
        return await self._take_spare(limits) or await self._open(limits)

    def give_back(self, taken: Prepared) -> None:
        """Remove its container in the background. Idempotent."""
        if taken in self._lent:
            self._lent.discard(taken)
            self._chores.start(self._remove(taken))

    async def run(
        self,
        job: Mapping[str, object],
        allowed: RunLimits,
        stdin: bytes | int,
        on_output: OnOutput | None,
        given: Mapping[str, bytes],
    ) -> Result:
        """Run a job in its own container with given files, and collect the files it wrote."""
        taken = await self.take(allowed)
        try:
            await filing.lay(taken, given)
            result, ended = await execute(taken, job, allowed, stdin, on_output)
            if ended is None or (not given and ended.kept_files <= _WORKSPACE_ALONE):
                return result
            await taken.container.limit(self._usual, kept_bytes=ended.kept_bytes)
            async with _another(taken, self._usual) as server:
                artifacts, left_out = await filing.collect(server, given)
            return result.model_copy(update={"artifacts": artifacts, "artifacts_left_out": left_out})
        finally:
            self.give_back(taken)

    async def close(self) -> None:
        """End every container, and refuse new ones."""
        self._closed = True
        if self._making is not None:
            await asyncio.wait([self._making])
        spare, self._spare = self._spare, None
        if spare is not None:
            await _end(spare)
        for taken in list(self._lent):
            self.give_back(taken)
        for _ in range(_AT_ONCE):  # including those being opened
            await self._places.acquire()

    async def _take_spare(self, limits: RunLimits) -> Prepared | None:
        if self._making is not None:
            await asyncio.wait([self._making])
        spare = self._spare
        if spare is None or not limits.within(self._usual):
            return None
        self._spare = None
        if spare.usable:
            return spare
        await _end(spare)
        return None

    async def _open(self, limits: RunLimits, container: Container | None = None) -> Prepared:
        if self._closed:
            raise SandboxBroken("The sandbox is closed.")
        container = container or await open_container(self._engine, self._recipe)
        try:
            return await prepare(container, limits, tidy=False)
        except BaseException:
            await to_the_end(container.remove())
            raise

    def _refill(self) -> None:
        """Make a spare, from the second run on: a caller with one program needs one container."""
        if self._seldom:
            self._seldom = False
        elif self._spare is None and self._making is None and not self._closed:
            self._making = self._chores.start(self._make())

    async def _make(self, container: Container | None = None) -> None:
        try:
            self._spare = await self._open(self._usual, container)
        except SandboxError:
            self._spare = None  # the next caller makes one, and gets the error
        finally:
            self._making = None

    async def _remove(self, taken: Prepared) -> None:
        try:
            await _end(taken)
        finally:
            self._places.release()


async def _end(prepared: Prepared) -> None:
    prepared.attached.close()
    await prepared.container.remove()


@contextlib.asynccontextmanager
async def _another(taken: Prepared, usual: RunLimits) -> AsyncIterator[Prepared]:
    """A second process, for the files of a container whose first one has ended."""
    own = await prepare(taken.container, usual, tidy=False)
    try:
        yield own
    finally:
        await to_the_end(own.discard())
