"""Places for fresh runs and sessions: one made in advance, each used once, their number bounded."""

import asyncio
from collections.abc import Awaitable, Callable

from sandbox.errors import SandboxBroken, SandboxError
from sandbox.stream.chores import Chores
from sandbox.stream.holder import Holder

_AT_ONCE = 6
"""Most places of one sandbox for fresh runs, including those being removed; more runs wait."""


class Spares:
    """Pool of places."""

    def __init__(self, open_one: Callable[[], Awaitable[Holder]], first: Holder, chores: Chores) -> None:
        """`first` is lent first."""
        self._open_one, self._chores = open_one, chores
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._spare: Holder | None = first
        self._lent: set[Holder] = set()
        self._seldom = True
        self._closed = False
        self._making: asyncio.Task[None] | None = None

    async def take(self) -> Holder:
        """Lend a place until `give_back`. Raises SandboxBroken."""
        if self._closed:
            raise SandboxBroken("The sandbox is closed.")
        await self._places.acquire()
        try:
            place = await self.withdraw()
        except BaseException:
            self._places.release()
            raise
        self._lent.add(place)
        if self._closed:
            self.give_back(place)
            raise SandboxBroken("The sandbox is closed.")
        self._refill()
        return place

    async def withdraw(self) -> Holder:
        """Hand over a place for good: the caller removes it. Raises SandboxBroken."""
        if self._making is not None:
            await asyncio.wait([self._making])
        spare, self._spare = self._spare, None
        if spare is not None and spare.link.broken is None:
            return spare
        if spare is not None:
            await spare.remove()
        if self._closed:
            raise SandboxBroken("The sandbox is closed.")
        return await self._open_one()

    def give_back(self, taken: Holder) -> None:
        """Remove a place in the background. Idempotent."""
        if taken in self._lent:
            self._lent.discard(taken)
            self._chores.start(self._remove(taken))

    async def close(self) -> None:
        """End every place, and refuse new ones."""
        self._closed = True
        if self._making is not None:
            await asyncio.wait([self._making])
        spare, self._spare = self._spare, None
        if spare is not None:
            await spare.remove()
        for place in list(self._lent):
            self.give_back(place)
        for _ in range(_AT_ONCE):  # including those being opened
            await self._places.acquire()

    def _refill(self) -> None:
        """Make a spare, from the second use on: a caller with one program needs one place."""
        if self._seldom:
            self._seldom = False
        elif self._spare is None and self._making is None and not self._closed:
            self._making = self._chores.start(self._make())

    async def _make(self) -> None:
        try:
            self._spare = await self._open_one()
        except SandboxError:
            self._spare = None  # the next caller makes one, and gets the error
        finally:
            self._making = None

    async def _remove(self, taken: Holder) -> None:
        try:
            await taken.remove()
        finally:
            self._places.release()
