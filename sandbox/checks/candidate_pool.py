"""Candidates of trials: each a process of its own, cloned from one that stands ready behind its walls.

To make a child's walls costs more than most trials do. So one child is started, checked by the host, and
cloned for one candidate after the other; a clone has all walls of what it is cloned from. A child in which a
candidate left anything, or that doesn't answer as it should, isn't used again.
"""

import asyncio
import json
import math
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.contract import Running, Sandbox
from sandbox.errors import SandboxBroken
from sandbox.host.execution import STATUS_OF
from sandbox.host.running import RunningEntry
from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.bridge.frames import BEGIN, END, HUNG_UP
from sandbox.policy import Limits, Policy
from sandbox.result import KilledBy, Result

_MOST = 256
"""Candidates of one child: what its own process does adds up, and the kernel limits it."""
_TRIES = 3
"""Children that died while they stood ready, before a candidate gets one that is made for it."""
_WALL_S = 86_400.0
_PATIENCE_S = 5.0
"""For a child to say how its candidate ended, once it was told to end it."""


class Candidates:
    """Starts candidates in one sandbox. Close it, also where its sandbox is broken."""

    def __init__(self, sandbox: Sandbox, *, without: frozenset[str] = frozenset()) -> None:
        """`without` names mechanisms to leave off; only tests do, to see a probe escape."""
        self._sandbox, self._without = sandbox, without
        self._idle: list[_Stem] = []
        self._can_clone = True

    async def start(self, job: Mapping[str, object], *, limits: Limits) -> "Running | Candidate":
        """A candidate with a workspace that no other one sees: a clone, or where that can't be a child.

        Args:
            job: what `sandbox.inner.bridge.callee.serve` takes.
            limits: of wall and CPU time.

        Raises:
            SandboxBroken: the sandbox stopped working.
        """
        for _ in range(_TRIES):
            stem = await self._take()
            if stem is None:
                break
            candidate = Candidate(self, stem, limits)
            try:
                await candidate.begin(job)
            except SandboxBroken:
                await stem.running.finish()  # it died while it stood ready: the next one
            else:
                return candidate
        return await self._sandbox.start("bridge.callee", job, limits=limits, fresh=True)

    async def close(self) -> None:
        """End those that stand ready."""
        while self._idle:
            await self._idle.pop().running.finish()

    async def put_back(self, stem: "_Stem", *, sound: bool) -> None:
        """Keep a child whose candidate ended for the next one, or end it."""
        if sound and stem.held < _MOST:
            self._idle.append(stem)
        else:
            await stem.running.finish()

    async def _take(self) -> "_Stem | None":
        """A child to clone; None where there can't be any."""
        if self._idle:
            return self._idle.pop()
        if not self._can_clone:
            return None
        arguments, limits = {"without": sorted(self._without)}, Limits(wall_s=_WALL_S)
        running = await self._sandbox.start("bridge.candidates", arguments, limits=limits, fresh=True)
        if isinstance(running, RunningEntry):
            hello = await running.receive()
            if hello is None:
                raise SandboxBroken("A child that candidates were to be cloned from ended before.")
            if decode(hello) == ("ready", True):
                return _Stem(running)
        self._can_clone = False
        await running.finish()
        return None


@dataclass(slots=True)
class _Stem:
    """A child that is cloned, and what its candidates so far took."""

    running: RunningEntry
    held: int = 0
    cpu_s: float = 0.0
    memory_kills: int = 0


class Candidate:
    """One candidate, and the host's end of its line."""

    def __init__(self, candidates: Candidates, stem: _Stem, limits: Limits) -> None:
        self._candidates, self._stem = candidates, stem
        self._cpu_s = limits.cpu_s or Policy().cpu_s
        self._line, self._inside = socket.socketpair()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._hung_up = False
        self._result: Result | None = None

    async def begin(self, job: Mapping[str, object]) -> None:
        """Clone it, and send it its job.

        Raises:
            SandboxBroken: what it is cloned from ended; its line is closed.
        """
        content = json.dumps({**job, "cpu_s": math.ceil(self._cpu_s)}).encode()
        try:
            await self._stem.running.send_with(BEGIN, self._inside)
            self._line.setblocking(False)
            await self._loop.sock_sendall(self._line, len(content).to_bytes(4, "little") + content)
        except (OSError, SandboxBroken) as error:
            self._line.close()
            raise SandboxBroken("The candidate ended before it had its job.") from error
        finally:
            self._inside.close()
        self._stem.held += 1

    def hand_over(self) -> socket.socket:
        """The host's end of its line, to be sent to another child and not used here any more."""
        self._line.setblocking(True)
        return self._line

    def hung_up(self) -> None:
        """Note that the candidate closed its end: its process reports soon how it ended."""
        self._hung_up = True

    async def finish(self) -> Result:
        """End all of its processes; how it ended."""
        if self._result is None:
            self._line.close()
            try:
                self._result = await self._end()
            except BaseException:
                await asyncio.shield(self._stem.running.finish())
                raise
        return self._result

    async def _end(self) -> Result:
        running = self._stem.running
        try:
            await running.send(HUNG_UP if self._hung_up else END)
            async with asyncio.timeout(_PATIENCE_S):
                report = await running.receive()
            match decode(report or b""):
                case ("over", int(status), bool(by_itself), float(cpu_s), float(resident), bool(clean)):
                    self._stem.cpu_s += cpu_s
                    result = self._describe(status, cpu_s, resident, by_itself=by_itself)
                    await self._candidates.put_back(self._stem, sound=clean)
                    return result
        except (SandboxBroken, TimeoutError, CodecError):
            pass
        return self._taken_along(await running.finish())

    def _describe(self, wait_status: int, cpu_s: float, resident_mb: float, *, by_itself: bool) -> Result:
        output = self._stem.running.take_output()
        code = os.waitstatus_to_exitcode(wait_status)
        killed_by = self._killer(code, cpu_s) if by_itself else "cancel"
        status: Literal["ok", "error"] = "ok" if code == 0 else "error"
        return Result(
            status=STATUS_OF[killed_by] if killed_by else status,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            **output.streams(),
            wall_s=self._loop.time() - self._began,
            cpu_s=cpu_s,
            max_rss_mb=resident_mb,
            killed_by=killed_by,
        )

    def _killer(self, code: int, cpu_s: float) -> KilledBy | None:
        """The kernel's limit that ended it, if one did."""
        if code == 0:
            return None
        before, self._stem.memory_kills = self._stem.memory_kills, self._stem.running.memory_kills()
        if self._stem.memory_kills > before:
            return "memory"
        late = cpu_s >= self._cpu_s
        return "cpu" if code == -signal.SIGXCPU or (code == -signal.SIGKILL and late) else None

    def _taken_along(self, result: Result) -> Result:
        """How its child ended; the CPU time of candidates before it isn't its own."""
        cpu_s = max(result.cpu_s - self._stem.cpu_s, 0.0)
        update: dict[str, object] = {"cpu_s": cpu_s, "wall_s": self._loop.time() - self._began}
        if result.killed_by == "cpu" and cpu_s < self._cpu_s:
            update |= {"killed_by": None, "status": "killed"}
        return result.model_copy(update=update)
