"""A byte stream over the standard streams of a process of this machine, such as ssh."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from sandbox.errors import SandboxBroken

_PIECE = 1 << 18


class ProcessStream:
    """Implements `sandbox.stream.link.ByteStream`. Made by `start_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        self._process, self._stdin = process, process.stdin
        self.on_data: Callable[[bytes], None] = lambda content: None
        self.on_words: Callable[[bytes], None] = lambda content: None
        self.on_end: Callable[[], None] = lambda: None
        self.ended = False
        self._reading: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start reading; the callbacks must be set before."""
        self._reading = asyncio.create_task(self._read())

    async def send(self, content: bytes) -> None:
        """Send everything; wait while the other side reads nothing. Raises SandboxBroken."""
        try:
            if not self.ended:
                self._stdin.write(content)
                await self._stdin.drain()
        except OSError as error:
            raise SandboxBroken("The process that leads to the agent is gone.") from error
        if self.ended:
            raise SandboxBroken("The process that leads to the agent is gone.")

    def say(self, content: bytes) -> None:
        """Send short content without waiting; drop it if the stream has ended."""
        if not self.ended:
            self._stdin.write(content)

    def close(self) -> None:
        """End the process without calling `on_end`. Idempotent."""
        self.ended = True
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:  # kill() would reap a process that has just ended, and asyncio warn of an unknown one
                os.kill(self._process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Wait until the process has ended and its output is read."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def _read(self) -> None:
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None
        assert stderr is not None
        words = asyncio.create_task(self._pass_on(stderr, self._hear_words))
        await self._pass_on(stdout, self._hear)
        await asyncio.wait({words}, timeout=1)
        words.cancel()
        await self._process.wait()
        if not self.ended:
            self.ended = True
            self.on_end()

    def _hear(self, content: bytes) -> None:
        if not self.ended:
            self.on_data(content)

    def _hear_words(self, content: bytes) -> None:
        self.on_words(content)

    @staticmethod
    async def _pass_on(source: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
        while piece := await source.read(_PIECE):
            take(piece)


async def start_process(argv: Sequence[str]) -> ProcessStream:
    """Start a process that leads to an agent. Raises OSError."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, limit=_PIECE
    )
    return ProcessStream(process)
