"""Relay between a candidate's process and a checker's: start candidates, enforce time, collect reports.

If both are children of this machine, the checker gets a direct socket to the candidate, unseen here.
Otherwise frames are relayed unread and counted.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sandbox.contract import Running
from sandbox.errors import SandboxBroken
from sandbox.host.running import RunningEntry
from sandbox.inner.bridge.candidate_line import AGAIN, ENDED, FROM_CANDIDATE, LOST, REPORT, TIMED_OUT
from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.process.wire import MAX_FRAME
from sandbox.policy import Limits, Policy
from sandbox.result import Result, describe_end, out_of_time
from sandbox.verdicts.candidate_pool import Candidate, ProcessPool
from sandbox.verdicts.run_report import RunReport

Start = Callable[[], Awaitable[Running | Candidate]]
"""Starts a candidate."""

_AT_ONCE = 32 << 10
"""Bytes that decode within a few milliseconds, whatever their content."""
MAX_RELAYED = 512 << 20
"""Maximum bytes of one candidate, in both directions."""
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


async def run_job(
    start: Start | None, checkers: ProcessPool, job: bytes, wall_s: float, report: RunReport | None = None
) -> TrialResult:
    """Run a job in a checker, on candidates from `start` (None: the candidate runs in the checker's process).

    The job ends early once `report` is decided. Raises SandboxBroken if a sandbox fails.
    """
    report = report or RunReport()
    process = await checkers.take()
    relay = _Relay(start, process.running, report, wall_s)
    early_result = None
    try:
        try:
            await relay.run(job)
        finally:
            is_reusable = report.process_ended and not report.status
            process.jobs += 1
            process.cpu_s += report.cpu_s if is_reusable else 0.0
            early_result = await checkers.put_back(process, reusable=is_reusable)
    finally:
        await asyncio.shield(relay.close())
    result = early_result or report.result()
    if not report.complete and not report.note:
        report.note = f"the checker gave no verdict: {describe_end(result)}"
    return TrialResult(report, tuple(relay.results), result)


def add_wall_slack(limits: Limits) -> tuple[float, Limits]:
    """Return the wall seconds of a job, and limits for its processes with some seconds more."""
    wall_s = limits.wall_s or Policy().wall_s
    return wall_s, limits.model_copy(update={"wall_s": wall_s + _SLACK_S})


async def decode_frame(frame: bytes, read: Callable[[bytes], Any] = decode) -> Any:  # noqa: ANN401 - any value
    """Decode a frame, a large one in a thread. Raises CodecError as `read` does."""
    return read(frame) if len(frame) <= _AT_ONCE else await asyncio.to_thread(read, frame)


class CandidateExchange:
    """Requests to one candidate; each gets its answer, or the reason why it stopped answering."""

    def __init__(self, candidate: Running | Candidate, *, max_bytes: float = math.inf) -> None:
        """`max_bytes`: bytes in both directions after which the candidate is ended."""
        self.candidate = candidate
        self.result: Result | None = None
        """How it ended."""
        self.end_notice = b""
        """Why it no longer answers, as sent to the checker."""
        self._left = max_bytes

    async def ask(self, request: bytes, deadline: float | None = None) -> bytes:
        """Return FROM_CANDIDATE and the answer or, once the candidate has ended, `end_notice`."""
        if self.end_notice:
            return self.end_notice
        assert not isinstance(self.candidate, Candidate)
        answer, why = None, b""
        try:
            async with asyncio.timeout_at(deadline):
                await self.candidate.send(request)
                answer = await self.candidate.receive()
        except TimeoutError:
            why = TIMED_OUT
        except SandboxBroken:
            pass
        self._left -= len(request) + len(answer or b"")
        if answer is not None and len(answer) < MAX_FRAME and self._left >= 0:
            return FROM_CANDIDATE + answer
        await self.end(why if answer is None else ENDED + b" (it sent more than a check may)")
        return self.end_notice

    async def end(self, why: bytes = b"") -> None:
        """End the candidate, if it hasn't ended."""
        if self.result is None:
            self.result = await self.candidate.finish()
            notice = (
                TIMED_OUT if out_of_time(self.result) else ENDED + f" ({describe_end(self.result)})".encode()
            )
            self.end_notice = why or notice


class _Relay:
    """One checker and its candidates in turn. Close it even after a failure."""

    def __init__(self, start: Start | None, checker: Running, report: RunReport, wall_s: float) -> None:
        self.results: list[Result] = []
        """How each candidate ended."""
        self._start, self._checker, self._report, self._wall_s = start, checker, report, wall_s
        self._exchange: CandidateExchange | None = None
        self._late = False
        self._deadline = 0.0

    async def close(self) -> None:
        """End the candidate."""
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            await exchange.end()
            assert exchange.result is not None
            self.results.append(exchange.result)

    async def run(self, job: bytes) -> None:
        """Serve the checker until it finishes, closes its channel or runs out of time."""
        await self._send(job, await self._renew())
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + self._wall_s
        receiving: asyncio.Future[bytes | None] | None = None
        try:
            while not self._report.process_ended:
                # Not cancelled at the deadline: a frame that has just been read would be lost.
                receiving = receiving or asyncio.ensure_future(self._checker.receive())
                await asyncio.wait({receiving}, timeout=self._deadline - loop.time())
                if receiving.done():
                    frame, receiving = receiving.result(), None
                    if frame is None or not await self._take(frame):
                        return
                elif self._late:
                    self._report.timed_out = True
                    self._report.note = self._report.note or f"it did not end within {self._wall_s:g} s"
                    return
                else:
                    self._allow_last_reports()
                    if self._exchange is not None:
                        await self._exchange.end(TIMED_OUT)
        finally:
            if receiving is not None:
                receiving.cancel()

    async def _renew(self) -> Running | Candidate | None:
        """End the candidate and start another one. Raises SandboxBroken if its sandbox can't."""
        await self.close()
        candidate = await self._start() if self._start is not None else None
        self._exchange = (
            CandidateExchange(candidate, max_bytes=MAX_RELAYED) if candidate is not None else None
        )
        return candidate

    async def _send(self, frame: bytes, candidate: Running | Candidate | None) -> None:
        """Send the checker a frame, with a socket to a new candidate where possible."""
        if isinstance(self._checker, RunningEntry) and isinstance(candidate, RunningEntry | Candidate):
            await self._checker.send_with(frame, candidate.hand_over())
        else:
            await self._checker.send(frame)

    async def _take(self, frame: bytes) -> bool:
        """Handle one frame of the checker; False if it was the last one.

        Raises SandboxBroken if another candidate can't be started, which is no fault of the tested one.
        """
        kind, content = frame[:1], frame[1:]
        is_again = kind == AGAIN and self._exchange is not None
        candidate = await self._renew() if is_again else None
        try:
            if kind == REPORT:
                self._report.take(await decode_frame(content))
                if self._report.decided:
                    return self._continue_decided()
            elif self._exchange is None:
                raise CodecError("the process of the tests sent what isn't a report")
            elif is_again:
                await self._send(AGAIN, candidate)
            else:
                request = None if kind == LOST else content
                await self._checker.send(await self._answer(self._exchange, request))
        except CodecError as error:
            self._report.note = str(error)
            return False
        except SandboxBroken:
            return False
        return True

    async def _answer(self, exchange: CandidateExchange, request: bytes | None) -> bytes:
        """Return the candidate's answer, or why there is none; no `request` if its socket closed."""
        if request is not None:
            answer = await exchange.ask(request, self._deadline)
            if not self._late and asyncio.get_running_loop().time() >= self._deadline:
                self._allow_last_reports()
            return answer
        if isinstance(exchange.candidate, RunningEntry | Candidate):
            exchange.candidate.hung_up()
        await exchange.end()
        return exchange.end_notice

    def _continue_decided(self) -> bool:
        """Limit the time of the other tests after a deciding result; return False if they get none."""
        if not self._report.note:
            self._report.note = "an earlier test has decided"
            now = asyncio.get_running_loop().time()
            self._deadline = min(self._deadline, now + self._report.others_s)
        return self._report.others_s > 0

    def _allow_last_reports(self) -> None:
        self._late, self._deadline = True, self._deadline + _GRACE_S
