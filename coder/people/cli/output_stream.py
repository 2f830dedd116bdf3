"""Pass on a program's output while it runs: unchanged into a pipe, sanitized on terminals and CI logs.

A thread writes, so that a slow reader can't delay the program's deadline. The queue is bounded by the limit
on the program's output.
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
    """A context around a run, with `put` as its `on_output`. A closed stream ends the run."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[tuple[Stream, bytes] | None] = queue.SimpleQueue()
        self._targets = {"stdout": sys.stdout.fileno(), "stderr": sys.stderr.fileno()}
        self._strippers = {
            name: StreamSanitizer() for name, number in self._targets.items() if os.isatty(number)
        }
        self._breakers = {
            name: CommandBreaker() for name, number in self._targets.items() if is_log(number, os.environ)
        }
        self._write_error: OSError | None = None
        self._is_running = True
        self._exit_lock = threading.Lock()
        self._has_left = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._write_all, daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_running = False
        self._pieces.put(None)
        try:
            if kind is None:
                await self._finished
        finally:
            with self._exit_lock:
                self._has_left = True
        if isinstance(self._write_error, BrokenPipeError):
            raise self._write_error
        if self._write_error is not None:
            raise MachineError(
                f"The output can't be written: {self._write_error.strerror}."
            ) from self._write_error

    def put(self, stream: Stream, chunk: bytes) -> None:
        """Queue a piece of output without waiting."""
        self._pieces.put((stream, chunk))

    def _write_all(self) -> None:
        try:
            while (piece := self._pieces.get()) is not None:
                self._write(*piece)
            for stream in (*self._strippers, *self._breakers):
                self._write(stream, b"", is_last=True)
        except OSError as error:
            self._write_error = error
        with self._exit_lock:
            if not self._has_left:  # after leaving, the loop may be closed
                self._loop.call_soon_threadsafe(self._end)

    def _write(self, stream: str, chunk: bytes, *, is_last: bool = False) -> None:
        remaining = chunk
        if stream in self._strippers:
            remaining = self._strippers[stream].strip(remaining, last=is_last).encode()
        if stream in self._breakers:
            remaining = self._breakers[stream].strip(remaining, last=is_last)
        while remaining:  # sys.stdout would hold its lock during a blocked write, and block the exit
            remaining = remaining[os.write(self._targets[stream], remaining) :]

    def _end(self) -> None:
        self._finished.set_result(None)
        if self._is_running and self._task is not None:
            self._task.cancel()
