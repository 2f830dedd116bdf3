"""The host between a candidate's process and a checker's: passes frames on, bounded, and hears the reports.

A request goes one way and one frame comes back. What the candidate sends is never read here, only counted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sandbox.contract import Running, Sandbox
from sandbox.errors import SandboxBroken
from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.bridge.frames import AGAIN, ENDED, FROM_CANDIDATE, REPORT, TIMED_OUT
from sandbox.inner.process.wire import MAX_FRAME
from sandbox.policy import Limits, Policy
from sandbox.result import Result, ending, out_of_time

T = TypeVar("T")

MAX_REPORTS = 50_000
"""Of one check; a test file of a million parameters is cut off here, and then isn't complete."""

Reported = tuple[str, bool, str, str | None, str | None, bool]
"""Name, passed, message, expected, actual, whether an assertion failed."""


@dataclass(slots=True)
class RunReport:
    """Reports so far. Whatever isn't one ends the check without a verdict."""

    results: dict[int, list[Reported]] = field(default_factory=dict)
    number: int = -1
    """Of the check that is under way."""
    unfinished: str | None = None
    """The part of it that began and didn't end."""
    ended: bool = False
    mutated: bool = False
    referred: bool = False
    disowned: bool = False
    uses: frozenset[str] = frozenset()
    timed_out: bool = False
    note: str = ""
    _count: int = 0

    def take(self, report: Any) -> None:  # noqa: ANN401 - whatever was sent
        """Keep one report.

        Raises:
            CodecError: it isn't one, or there are too many.
        """
        self._count += 1
        match report:
            case ("check", int(number)):
                self.number = number
            case ("begin", str(name)):
                self.unfinished = name
            case ("result", str(name), bool(passed), str(message), expected, actual, bool(asserted)):
                self.unfinished = None
                reported = (name, passed, message, expected, actual, asserted)
                self.results.setdefault(self.number, []).append(reported)
            case ("end", bool(mutated), bool(referred), bool(disowned), list(uses)):
                self.ended, self.unfinished, self.uses = True, None, frozenset(map(str, uses))
                self.mutated, self.referred, self.disowned = mutated, referred, disowned
            case _:
                raise CodecError("the checker sent what isn't a report")
        if self._count > MAX_REPORTS:
            raise CodecError(f"the checker sent more than {MAX_REPORTS:,} reports")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was heard, and how both processes ended."""

    heard: RunReport
    candidate: Result
    checker: Result


_AT_ONCE = 32 << 10
"""Bytes that are read within a few milliseconds, whatever they hold."""
MAX_RELAYED = 512 << 20
"""Bytes of one check, both ways."""
_GRACE_S = 0.4
"""For the checker to say what the candidate didn't finish; the caller waits that much longer at most."""
_SLACK_S = 2.0
"""The processes' own wall lies behind the relay's, which can say more about what was under way."""


async def relay(
    candidate: Sandbox, checker: Sandbox, arguments: Mapping[str, object], *, limits: Limits
) -> Verdict:
    """Run the checker on the candidate to its end, or to the wall of `limits`.

    Raises:
        SandboxBroken: a sandbox stopped working.
    """
    wall_s = limits.wall_s or Policy().wall_s
    behind = limits_behind(wall_s, limits)
    heard = RunReport()
    callee = {"write_back": arguments["write_back"]}
    conversation = Conversation(
        lambda _: candidate.start("bridge.callee", callee, limits=behind), heard, wall_s
    )
    try:
        await conversation.open()
        testing = await checker.start("checker.checker", {**arguments, "wall_s": wall_s}, limits=behind)
        try:
            await conversation.run(testing)
        finally:
            checker_result = await asyncio.shield(testing.finish())
    finally:
        await asyncio.shield(conversation.close())
    if not heard.ended and not heard.note:
        heard.note = f"the checker gave no verdict: {ending(checker_result)}"
    return Verdict(heard, conversation.results[0], checker_result)


