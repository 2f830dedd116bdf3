"""What a program writes, passed on while it runs: unchanged into a pipe, harmless on terminals and CI logs.

A thread writes, so that a slow reader can't move the program's deadline. What waits for it is at most what a
program may write before it is ended.
"""

import asyncio
import os
import queue
import sys
import threading
from types import TracebackType
from typing import Literal, Self

from coder.base.errors import MachineError
from coder.base.text.ci_commands import CommandBreaker, is_log
from coder.base.text.sanitize import StreamSanitizer

Stream = Literal["stdout", "stderr"]


class OutputStream:
    """A context around a run, whose `on_output` is `put`. A closed stream ends the run."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[tuple[Stream, bytes] | None] = queue.SimpleQueue()
        self._targets = {"stdout": sys.stdout.fileno(), "stderr": sys.stderr.fileno()}
        self._strippers = {
            name: StreamSanitizer() for name, number in self._targets.items() if os.isatty(number)
        }
        self._breakers = {
            name: CommandBreaker() for name, number in self._targets.items() if is_log(number, os.environ)
        }
        self._lost: OSError | None = None
        self._running = True
        self._leaving = threading.Lock()
        self._left = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._written: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._write_all, daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running = False
        self._pieces.put(None)
        try:
            if kind is None:
                await self._written
        finally:
            with self._leaving:
                self._left = True
        if isinstance(self._lost, BrokenPipeError):
            raise self._lost
        if self._lost is not None:
            raise MachineError(f"The output can't be written: {self._lost.strerror}.") from self._lost

    def put(self, stream: Stream, chunk: bytes) -> None:
        """Pass on a piece of output; never waits."""
        self._pieces.put((stream, chunk))

    def _write_all(self) -> None:
        try:
            while (piece := self._pieces.get()) is not None:
                self._write(*piece)
            for stream in (*self._strippers, *self._breakers):
                self._write(stream, b"", last=True)
        except OSError as error:
            self._lost = error
        with self._leaving:
            if not self._left:  # else nobody waits, and the loop may be closed
                self._loop.call_soon_threadsafe(self._end)

    def _write(self, stream: str, chunk: bytes, *, last: bool = False) -> None:
        rest = chunk
        if stream in self._strippers:
            rest = self._strippers[stream].strip(rest, last=last).encode()
        if stream in self._breakers:
            rest = self._breakers[stream].strip(rest, last=last)
        while rest:  # not by sys.stdout: a write that is stuck would hold its lock, and with it our end
            rest = rest[os.write(self._targets[stream], rest) :]

    def _end(self) -> None:
        self._written.set_result(None)
        if self._running and self._task is not None:
            self._task.cancel()
