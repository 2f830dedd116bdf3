"""Children isolated in advance, so that a run costs its program and little else."""

import asyncio
import errno
import json
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sandbox.errors import SandboxBroken
from sandbox.host.child import CROWDED, Child
from sandbox.host.limits import RunLimits
from sandbox.host.memory_watch import count_processes, count_threads, holds_more
from sandbox.host.verify_walls import namespaces_of, verify
from sandbox.inner.process.agent import SPARE_PROCESSES
from sandbox.inner.process.wire import send_with_fds
from sandbox.supervisor.cgroups import Group, Groups

if TYPE_CHECKING:
    from sandbox.network.proxy import Network

_EXTRA_PROCESSES = 2
"""The reaper, and a moment of overlap while a process is replaced."""
_OLDEST_S = 600.0
"""A child that nobody wanted for so long is replaced: what it was isolated for is long past."""
_LOOK_S = 0.5
FOR_EVER_S = 1 << 30
"""Of processor time: an agent is given no end."""
_AT_REST = 2
"""Processes of a child that waits: the reaper and the program-to-be."""


class Pool:
    """Asks the server for children, admits them, and lends each once."""

    def __init__(
        self,
        control: socket.socket,
        *,
        server: int,
        usual: RunLimits,
        groups: Groups | None,
        without: frozenset[str],
        fresh: bool = False,
        preload: Sequence[str] = (),
        oldest_s: float = _OLDEST_S,
        network: "Network | None" = None,
        namespaces: bool = True,
        foreign: bool = False,
    ) -> None:
        """`fresh` children get a workspace of their own, and `take_workspace` gives it.

        In children of a `foreign` environment code that nobody has read runs before a run begins, when
        Python starts: they are looked at while they wait.
        """
        self._fresh, self._network, self._namespaces = fresh, network, namespaces
        self._control, self._usual, self._groups, self._without = control, usual, groups, without
        self._apart_from = (namespaces_of("self"), namespaces_of(server))
        self._preload = preload
        self._idle: deque[Child] = deque()
        self._oldest_s = oldest_s
        self._retiring: dict[Child, asyncio.TimerHandle] = {}
        self._coming: set[Child] = set()
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._size = max(1, min(len(os.sched_getaffinity(0)), 4))
        self._broken: SandboxBroken | None = None
        self._alive: set[Child] = set()
        self.lent: set[Child] = set()
        self._restless: set[Child] = set()
        self._look_again = _later(_LOOK_S, self._look) if foreign and "rest" not in without else None

    def fill(self) -> None:
        """Ask for children until enough are ready or on their way."""
        missing = max(self._size, len(self._waiting)) - len(self._idle) - len(self._coming)
        try:
            for _ in range(missing if self._broken is None else 0):
                self._coming.add(self._spawn(self._usual))
        except SandboxBroken as error:
            self.break_down(error)

    async def lend(self, limits: RunLimits) -> Child:
        """A child for one run; from the pool where its limits fit, else made for it.

        Raises:
            SandboxBroken: the server is gone or could not isolate a child.
        """
        if self._broken is not None:
            raise self._broken
        child = self._take_idle() if limits.within(self._usual) else None
        if child is None:
            child = await self._wait(limits)
        self.lent.add(child)
        if not self._idle:
            self.fill()
        if child.group is not None and limits != self._usual and "memory" not in self._without:
            self._tighten(child, child.group, limits)
        return child

    async def lend_session(self, limits: RunLimits) -> Child:
        """A child whose pid 1 is the agent of a session, made for it.

        Raises:
            SandboxBroken: the server is gone or could not isolate a child.
        """
        if self._broken is not None:
            raise self._broken
        child = await self._wait(limits, session=True)
        self.lent.add(child)
        return child

    def _tighten(self, child: Child, group: Group, limits: RunLimits) -> None:
        try:
            memory_bytes, processes = _of_group(limits)
            group.limit(memory_bytes=memory_bytes, processes=processes)
        except OSError as error:
            child.kill(outright=True)
            if error.errno != errno.EBUSY:
                self.give_back(child)
                raise SandboxBroken(f"A run of the sandbox could not be limited: {error}") from error
            group.killed_before -= 1  # it holds more already: version 2 kills it then, and version 1 refuses

    def give_back(self, child: Child) -> None:
        """The run is over; the child is used up."""
        self.lent.discard(child)
        self.fill()

    def siblings_of(self, child: Child) -> int:
        """Processes and threads that the other children have, where the kernel counts them as a run's own.

        Those that are about to end don't count: what they leave would be the run's to fill.
        """
        others = (one for one in (*self._idle, *self._coming, *self.lent) if one is not child)
        return sum(count_threads(one.reaper) for one in others if one.reaper is not None)

    def break_down(self, reason: SandboxBroken) -> None:
        """The server is gone: nobody gets a child any more."""
        self._broken = self._broken or reason
        if self._look_again is not None:
            self._look_again.cancel()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(self._broken)
        for child in (*self._idle, *self._coming, *self.lent):
            child.kill(outright=True)
        for child in (*self._idle, *self._coming):
            child.discard()
        for timer in self._retiring.values():
            timer.cancel()
        self._retiring.clear()
        self._idle.clear()
        self._coming.clear()

    async def wait_until_gone(self) -> None:
        """Wait until every child that was ever asked for has been seen to end."""
        while self._alive:
            await next(iter(self._alive)).gone.wait()

    def _take_idle(self) -> Child | None:
        while self._idle:
            child = self._idle.popleft()
            self._retiring.pop(child).cancel()
            if not child.gone.is_set():
                return child
        return None

    async def _wait(self, limits: RunLimits, *, session: bool = False) -> Child:
        waiter: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        if session:
            self._spawn(limits, waiter, session=True)
        elif limits.within(self._usual):
            self._waiting.append(waiter)
            self.fill()
        else:
            self._spawn(limits, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                waiter.result().discard()
            raise

    def _spawn(
        self,
        limits: RunLimits,
        waiter: "asyncio.Future[Child] | None" = None,
        *,
        session: bool = False,
    ) -> Child:
        def on_ready(child: Child) -> None:
            self._coming.discard(child)
            self._hand_out(child, waiter)

        group = self._make_group(limits, session=session)
        child = Child(
            group=group,
            groups=self._groups,
            admit=self._admit,
            on_ready=on_ready,
            on_gone=self._alive.discard,
            preload=() if session else self._preload,
            network=self._network,
            namespaces=self._namespaces,
        )
        self._alive.add(child)
        rlimits = limits.rlimits(counted=group is not None)
        if session:
            rlimits |= {"cpu_s": FOR_EVER_S, "processes": limits.processes + SPARE_PROCESSES}
        door = self._network is not None
        wanted = {"fresh": self._fresh, "door": door, "rlimits": rlimits, "session": session}
        joins = group.open() if group is not None else []
        descriptors = [child.status_inside.fileno(), child.work_inside.fileno(), *joins]
        try:
            send_with_fds(self._control, json.dumps(wanted).encode(), descriptors)
        except OSError as error:  # where the server is gone, its own end of the socket tells
            if error.errno == errno.ETOOMANYREFS:
                child.failure = SandboxBroken(f"A run could not be asked for: {error}. {CROWDED}")
                asyncio.get_running_loop().call_soon(child.discard)
        child.sent()
        for descriptor in joins:
            os.close(descriptor)
        return child

    def _make_group(self, limits: RunLimits, *, session: bool) -> Group | None:
        if self._groups is None:
            return None
        try:
            memory_bytes, processes = _of_group(limits, SPARE_PROCESSES if session else _EXTRA_PROCESSES)
            return self._groups.take(
                memory_bytes=memory_bytes,
                processes=processes,
                together=not session,
                limited="memory" not in self._without,
            )
        except OSError as error:
            raise SandboxBroken(f"A run of the sandbox could not get a control group: {error}") from error

    def _admit(self, child: Child) -> None:
        """Look at a new child from outside: its walls, and that its memory is counted."""
        assert child.reaper is not None
        assert child.program is not None
        verify(child.program, apart_from=self._apart_from, without=self._without)
        if child.group is not None and not child.group.holds(child.reaper, child.program):
            raise SandboxBroken("A child of the sandbox isn't in its control group: not lent.")

    def _hand_out(self, child: Child, waiter: "asyncio.Future[Child] | None") -> None:
        if waiter is None:
            waiter = self._next_waiter()
        if child.failure is not None:
            if waiter is not None and not waiter.done():
                waiter.set_exception(child.failure)
        elif waiter is None:
            self._idle.append(child)
            self._retiring[child] = _later(self._oldest_s, self._retire, child)
        elif waiter.done():
            child.discard()
        else:
            waiter.set_result(child)

    def _retire(self, child: Child) -> None:
        del self._retiring[child]
        self._idle.remove(child)
        child.discard()
        self.fill()

    def _look(self) -> None:
        """End waiting children that hold too much or go on working, and make none in advance any more."""
        for child in (*self._idle, *self._coming):
            if child.reaper is None:
                continue
            works = child in self._idle and count_processes(child.reaper) > _AT_REST
            if (works and child in self._restless) or self._holds_too_much(child.reaper):
                self._size = 0
                if child in self._idle:
                    self._idle.remove(child)
                    self._retiring.pop(child).cancel()
                child.discard()
            self._restless = (self._restless | {child}) if works else (self._restless - {child})
        self._restless &= self._alive
        self._look_again = _later(_LOOK_S, self._look)

    def _holds_too_much(self, reaper: int) -> bool:
        """Where no cgroup counts."""
        if self._groups is not None or "memory" in self._without:
            return False
        return holds_more(reaper, self._usual.memory_mb << 20, sockets="net" not in self._without)

    def _next_waiter(self) -> "asyncio.Future[Child] | None":
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None


def _later(seconds: float, call: Callable[..., None], *given: object) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call, *given)


def _of_group(limits: RunLimits, spare: int = _EXTRA_PROCESSES) -> tuple[int, int]:
    return limits.memory_mb << 20, limits.processes + spare
