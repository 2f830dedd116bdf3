"""Judge answers in several processes, if a machine has more processors than one process keeps busy."""

import asyncio
import os
import pickle
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self
from zlib import crc32

from benchmarks.rewards.answers import JudgedAnswer
from benchmarks.rewards.service import JudgingService, open_service
from benchmarks.runner.bench_session import default_workers
from benchmarks.suite import Case, Suite
from coder.base.errors import MachineError
from sandbox import Limits, Program, Result

CORES_PER_PROCESS = 4
"""Processors per process: an answer takes 2.5 ms CPU of it and 8 ms in sandboxes (`perf.rewards`)."""
_LENGTH = struct.Struct("<Q")
_MAX_END_S = 10.0
"""Maximum time for a process to close its sandboxes, in seconds."""


def processes_here() -> int:
    """Return how many judging processes this machine can keep busy."""
    return max(1, default_workers() // (2 * CORES_PER_PROCESS))  # which has two for each processor


@asynccontextmanager
async def open_judging(
    suite: Suite,
    *,
    processes: int | None = None,
    **judging: Any,  # noqa: ANN401
) -> "AsyncIterator[JudgingService | JudgingProcesses]":
    """Open a service or processes that judge answers. Raises BackendMissing (several processes: later).

    Args:
        suite: suite whose cases set the longest limits; other cases may be judged, too.
        processes: number of processes; None takes as many as the machine can keep busy.
        judging: options of `open_judge`.
    """
    if (count := processes or processes_here()) == 1:
        async with open_service(suite, **judging) as service:
            yield service
        return
    async with JudgingProcesses(suite, count, judging) as processes_service:
        yield processes_service


class JudgingProcesses:
    """Judges answers in several processes, as `async with`. All answers to a case go to one process."""

    def __init__(self, suite: Suite, count: int, judging: dict[str, Any]) -> None:
        self._stack = AsyncExitStack()
        self._workers = [_Worker(suite, judging, count) for _ in range(count)]

    async def __aenter__(self) -> Self:
        for worker in self._workers:
            self._stack.push_async_callback(worker.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def slots(self) -> int:
        """Maximum number of concurrent answers in all processes."""
        return default_workers()

    @property
    def usual_s(self) -> float:
        """Average wall time of a first try."""
        return sum(worker.usual_s for worker in self._workers) / len(self._workers)

    async def judge(self, answers: Sequence[tuple[Case, str]], **how: object) -> list[JudgedAnswer]:
        """Judge answers as `JudgingService.judge` does. Raises MachineError: a process has ended twice."""
        parts: dict[int, list[int]] = {}
        for at, (case, _) in enumerate(answers):
            parts.setdefault(crc32(case.id.encode()) % len(self._workers), []).append(at)
        calls = [
            self._workers[worker].judge([answers[at] for at in places], **how)
            for worker, places in parts.items()
        ]
        results = dict[int, JudgedAnswer]()
        for places, part in zip(parts.values(), await asyncio.gather(*calls), strict=True):
            results |= zip(places, part, strict=True)
        return [results[at] for at in range(len(answers))]

    async def run(self, program: Program, limits: Limits, stdin: bytes) -> Result:
        """Run a program as `JudgingService.run` does. Raises MachineError: the process has ended."""
        idle = min(self._workers, key=lambda worker: len(worker.waiting))
        result: Result = await idle.call("run", program, limits, stdin)
        return result


class _Ended(MachineError):
    """The judging process has ended before its answer."""


class _Worker:
    """Judging process that starts with its first call."""

    def __init__(self, suite: Suite, judging: dict[str, Any], count: int) -> None:
        self._service_arguments = suite, judging, count
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._number = 0
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.usual_s = 0.01

    async def judge(self, asked: list[tuple[Case, str]], **how: object) -> list[JudgedAnswer]:
        """Judge in the process's service; if the process ends meanwhile, judge again in a new process."""
        try:
            results: list[JudgedAnswer] = await self.call("judge", asked, **how)
        except _Ended:
            results = await self.call("judge", asked, **how)
        return results

    async def call(self, name: str, *arguments: object, **keywords: object) -> Any:  # noqa: ANN401 - of the method
        """Call a method of the process's service; return its result or raise its error."""
        async with self._starting:
            if self._reading is None or self._reading.done():
                await self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        future = self.waiting[self._number] = asyncio.get_running_loop().create_future()
        with suppress(ConnectionError):  # its reader says that it has ended
            await _send(self._process.stdin, (self._number, name, arguments, keywords))
        return await future

    async def close(self) -> None:
        """End the process, with its sandboxes."""
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
            *(sys.executable, "-c", "from benchmarks.rewards.processes import serve; serve()"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the owner, at whose end it ends
        )
        assert self._process.stdin is not None
        self._reading = asyncio.create_task(self._read(self._process))
        with suppress(ConnectionError):
            await _send(self._process.stdin, self._service_arguments)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while (answer := await _receive(process.stdout)) is not None:
            number, self.usual_s, result, error = answer
            future = self.waiting.pop(number)
            if future.done():  # nobody waits any more
                continue
            future.set_exception(error) if error is not None else future.set_result(result)
        waiting, self.waiting = self.waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(_Ended("A judging process has ended. Ask again."))


def serve() -> None:
    """Answer calls from stdin until it ends; output of the suite's programs goes to stderr."""
    asyncio.run(_serve())


async def _serve() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    calls = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(calls), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(lambda: asyncio.streams.FlowControlMixin(), answers)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    suite, judging, count = await _receive(calls)
    async with open_service(suite, share=count, **judging) as service:
        tasks = set[asyncio.Task[None]]()
        while (call := await _receive(calls)) is not None:
            tasks.add(task := asyncio.create_task(_answer(service, writer, *call)))
            task.add_done_callback(tasks.discard)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(
    service: JudgingService,
    writer: asyncio.StreamWriter,
    number: int,
    name: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> None:
    try:
        result, error = await getattr(service, name)(*arguments, **keywords), None
    except Exception as raised:  # noqa: BLE001 - the owner raises it
        result, error = None, _sendable(raised)
    with suppress(ConnectionError):
        await _send(writer, (number, service.usual_s, result, error))


def _sendable(error: Exception) -> Exception:
    """Return the error, or a MachineError with its text if it can't be pickled: the caller would hang."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever its class makes of it
        return MachineError(f"{type(error).__name__}: {error}")
    return error


async def _send(writer: asyncio.StreamWriter, value: object) -> None:
    content = pickle.dumps(value)  # both ends are ours; no program of a suite has them
    writer.write(_LENGTH.pack(len(content)) + content)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401 - what was sent
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
