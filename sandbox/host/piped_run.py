"""A command of a session on this machine: its pipe, and its log inside."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from sandbox.host.command_run import PACE_S, CommandRun, HowToEnd
from sandbox.inner.process.wire import program_pipe

_CHUNK = 1 << 16


class PipedRun(CommandRun):
    """A command whose output is read from a pipe until the last writer has closed it."""

    def __init__(
        self, number: int, limit: int, endings: HowToEnd, on_output: Callable[[bytes], None] | None
    ) -> None:
        super().__init__(number, limit, endings, on_output)
        self._pipe, self.inside = program_pipe()
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self._read)
        self._pacing: asyncio.TimerHandle | None = None
        self._log_file, self._unlogged, self._log_room = -1, bytearray(), limit

    def log_to(self, files: Sequence[int]) -> None:
        """Write the head of the output to the log file inside the sandbox, if there is one."""
        for descriptor in files[:1]:
            self._log_file = descriptor
            self._write_log(bytes(self._unlogged))
            self._unlogged.clear()

    def close(self) -> None:
        """Close pipe and log. Idempotent."""
        if self._pacing is not None:
            self._pacing.cancel()
        if self._pipe >= 0:
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
        if self._log_file >= 0:
            os.close(self._log_file)
            self._log_file = -1
        super().close()

    def _read(self) -> None:
        try:
            chunk = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self.close()
            return
        self._write_log(chunk)
        if self.receive(chunk) and self._pipe >= 0:
            self._loop.remove_reader(self._pipe)
            self._pacing = self._loop.call_later(PACE_S, self._loop.add_reader, self._pipe, self._read)

    def _write_log(self, chunk: bytes) -> None:
        kept = chunk[: self._log_room]
        if self._log_file < 0:
            self._unlogged += kept if not self.started.done() else b""
            self._unlogged = self._unlogged[: self._limit]
            return
        self._log_room -= len(kept)
        if kept:
            with suppress(OSError):  # commands have filled the disk
                os.write(self._log_file, kept)
