"""Handle of a sandbox's keeper, the process that starts everything else."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from sandbox.supervisor.outer_wall import Specification

_END_S = 10.0
_TAIL_BYTES = 4096


class Keeper:
    """A running keeper; it ends when the owner closes its lifeline."""

    def __init__(
        self, specification: Specification, *, prefix: Sequence[str] = (), environment: Mapping[str, str]
    ) -> None:
        """`prefix`: a command prefix that puts it into a scope."""
        try:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-I", "-S", *specification.argv, *(["scoped"] if prefix else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=specification.descriptors,
                env=dict(environment),
                cwd="/",
            )
        finally:
            for descriptor in specification.descriptors:
                os.close(descriptor)
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._process.stdin.close()
        self._stderr: IO[bytes] = self._process.stderr
        self._stderr_tail = b""
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._stderr.fileno(), False)
        self._loop.add_reader(self._stderr, self._read_more)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def read_stderr(self) -> str:
        """Return the end of its standard error, which the processes it started share."""
        with suppress(BlockingIOError):
            while chunk := os.read(self._stderr.fileno(), _TAIL_BYTES):
                self._stderr_tail = (self._stderr_tail + chunk)[-_TAIL_BYTES:]
        return self._stderr_tail.decode("utf-8", "replace").strip()

    async def wait(self) -> None:
        """Wait until it ends; kill it if that takes too long."""
        self._loop.remove_reader(self._stderr)
        self._stderr.close()
        await asyncio.shield(asyncio.to_thread(self._wait))

    def _wait(self) -> None:
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read_more(self) -> None:
        chunk = os.read(self._stderr.fileno(), _TAIL_BYTES)
        if not chunk:
            self._loop.remove_reader(self._stderr)
        self._stderr_tail = (self._stderr_tail + chunk)[-_TAIL_BYTES:]
