"""LocalModel: serve a GGUF file with llama.cpp, and call it through ChatModel.

llama.cpp runs in a child process, so that its crashes and its log don't affect this one. It listens on a
loopback port, requires a random key, and ends with this process.
"""

import asyncio
import json
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Self, Unpack

from pydantic import SecretStr

from coder.base.errors import ModelUnavailable
from coder.base.usage import Price
from coder.models.abilities import Abilities, answer_limit, model_limit
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import LOCAL_PATIENCE, Endpoint, Patience, RateLimits
from coder.models.model import Answer, Asking, ChatMessage, Usage
from coder.models.wrapper import Closing

EMBEDDED_CONTEXT = 4096
"""Context of the embedded model in tokens; recordings of the model were made with this value."""
CONTEXT = 8192
"""Context of other weights in tokens: most models support it, and it fits into most machines."""
FREE_PRICE = Price(input=Decimal(0), output=Decimal(0))
LOAD_S, STOP_S = 120.0, 2.0
LOG_LINES = 20
SMALL_WEIGHTS = 256 << 20
"""Weights of fewer bytes fit into any memory, so llama.cpp needn't test how much of them a device holds. The
test takes 0.13 of the 0.45 s in which the embedded model is loaded."""
SERVER = Path(__file__).with_name("local_server.py")
# The child gets variables with which it finds its libraries, and none that could be a key.
PASSED_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
SHORT_SPIN = {"GOMP_SPINCOUNT": "2000"}
"""Make threads that read a prompt sleep while they wait: a thread that shares its processor stalls spinning
ones. Times of the task `is_even` on two processors with one thread, two spinning ones, two sleeping ones:
3.7, 2.9, 2.8 s on a quiet machine; 4.9, 7.4, 5.0 s beside two busy loops."""


class LocalModel(Closing):
    """A model on this machine. The weights are loaded by the first call (the embedded model in 0.5 s)."""

    def __init__(
        self,
        weights: Path,
        *,
        name: str,
        context: int = EMBEDDED_CONTEXT,
        patience: Patience = LOCAL_PATIENCE,
        price: Price | None = None,
    ) -> None:
        self.name = name
        """`local/` and the name of the weights."""
        # An answer may fill half of the context.
        self.abilities = Abilities(context=context, max_output=model_limit(name, context // 2))
        self._weights = weights
        self._context = context
        self._patience = patience
        self._price = price or FREE_PRICE
        self._loading = asyncio.Lock()
        self._server: Llama | None = None
        self._chat: ChatModel | None = None

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return zero, unless the user sets a price."""
        return self._price.of(Usage(input_tokens=input_tokens, output_tokens=output_tokens))

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Answer one conversation, after loading the weights."""
        chat = await self.load()
        # A weak model may ramble until it reaches a limit.
        max_output = answer_limit(self, asking["sampling"])
        asking["sampling"] = asking["sampling"].model_copy(update={"max_tokens": max_output})
        answer = await chat.answer(messages, **asking)
        # llama.cpp reports the path of its file, which doesn't belong in a log.
        return answer.model_copy(update={"model": self._weights.stem})

    async def load(self) -> ChatModel:
        """Start the server unless it is running."""
        async with self._loading:
            if self._chat is None or self._server is None or not self._server.running:
                await self.close()
                self._server = await Llama.start(self._weights, context=self._context)
                self._chat = ChatModel(self._endpoint(self._server), patience=self._patience)
            return self._chat

    async def close(self) -> None:
        """Close the connection and end the child process. Idempotent."""
        chat, server = self._chat, self._server
        self._chat = self._server = None
        try:
            if chat is not None:
                await chat.close()
        finally:
            if server is not None:
                await server.stop()

    def _endpoint(self, server: "Llama") -> Endpoint:
        return Endpoint(
            name=self.name,
            model=self._weights.stem,
            url=SecretStr(server.url),
            key=SecretStr(server.key),
            is_local=True,
            is_free=True,
            price=self._price,
            reasons=False,
            limits=RateLimits(
                concurrency=1
            ),  # the server has one slot: a call that waits in it would look dead
        )


class Llama:
    """One server process with one model, from `start` to `stop`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._logging = asyncio.create_task(self._keep_log())
        self.url = ""
        self.key = secrets.token_urlsafe(32)

    @classmethod
    async def start(cls, weights: Path, *, context: int) -> Self:
        """Start the server and wait until the weights are loaded; `context` is in tokens.

        Raises:
            ModelUnavailable: the server can't load the weights; the message has the last lines of its log.
        """
        process = await asyncio.create_subprocess_exec(
            # -P: files beside the server's file or in the current folder can't be imported as modules.
            *(sys.executable, "-P", str(SERVER)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=SHORT_SPIN | {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ},
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
        """Whether the child process runs."""
        return self._process.returncode is None

    async def stop(self) -> None:
        """End the child by closing its input, then by force. Idempotent."""
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
        # Read blocks, because a long line must neither fill the pipe nor our memory.
        last_line = ""
        while block := await stderr.read(65_536):
            *lines, last_line = (last_line + block.decode(errors="replace")).splitlines() or [""]
            self._log.extend(line[:500] for line in lines if line)
            last_line = last_line[-500:]
        if last_line:
            self._log.append(last_line)


def _settings(weights: Path, context: int, key: str) -> dict[str, str | int | bool]:
    """Return the server's settings.

    More threads than free processors stall each other at every token: with the embedded model on two busy
    processors, one thread wrote 90 tokens/s, two threads 2 to 12.
    """
    is_small = weights.stat().st_size < SMALL_WEIGHTS
    return {
        "path": str(weights),
        "context": context,
        "threads": 1 if is_small else max(1, processors() - 1),
        "prompt_threads": processors(),
        "fit": not is_small,
        "key": key,
    }


def processors() -> int:
    """Return the number of processors that this process may use."""
    get_affinity = getattr(os, "sched_getaffinity", None)
    return len(get_affinity(0)) if get_affinity is not None else os.cpu_count() or 1
