"""The owner's handle on a sandbox's keeper, the process that starts everything else."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from sandbox.supervisor.outer_wall import Specification

_END_S = 10.0
_LAST_WORDS = 4096


class Keeper:
    """A running keeper; it ends when the owner closes its lifeline."""

    def __init__(
        self, given: Specification, *, before: Sequence[str] = (), environment: Mapping[str, str]
    ) -> None:
        """`before` is a command prefix that puts it into a scope."""
        try:
            self._process = subprocess.Popen(
                [*before, sys.executable, "-I", "-S", *given.argv, *(["scoped"] if before else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=given.descriptors,
                env=dict(environment),
                cwd="/",
            )
        finally:
            for descriptor in given.descriptors:
                os.close(descriptor)
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._process.stdin.close()
        self._stderr: IO[bytes] = self._process.stderr
        self._last_words = b""
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._stderr.fileno(), False)
        self._loop.add_reader(self._stderr, self._listen)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def said(self) -> str:
        """Last standard error of it and of the processes it started."""
        with suppress(BlockingIOError):
            while heard := os.read(self._stderr.fileno(), _LAST_WORDS):
                self._last_words = (self._last_words + heard)[-_LAST_WORDS:]
        return self._last_words.decode("utf-8", "replace").strip()

    async def gone(self) -> None:
        """Wait for its end; kill it if that takes too long."""
        self._loop.remove_reader(self._stderr)
        self._stderr.close()
        await asyncio.shield(asyncio.to_thread(self._wait))

    def _wait(self) -> None:
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        heard = os.read(self._stderr.fileno(), _LAST_WORDS)
        if not heard:
            self._loop.remove_reader(self._stderr)
        self._last_words = (self._last_words + heard)[-_LAST_WORDS:]
