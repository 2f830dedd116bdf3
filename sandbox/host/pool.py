"""Children isolated in advance, so that a run costs little more than its program; each is lent once.

Most sandboxes have one run, so one child is made at first; from the second run on, a few wait.
"""

import asyncio
import os
from collections import deque

from sandbox.errors import SandboxBroken
from sandbox.host.child import Child
from sandbox.host.child_maker import ChildMaker
from sandbox.host.limits import RunLimits

_LOOK_S = 0.5
_AT_REST = 2
"""Processes of a waiting child: the reaper and the program-to-be."""


class Pool:
    """Children made by a maker, some in advance; each is lent once."""

    def __init__(self, maker: ChildMaker, *, usual: RunLimits, foreign: bool = False) -> None:
        """`usual` are the limits of children made in advance.

        In a `foreign` environment untrusted code runs at Python's start, so idle children are watched.
        """
        self._maker, self._usual, self._without = maker, usual, maker.without
        self._idle: deque[Child] = deque()
        self._coming: set[Child] = set()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._most = max(1, min(len(os.sched_getaffinity(0)), 4))
        self._lends = 0
        self._broken: SandboxBroken | None = None
        self._alive: set[Child] = set()
        self.lent: set[Child] = set()
        self._restless: set[Child] = set()
        self._look_again: asyncio.TimerHandle | None = None
        if foreign and "rest" not in self._without:
            self._look_later()

    def at_rest(self) -> bool:
        """Whether no child is lent, requested, or still dying."""
        return not self._waiting and self._alive == {*self._idle, *self._coming}

    def renew(self) -> bool:
        """Discard the children, so that `fill` makes new ones; return False unless all are idle."""
        if self._coming or not self.at_rest():
            return False
        self._discard_all()
        return True

    def fill(self) -> None:
        """Request children until enough are ready or requested; fail callers whose child can't be made."""
        in_advance = min(self._most, 1) if self._lends < 2 else self._most
        missing = max(in_advance, len(self._waiting)) - len(self._idle) - len(self._coming)
        try:
            for _ in range(missing if self._broken is None else 0):
                self._coming.add(self._spawn(self._usual))
        except SandboxBroken as error:  # a later one may be made: this process had too few descriptors
            while len(self._waiting) > len(self._coming):
                if not (waiter := self._waiting.pop()).done():
                    waiter.set_exception(error)

    async def lend(self, limits: RunLimits) -> Child:
        """Lend a child for one run: an idle one if its limits fit, else a new one. Raises SandboxBroken."""
        if self._broken is not None:
            raise self._broken
        child = self._take_idle() if self._is_usual(limits) else None
        if child is None:
            child = await self._wait(limits)
        self.lent.add(child)
        self._lends += 1
        if not self._idle:
            self._fill_again()
        return child

    async def lend_session(self, limits: RunLimits) -> Child:
        """Lend a new child whose pid 1 is a session's agent. Raises SandboxBroken."""
        if self._broken is not None:
            raise self._broken
        child = await self._wait(limits, session=True)
        self.lent.add(child)
        return child

    def give_back(self, child: Child) -> None:
        """Record the end of a child's run, and replace the child."""
        self.lent.discard(child)
        self._fill_again()

    def _fill_again(self) -> None:
        if self._lends > 1:
            self.fill()

    def siblings_of(self, child: Child) -> int:
        """Return the task count of other children that aren't ending: the kernel counts it as a run's."""
        from sandbox.host.memory_watch import count_threads

        others = (one for one in (*self._idle, *self._coming, *self.lent) if one is not child)
        return sum(count_threads(one.reaper) for one in others if one.reaper is not None)

    def break_down(self, reason: SandboxBroken) -> None:
        """End every child and refuse new ones: the server is dead."""
        self._broken = self._broken or reason
        if self._look_again is not None:
            self._look_again.cancel()
        while (waiter := self._next_waiter()) is not None:
            waiter.set_exception(self._broken)
        for child in (*self._idle, *self._coming, *self.lent):
            child.kill(outright=True)
        self._discard_all()

    def _discard_all(self) -> None:
        for child in (*self._idle, *self._coming):
            child.discard()
        self._idle.clear()
        self._coming.clear()

    async def wait_until_gone(self) -> None:
        """Wait until every child has ended."""
        while self._alive:
            await next(iter(self._alive)).gone.wait()

    def _is_usual(self, limits: RunLimits) -> bool:
        """Whether children made in advance have these limits; their job can lower processor time."""
        usual = (self._usual.memory_mb, self._usual.processes)
        return usual == (limits.memory_mb, limits.processes) and limits.cpu_s <= self._usual.cpu_s

    def _take_idle(self) -> Child | None:
        while self._idle:
            child = self._idle.popleft()
            if not child.gone.is_set():
                return child
        return None

    async def _wait(self, limits: RunLimits, *, session: bool = False) -> Child:
        waiter: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        if session or not self._is_usual(limits):
            self._spawn(limits, waiter, session=session)
        else:
            self._waiting.append(waiter)
            self.fill()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                waiter.result().discard()
            raise

    def _spawn(
        self, limits: RunLimits, waiter: "asyncio.Future[Child] | None" = None, *, session: bool = False
    ) -> Child:
        def on_ready(child: Child) -> None:
            self._coming.discard(child)
            self._hand_out(child, waiter)

        child = self._maker.make(limits, session=session, on_ready=on_ready, on_gone=self._alive.discard)
        self._alive.add(child)
        return child

    def _hand_out(self, child: Child, waiter: "asyncio.Future[Child] | None") -> None:
        waiter = waiter or self._next_waiter()
        if child.failure is not None:
            if waiter is not None and not waiter.done():
                waiter.set_exception(child.failure)
        elif waiter is None:
            self._idle.append(child)
        elif waiter.done():
            child.discard()
        else:
            waiter.set_result(child)

    def _look_later(self) -> None:
        self._look_again = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """End idle children that exceed their memory or keep working, and stop making any in advance."""
        from sandbox.host.memory_watch import count_processes

        for child in (*self._idle, *self._coming):
            if child.reaper is None:
                continue
            works = child in self._idle and count_processes(child.reaper) > _AT_REST
            if (works and child in self._restless) or self._holds_too_much(child.reaper):
                self._most = 0
                if child in self._idle:
                    self._idle.remove(child)
                child.discard()
            self._restless = (self._restless | {child}) if works else (self._restless - {child})
        self._restless &= self._alive
        self._look_later()

    def _holds_too_much(self, reaper: int) -> bool:
        if self._maker.groups is not None or "memory" in self._without:
            return False
        from sandbox.host.memory_watch import holds_more

        return holds_more(reaper, self._usual.memory_mb << 20, sockets="net" not in self._without)

    def _next_waiter(self) -> "asyncio.Future[Child] | None":
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None
