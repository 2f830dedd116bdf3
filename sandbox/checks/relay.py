"""Relay between a candidate's process and a checker's: start candidates, enforce time, collect reports.

If both are children of this machine, the checker gets a direct socket to the candidate, unseen here.
Otherwise frames are relayed unread and counted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sandbox.checks.candidate_pool import Candidate, Standby
from sandbox.checks.run_report import RunReport
from sandbox.contract import Running
from sandbox.errors import SandboxBroken
from sandbox.host.running import RunningEntry
from sandbox.inner.bridge.candidate_line import AGAIN, ENDED, FROM_CANDIDATE, LOST, REPORT, TIMED_OUT
from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.process.wire import MAX_FRAME
from sandbox.policy import Limits, Policy
from sandbox.result import Result, ending, out_of_time

Start = Callable[[], Awaitable[Running | Candidate]]
"""Starts a candidate."""

_AT_ONCE = 32 << 10
"""Bytes that decode within a few milliseconds, whatever their content."""
MAX_RELAYED = 512 << 20
"""Bytes of one job, in both directions."""
_GRACE_S = 0.4
"""Seconds for the checker to report unfinished tests, added to the caller's limit."""
_SLACK_S = 2.0
"""Added to the processes' own wall limit, so that the relay times out first: its message says more."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """Result of a job."""

    outcome: RunReport
    candidates: tuple[Result, ...]
    """How each candidate ended; the tested one comes first."""
    checker: Result

    @property
    def cpu_s(self) -> float:
        """CPU time of the tested candidate and its checker, as the candidate causes the checker's work."""
        return self.candidates[0].cpu_s + self.checker.cpu_s


async def hold(start: Start, checkers: Standby, job: bytes, wall_s: float) -> TrialResult:
    """Run a job in a checker, on candidates from `start`. Raises SandboxBroken if a sandbox fails."""
    report = RunReport()
    held = await checkers.take()
    relay = _Relay(start, held.running, report, wall_s)
    ended = None
    try:
        try:
            await relay.run(job)
        finally:
            sound = report.over and not report.status
            held.jobs += 1
            held.cpu_s += report.cpu_s if sound else 0.0
            ended = await checkers.put_back(held, sound=sound)
    finally:
        await asyncio.shield(relay.close())
    result = ended or report.result()
    if not report.complete and not report.note:
        report.note = f"the checker gave no verdict: {ending(result)}"
    return TrialResult(report, tuple(relay.results), result)


def walls_behind(limits: Limits) -> tuple[float, Limits]:
    """Return the seconds of a job, and limits for its processes with a later wall limit."""
    wall_s = limits.wall_s or Policy().wall_s
    return wall_s, limits.model_copy(update={"wall_s": wall_s + _SLACK_S})


async def decoded(frame: bytes, read: Callable[[bytes], Any] = decode) -> Any:  # noqa: ANN401 - any value
    """Decode a frame, a large one in a thread. Raises CodecError as `read` does."""
    return read(frame) if len(frame) <= _AT_ONCE else await asyncio.to_thread(read, frame)


class _Relay:
    """One checker and its candidates in turn. Close it even after a failure."""

    def __init__(self, start: Start, checker: Running, report: RunReport, wall_s: float) -> None:
        self.results: list[Result] = []
        """How each candidate ended."""
        self._start, self._checker, self._report, self._wall_s = start, checker, report, wall_s
        self._candidate: Running | Candidate | None = None
        self._gone = b""
        """Why the candidate no longer answers, as sent to the checker."""
        self._late = False
        self._deadline = 0.0
        self._bytes = 0

    async def close(self) -> None:
        """End the candidate."""
        if self._candidate is not None:
            candidate, self._candidate = self._candidate, None
            self.results.append(await candidate.finish())

    async def run(self, job: bytes) -> None:
        """Serve the checker until it finishes, falls silent or runs out of time."""
        await self._introduce(job)
        self._deadline = asyncio.get_running_loop().time() + self._wall_s
        while not self._report.over:
            try:
                async with asyncio.timeout_at(self._deadline):
                    frame = await self._checker.receive()
            except TimeoutError:
                if self._late:
                    self._report.timed_out = True
                    self._report.note = f"it did not end within {self._wall_s:g} s"
                    return
                await self._end(TIMED_OUT)
                continue
            if frame is None or not await self._take(frame):
                return

    async def _introduce(self, frame: bytes) -> None:
        """Start a candidate; send the checker a frame, with a socket to the candidate where possible."""
        await self.close()
        self._candidate = candidate = await self._start()
        self._gone = b""
        if isinstance(self._checker, RunningEntry) and isinstance(candidate, RunningEntry | Candidate):
            await self._checker.send_with(frame, candidate.hand_over())
        else:
            await self._checker.send(frame)

    async def _take(self, frame: bytes) -> bool:
        """Handle one frame of the checker; False if it was the last one."""
        kind, content = frame[:1], frame[1:]
        try:
            if kind == REPORT:
                self._report.take(await decoded(content))
            elif kind == AGAIN:
                await self._introduce(AGAIN)
            elif kind == LOST:
                if isinstance(self._candidate, RunningEntry | Candidate):
                    self._candidate.hung_up()
                await self._end(b"")
                await self._checker.send(self._gone)
            else:
                await self._checker.send(await self._answer(content))
        except CodecError as error:
            self._report.note = str(error)
            return False
        except SandboxBroken:
            return False
        return True

    async def _answer(self, request: bytes) -> bytes:
        """The candidate's next frame, or the host's notice that none will come."""
        if self._gone:
            return self._gone
        assert self._candidate is not None
        assert not isinstance(self._candidate, Candidate)
        answer, why = None, b""
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._candidate.send(request)
                answer = await self._candidate.receive()
        except TimeoutError:
            why = TIMED_OUT
        except SandboxBroken:
            pass
        self._bytes += len(request) + len(answer or b"")
        if answer is not None and len(answer) < MAX_FRAME and self._bytes <= MAX_RELAYED:
            return FROM_CANDIDATE + answer
        await self._end(why if answer is None else ENDED + b" (it sent more than a check may)")
        return self._gone

    async def _end(self, why: bytes) -> None:
        """End the candidate, and keep the notice for the checker."""
        if why == TIMED_OUT:
            self._late, self._deadline = True, self._deadline + _GRACE_S
        if not self._gone and self._candidate is not None:
            result = await self._candidate.finish()
            timed_out = TIMED_OUT if out_of_time(result) else ENDED + f" ({ending(result)})".encode()
            self._gone = why or timed_out