def limits_behind(wall_s: float, limits: Limits) -> Limits:
    """The limits of a candidate's process, whose own wall lies behind the conversation's."""
    return limits.model_copy(update={"wall_s": wall_s + _SLACK_S})


async def decoded(frame: bytes, read: Callable[[bytes], T] | None = None) -> T | Any:  # noqa: ANN401 - any value
    """What a frame holds. A large one is read by a thread; no step of it keeps the interpreter for long.

    Args:
        read: instead of `decode`.

    Raises:
        CodecError: as `decode`.
    """
    read = read or decode
    return read(frame) if len(frame) <= _AT_ONCE else await asyncio.to_thread(read, frame)


class Listener(Protocol):
    """Who hears what the checker reports."""

    note: str
    """Why it isn't complete; written here where the checker can't say it."""
    timed_out: bool
    """Time ended it, or a call of the candidate."""

    @property
    def ended(self) -> bool:
        """The checker said that there is no more."""

    def take(self, report: Any) -> None:  # noqa: ANN401 - whatever was sent
        """Keep one report.

        Raises:
            CodecError: it isn't one, or there are too many.
        """


class Conversation:
    """One candidate, or several after each other, and one checker. Close it, also when it failed."""

    def __init__(
        self, start_candidate: Callable[[bytes], Awaitable[Running]], heard: Listener, wall_s: float
    ) -> None:
        self._start_candidate, self._heard = start_candidate, heard
        self._wall_s = wall_s
        self._deadline = 0.0
        self._gone: bytes | None = None
        self._bytes = 0
        self._candidate: Running | None = None
        self.results: list[Result] = []
        """How each candidate ended."""

    async def open(self, which: bytes = b"") -> None:
        """Start a candidate, the first or another one; `which` it is to be is the checker's wish."""
        await self.close()
        self._candidate = await self._start_candidate(which)
        self._gone = None

    async def close(self) -> None:
        """End the candidate that is there."""
        if self._candidate is not None:
            candidate, self._candidate = self._candidate, None
            self.results.append(await candidate.finish())

    async def run(self, checker: Running) -> None:
        """Pass frames on until the checker is done, silent or out of time."""
        self._deadline = asyncio.get_running_loop().time() + self._wall_s
        while not self._heard.ended:
            try:
                async with asyncio.timeout_at(self._deadline):
                    frame = await checker.receive()
            except TimeoutError:
                self._heard.timed_out = True
                self._heard.note = f"it did not end within {self._wall_s:g} s"
                return
            if frame is None:
                return
            if frame[:1] == REPORT:
                try:
                    self._heard.take(await decoded(frame[1:]))
                except CodecError as error:
                    self._heard.note = str(error)
                    return
                continue
            if frame[:1] == AGAIN:
                await self.open(frame[1:])
            try:
                await checker.send(AGAIN if frame[:1] == AGAIN else await self._answer(frame[1:]))
            except SandboxBroken:
                return

    async def _answer(self, request: bytes) -> bytes:
        """The candidate's next frame, or the host's word that there will be none."""
        if self._gone is None:
            answer = await self._exchange(request)
            if answer is not None:
                return FROM_CANDIDATE + answer
            self._deadline = asyncio.get_running_loop().time() + _GRACE_S
        return self._gone or ENDED

    async def _exchange(self, request: bytes) -> bytes | None:
        assert self._candidate is not None
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._candidate.send(request)
                answer = await self._candidate.receive()
        except TimeoutError:
            self._heard.timed_out = True
            self._gone = TIMED_OUT
            return None
        except SandboxBroken:
            answer = None
        self._bytes += len(request) + len(answer or b"")
        if answer is None:
            result = await self._candidate.finish()
            self._gone = TIMED_OUT if out_of_time(result) else ENDED + f" ({ending(result)})".encode()
            return None
        if len(answer) >= MAX_FRAME or self._bytes > MAX_RELAYED:
            self._gone = ENDED + b" (it sent more than a check may)"
            return None
        return answer
