"""One command of a session, seen from the host: its output and the agent's reports."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.host.limits import FLOOD, STATUS_OF
from sandbox.host.output import Output
from sandbox.inner.process.wire import OUTPUT
from sandbox.result import CommandResult, KilledBy, Status, StillRunning

PACE_S = 0.01
"""Seconds between reads of endless output from remaining processes."""


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command's own process ended."""

    wait_status: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class HowToEnd:
    """How a session ends a command, and describes an ended one."""

    end: Callable[["CommandRun"], Awaitable[None]]
    conclude: Callable[["CommandRun"], Awaitable[CommandResult]]


class CommandRun:
    """A command whose output arrives over its link. Implements `contract.Started`."""

    def __init__(
        self, number: int, limit: int, endings: HowToEnd, on_output: Callable[[bytes], None] | None
    ) -> None:
        """`limit`: maximum bytes of output to keep."""
        self._endings, self._loop = endings, asyncio.get_running_loop()
        self.number, self.log = number, f"{OUTPUT}/{number}"
        self._limit, self._on_output = limit, on_output or (lambda chunk: None)
        self.on_flood: Callable[[CommandRun], None] = lambda run: None
        """Called when a running command has written far more output than is kept."""
        self._output = Output(limit)
        self._began = self._loop.time()
        self._ended_at: float | None = None
        self.started: asyncio.Future[int] = self._loop.create_future()
        """Pid of the command, 0 if it could not be started."""
        self.ended: asyncio.Future[CommandEnd | None] = self._loop.create_future()
        """Set when the command's own process has ended; None if nothing reported how."""
        self.silent: asyncio.Future[None] = self._loop.create_future()
        """Set when the last writer has closed its output."""
        self.processes: tuple[StillRunning, ...] = ()
        """Processes of the command found by the latest look."""
        self.killed_by: KilledBy | None = None
        self.state_lost = False
        self.kills_before = 0
        """Memory kills of the session before this command."""

    def has_started(self, pid: int) -> None:
        """Record the pid of the started command."""
        if not self.started.done():
            self.started.set_result(pid)

    def has_failed(self, why: str, code: int) -> None:
        """Record a failed start, with the message and exit code of a shell."""
        self._output.add("stdout", f"{why}\n".encode("utf-8", "replace"))
        self.has_ended(CommandEnd(code << 8, 0.0))

    def has_ended(self, end: CommandEnd | None) -> None:
        """Record the end of its own process."""
        if not self.ended.done():
            self._ended_at = self._loop.time()
            self.ended.set_result(end)
        if not self.started.done():
            self.started.set_result(0)

    @property
    def seconds(self) -> float:
        """Seconds since its start."""
        return self._loop.time() - self._began

    @property
    def pid(self) -> int:
        """Its pid inside, 0 if it could not be started."""
        return self.started.result()

    @property
    def running(self) -> bool:
        """Whether its own process runs."""
        return not self.ended.done()

    async def wait(self) -> CommandResult:
        """Wait until its own process ends."""
        await asyncio.wait({self.ended})
        return await self._endings.conclude(self)

    async def stop(self) -> CommandResult:
        """End it and all processes it started: SIGTERM, after half a second SIGKILL."""
        if self.running:
            self.killed_by = "cancel"
        await self._endings.end(self)
        return await self._endings.conclude(self)

    def output(self) -> str:
        """Return the output so far: head and tail if it is long."""
        return fold(self._output.text("stdout"))

    def close(self) -> None:
        """Stop reading output. Idempotent."""
        if not self.silent.done():
            self.silent.set_result(None)

    def result(self, *, memory_kills: int) -> CommandResult:
        """Describe how the command ended."""
        end = self.ended.result()
        code = None if end is None else os.waitstatus_to_exitcode(end.wait_status)
        killed_by = self.killed_by
        if killed_by is None and code != 0 and memory_kills > self.kills_before:
            killed_by = "memory"
        if killed_by is None and code == -signal.SIGXCPU:
            killed_by = "cpu"
        return CommandResult(
            number=self.number,
            status=STATUS_OF[killed_by] if killed_by else _status(code),
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            output=self.output(),
            raw_output=self._output.raw("stdout"),
            output_bytes=self._output.total,
            truncated=self._output.truncated,
            wall_s=(self._ended_at or self._loop.time()) - self._began,
            cpu_s=end.cpu_s if end else 0.0,
            killed_by=killed_by,
            still_running=self.processes,
            log=self.log,
            state_lost=self.state_lost,
        )

    def receive(self, chunk: bytes) -> bool:
        """Process a piece of output; return whether to delay the next one, as nobody waits for it."""
        self._output.add("stdout", chunk)
        if self._output.total <= self._limit:
            self._on_output(chunk)
            return False
        flooded = self._output.total > FLOOD * self._limit
        if flooded and not (self.ended.done() or self.killed_by):
            self.killed_by = "output"
            self.on_flood(self)
        return flooded or self.ended.done()


def fold(text: str) -> str:
    """Show each line in its last state, as a terminal does after carriage returns."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _status(code: int | None) -> Status:
    if code is None or code < 0:
        return "killed" if code is None or code == -signal.SIGKILL else "error"
    return "ok" if code == 0 else "error"
