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
"""Bytes of weights that one processor reads fast enough, and that fit into any memory: llama.cpp's trial of
how much of them a device holds takes 0.13 of the 0.45 s in which the embedded model is loaded."""
SERVER = Path(__file__).with_name("local_server.py")

# The child gets what it takes to find its libraries, and nothing that could be a key.
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")

SHORT_SPIN = {"GOMP_SPINCOUNT": "2000"}
"""Threads that read a prompt wait for each other asleep, not spinning: one that has to share its processor
stalled all of them otherwise. `is_even` with the embedded model on two processors, prompts read by one,
two, two that sleep: 3.7, 2.9, 2.8 s on a quiet machine; 4.9, 7.4, 5.0 s beside two busy loops."""


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
            env=SHORT_SPIN | {name: os.environ[name] for name in PASSED_ON if name in os.environ},
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
        stdin.write(json.dumps(_settings(weights, context, self.key)).encode() + b"\n")
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


def _settings(weights: Path, context: int, key: str) -> dict[str, str | int | bool]:
    """What the server is told. Threads that write an answer wait for each other at every token, so that one
    which has to share its processor stalls all: measured with the embedded model on two that others
    kept busy, 90 tokens/s with one thread and 2 to 12 with two; less loaded ones gave 130 and 155.
    """
    small = weights.stat().st_size < SMALL
    return {
        "path": str(weights),
        "context": context,
        "threads": 1 if small else max(1, processors() - 1),
        "prompt_threads": processors(),
        "fit": not small,
        "key": key,
    }


def processors() -> int:
    """How many this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1
