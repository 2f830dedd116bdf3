"""The host beside a candidate and a checker that have a line of their own: it keeps time, and hears reports.

Both are children of this machine, so one gets the other's socket. What goes over it is never seen here.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sandbox.checks.candidate_pool import Candidate
from sandbox.checks.relay import Listener, decoded
from sandbox.contract import Running
from sandbox.errors import SandboxBroken
from sandbox.host.running import RunningEntry
from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.frames import AGAIN, ENDED, LOST, REPORT, TIMED_OUT
from sandbox.result import Result, ending, out_of_time

_GRACE_S = 0.4
"""For the checker to say what the candidate didn't finish."""


class Acquaintance:
    """One checker, and the candidates that it is made known to in turn. Close it, also when it failed."""

    def __init__(
        self,
        start_candidate: Callable[[bytes], Awaitable[Running | Candidate]],
        heard: Listener,
        wall_s: float,
    ) -> None:
        self._start_candidate, self._heard, self._wall_s = start_candidate, heard, wall_s
        self._candidate: RunningEntry | Candidate | None = None
        self._gone = b""
        self.results: list[Result] = []
        """How each candidate ended."""

    async def open(self, which: bytes = b"") -> bool:
        """Start a candidate, the first or another one; False where it has no line that could be passed on."""
        await self.close()
        candidate = await self._start_candidate(which)
        if not isinstance(candidate, RunningEntry | Candidate):
            await candidate.finish()
            return False
        self._candidate, self._gone = candidate, b""
        return True

    async def close(self) -> None:
        """End the candidate that is there."""
        if self._candidate is not None:
            candidate, self._candidate = self._candidate, None
            self.results.append(await candidate.finish())

    async def run(self, checker: RunningEntry, job: bytes) -> None:
        """Give the checker its job and the line, and hear it until it is done, silent or out of time."""
        deadline = asyncio.get_running_loop().time() + self._wall_s
        late = False
        await self._introduce(checker, job)
        while not self._heard.ended:
            try:
                async with asyncio.timeout_at(deadline):
                    frame = await checker.receive()
            except TimeoutError:
                if late:
                    self._heard.timed_out = True
                    self._heard.note = f"it did not end within {self._wall_s:g} s"
                    return
                late, deadline = True, deadline + _GRACE_S
                await self._end(TIMED_OUT)
                continue
            if frame is None or not await self._take(checker, frame):
                return

    async def _take(self, checker: RunningEntry, frame: bytes) -> bool:
        """Do what one frame of the checker's asks for; False where nothing can follow."""
        try:
            if frame[:1] == REPORT:
                self._heard.take(await decoded(frame[1:]))
            elif frame[:1] == AGAIN:
                await self.open(frame[1:])
                await self._introduce(checker, AGAIN)
            elif frame[:1] == LOST:
                if self._candidate is not None:
                    self._candidate.hung_up()
                await self._end(b"")
                await checker.send(self._gone)
        except CodecError as error:
            self._heard.note = str(error)
            return False
        except SandboxBroken:
            return False
        return True

    async def _introduce(self, checker: RunningEntry, frame: bytes) -> None:
        assert self._candidate is not None
        await checker.send_with(frame, self._candidate.hand_over())

    async def _end(self, why: bytes) -> None:
        """End the candidate, and keep the word on it for the checker."""
        if self._gone or self._candidate is None:
            return
        result = await self._candidate.finish()
        self._gone = why or (TIMED_OUT if out_of_time(result) else ENDED + f" ({ending(result)})".encode())
