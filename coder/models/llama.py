"""llama.cpp's server in a child process, so that a crash, Ctrl-C and its log don't touch us.

It listens on a loopback port that the kernel picks, wants a random key, and ends when we do.
"""

import asyncio
import json
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from pathlib import Path
from typing import Self

from coder.errors import ModelUnavailable

LOAD_S = 120.0
STOP_S = 2.0
LOG_LINES = 20
SMALL = 256 << 20
"""Bytes of weights that one processor reads fast enough."""
SERVER = Path(__file__).with_name("local_server.py")

# The child gets what it takes to find its libraries, and nothing that could be a key.
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")


class Llama:
    """One server with one model, from `start` to `stop`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._logging = asyncio.create_task(self._keep_log())
        self.url = ""
        self.key = secrets.token_urlsafe(32)

    @classmethod
    async def start(cls, weights: Path, *, context: int) -> Self:
        """Start the server and wait until the weights are loaded.

        Args:
            weights: a GGUF file.
            context: tokens, prompt and answer together.

        Raises:
            ModelUnavailable: it can't load them; the message ends with the last lines of its log.
        """
        process = await asyncio.create_subprocess_exec(
            # -P: no file beside the server's own, and none in the current folder, may pass for a module.
            *(sys.executable, "-P", str(SERVER)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            start_new_session=True,
        )
        server = cls(process)
        try:
            await server._load(weights, context)
        except BaseException:
            await server.stop()
            raise
        return server

    @property
    def running(self) -> bool:
        """False once the child has ended, whatever the cause."""
        return self._process.returncode is None

    async def stop(self) -> None:
        """End the child: by the end of its input, then by force. Idempotent."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await self._logging

    async def _load(self, weights: Path, context: int) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        settings = {"path": str(weights), "context": context, "threads": _threads(weights), "key": self.key}
        stdin.write(json.dumps(settings).encode() + b"\n")
        try:
            async with asyncio.timeout(LOAD_S):
                line = await stdout.readline()
        except TimeoutError:
            raise ModelUnavailable(f"{weights.name} was not loaded within {LOAD_S:.0f} s.") from None
        if not line:
            await self._logging
            raise ModelUnavailable(f"llama.cpp can't load {weights}:\n" + "\n".join(self._log))
        self.url = json.loads(line)["url"] + "/v1"

    async def _keep_log(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        # By blocks: a line of any length must neither fill the pipe nor our memory.
        unended = ""
        while block := await stderr.read(65_536):
            *lines, unended = (unended + block.decode(errors="replace")).splitlines() or [""]
            self._log.extend(line[:500] for line in lines if line)
            unended = unended[-500:]
        if unended:
            self._log.append(unended)


def _threads(weights: Path) -> int:
    """As many threads as help. They wait for each other by spinning, token by token, so that one which has to
    share its processor stalls all: measured with the embedded model on two processors that others kept busy,
    90 tokens/s with one thread and 2 to 12 with two; less loaded ones gave 130 and 155.
    """
    if weights.stat().st_size < SMALL:
        return 1
    return max(1, processors() - 1)


def processors() -> int:
    """How many this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1
