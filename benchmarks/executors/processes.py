"""Node in another process of this machine, for machines with more processors than one process uses."""

import asyncio
import os
import pickle
import struct
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, Generic

from benchmarks.executors.executor import J, JobFailed, NodeLost, O, Opening, Worker, failed
from benchmarks.executors.pool import do_job
from coder.base.errors import MachineError

_LENGTH = struct.Struct("<Q")
_MAX_END_S = 10.0
"""Maximum time for a process to close its worker, in seconds."""


class ProcessNode(Generic[J, O]):
    """Worker in a process that the first job starts, and that the next job restarts after its end."""

    batch = 64
    """A case is sent once per call."""

    def __init__(self, name: str, opening: Opening, room: int) -> None:
        self.name, self.room = name, room
        self._opening = opening
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._number = 0
        self._calls: dict[int, asyncio.Queue[tuple[str, Any] | None]] = {}

    async def work(
        self, jobs: Sequence[J], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, O | JobFailed]]:
        """Yield key, and outcome or error, of each job as it ends. Raises NodeLost."""
        async with self._starting:
            if self._reading is None or self._reading.done():
                await self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        number, answers = self._number, asyncio.Queue[tuple[str, Any] | None]()
        self._calls[number] = answers
        try:
            with suppress(ConnectionError):  # its reader says that it has ended
                await _send(self._process.stdin, (number, jobs))
            for _ in jobs:
                if (answer := await answers.get()) is None:
                    raise NodeLost(f"The process {self.name} has ended before its answer. Ask again.")
                yield answer
        finally:
            del self._calls[number]

    async def is_back(self) -> bool:
        """Return True: the next job restarts the process."""
        return True

    async def close(self) -> None:
        """End the process, with its worker."""
        if self._process is None or self._reading is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_MAX_END_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", "from benchmarks.executors.processes import serve; serve()"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the owner, at whose end it ends
        )
        assert self._process.stdin is not None
        self._reading = asyncio.create_task(self._read(self._process))
        with suppress(ConnectionError):
            await _send(self._process.stdin, self._opening)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while (answer := await _receive(process.stdout)) is not None:
            number, *outcome = answer
            if (call := self._calls.get(number)) is not None:  # else nobody waits any more
                call.put_nowait((outcome[0], outcome[1]))
        for call in self._calls.values():
            call.put_nowait(None)


def serve() -> None:
    """Do jobs from stdin until it ends; output of the worker's own programs goes to stderr."""
    asyncio.run(_serve())


async def _serve() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    calls = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(calls), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(lambda: asyncio.streams.FlowControlMixin(), answers)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    opening: Opening = await _receive(calls)
    async with opening() as worker:
        tasks = set[asyncio.Task[None]]()
        while (call := await _receive(calls)) is not None:
            number, jobs = call
            for job in jobs:
                tasks.add(task := asyncio.create_task(answer_job(worker, writer, number, job)))
                task.add_done_callback(tasks.discard)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def answer_job(worker: Worker[J, O], writer: asyncio.StreamWriter, number: int, job: J) -> None:
    """Do a job, and send its outcome or error to the owner."""
    outcome = sendable(await do_job(worker, job, lambda: None))
    try:
        content = pickle.dumps((number, job.key, outcome))
    except Exception as error:  # noqa: BLE001 - whatever the outcome holds: its owner would wait for ever
        content = pickle.dumps((number, job.key, sendable(failed(error))))
    with suppress(ConnectionError):
        await _send_bytes(writer, content)


def sendable(outcome: O | JobFailed) -> O | JobFailed:
    """Return the outcome; an error that can't be pickled becomes a MachineError with its text."""
    if isinstance(outcome, JobFailed):
        try:
            pickle.loads(pickle.dumps(outcome))
        except Exception:  # noqa: BLE001 - whatever the error's class makes of it
            cause = outcome.error
            return JobFailed(MachineError(f"{type(cause).__name__}: {cause}"), outcome.trace)
    return outcome


async def _send(writer: asyncio.StreamWriter, value: object) -> None:
    await _send_bytes(writer, pickle.dumps(value))  # both ends are ours; no program of a suite has them


async def _send_bytes(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(_LENGTH.pack(len(content)) + content)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401 - what was sent
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
