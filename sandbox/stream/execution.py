"""One program or trusted entry behind an agent: its job, clocks, output and Result."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sandbox.contract import OnOutput
from sandbox.errors import SandboxBroken
from sandbox.host.limits import RunLimits, TimedRun
from sandbox.host.output import Stream
from sandbox.host.running import Frames
from sandbox.inner.stream.frames import JOB, LINE, STDERR, STDIN, STDOUT
from sandbox.result import Result
from sandbox.stream.link import Link, LinkConversation, Reader

_PIECE = 1 << 16
_LAST_BYTES_S, _BUSY_ENGINE_S = 0.2, 10.0
"""Minimum seconds, and maximum ones if no limit ended the program, to wait for its remaining output."""
_LAST_REPORT_S, _LAST_FRAME_S = 2.0, 0.1
"""Seconds to wait for the end of an entry whose channel is closed, and for its last frame."""
_START_S = 30.0
_END_S = 20.0
"""Seconds that an agent may take to end a program, after which its place is given up."""


@dataclass(frozen=True, slots=True)
class EndedProgram:
    """How a program ended, of which no process is left, and what its place has used."""

    how: int
    """Wait status."""
    cpu_s: float
    """Processor time of its own process and the children that it waited for."""
    memory_kills: int
    cpu_us: int
    """Processor time of the whole place meanwhile."""
    peak: int
    """Peak memory in bytes; 0 if an earlier program used more."""
    kept_bytes: int
    """Bytes of all programs in all bounded folders."""
    kept_files: int
    """Number of files in the workspace, including the workspace itself."""
    left: list[tuple[int, str]]


_ENDED = TypeAdapter(EndedProgram)


class StreamProgram:
    """One program of an agent, from its start to its end."""

    def __init__(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        self.link = link
        self.conversation = link.converse(self._hear)
        self.started: asyncio.Future[tuple[int, int]] = loop.create_future()
        """Set to the program's pid, and the bytes in the bounded folders."""
        self.ended: asyncio.Future[EndedProgram] = loop.create_future()
        self._dropped = asyncio.Event()

    async def begin(self, job: Mapping[str, object], **options: object) -> None:
        """Start the program. `options`: see `sandbox.inner.stream.programs`. Raises SandboxBroken."""
        content = json.dumps(job).encode()
        usual = {
            "stdin": False,
            "line": False,
            "merged": False,
            "stays": False,
            "log_bytes": 0,
            "tidy": False,
        }
        bare = job["kind"] in ("command", "script")
        request = {**usual, **options, "bare": bare, "size": len(content)}
        await self.conversation.call({"do": "start", **request}, stream=JOB, content=content)

    async def drop(self) -> bool:
        """End the program and wait until all its processes are dead; return False if that takes too long."""
        self.conversation.say({"do": "drop"})
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._dropped.wait()
        self.conversation.close()
        return self._dropped.is_set()

    def close(self) -> None:
        """Stop listening to a dead program, whose output another program's process may keep open."""
        self.conversation.say({"do": "drop"})
        self.conversation.close()

    def _hear(self, news: dict[str, Any]) -> None:
        match news["is"]:
            case "started" if not self.started.done():
                self.started.set_result((int(news["pid"]), int(news["kept"])))
            case "ended" if not self.ended.done():
                del news["is"]
                try:
                    self.ended.set_result(_ENDED.validate_python(news))
                except ValidationError as error:
                    raise ValueError("the report of a program's end is invalid") from error
            case "refused":
                self._fail(SandboxBroken(f"A program could not be started: {news['why']}."))
            case "dropped":
                self._dropped.set()
            case "broken":
                self._fail(self.link.broken or SandboxBroken("The sandbox's agent is gone."))
                self._dropped.set()
            case _:
                raise ValueError(f"the report {news['is']!r} isn't expected")

    def _fail(self, error: SandboxBroken) -> None:
        for future in (self.started, self.ended):
            if not future.done():
                future.set_exception(error)
                future.exception()  # retrieved: no warning where nothing awaits it


class StreamExecution(TimedRun):
    """A run in progress."""

    def __init__(
        self,
        program: StreamProgram,
        limits: RunLimits,
        *,
        on_output: OnOutput | None,
        without: frozenset[str],
    ) -> None:
        super().__init__(program.ended, limits, on_output=on_output, without=without)
        self.program = program
        self._conversation = program.conversation
        self._feeding: asyncio.Task[None] | None = None
        self.ended: EndedProgram | None = None
        """Set once every process of the run is dead."""
        self.outcome: Result
        """Set once the run is over."""
        self.overdue = False
        """Whether the Result was given before the end of the run was known."""

    async def begin(
        self, job: Mapping[str, object], *, stdin: bytes | int = b"", line: bool = False, tidy: bool = False
    ) -> None:
        """Start the run. Raises SandboxBroken."""
        self.program.ended.add_done_callback(self._finish)
        for stream, name in ((STDOUT, "stdout"), (STDERR, "stderr")):
            self._conversation.read(stream, self._keeper(name))  # type: ignore[arg-type]
        has_stdin = stdin != b""
        await self.program.begin({**job, "stdin": has_stdin}, stdin=has_stdin, line=line, tidy=tidy)
        try:
            async with asyncio.timeout(_START_S):
                await asyncio.shield(self.program.started)
        except TimeoutError as error:
            raise SandboxBroken(f"A program was not ready in {_START_S:.0f} s.") from error
        self._start_clock()
        if has_stdin:
            self._feeding = asyncio.create_task(feed(self._conversation, stdin))

    async def result(self) -> Result:
        """Wait for the end of the run."""
        self.ended = ended = await self._over
        wall_s = self._loop.time() - self._began
        if ended is not None:
            await self._drain()
        code = None if ended is None or self._killed_by else os.waitstatus_to_exitcode(ended.how)
        return self._describe(
            code,
            wall_s,
            cpu_s=max(ended.cpu_us / 1e6, ended.cpu_s) if ended else 0.0,
            max_rss_mb=ended.peak / (1 << 20) if ended else 0.0,
            memory_kills=ended.memory_kills if ended else 0,
        )

    def close(self) -> None:
        """Cancel the clocks and the feeding of stdin."""
        for timer in self._timers:
            timer.cancel()
        if self._feeding is not None:
            self._feeding.cancel()

    def _keeper(self, stream: Stream) -> Callable[[bytes], None]:
        def keep(content: bytes) -> None:
            try:
                self._keep(stream, content)
            except Exception as error:  # noqa: BLE001 - the link would be given up
                context = {"message": "A listener to a program's output failed.", "exception": error}
                self._loop.call_exception_handler(context)

        return keep

    async def _drain(self) -> None:
        """Read the remaining output; the run's processes are dead."""
        seconds_left = self._limits.wall_s - (self._loop.time() - self._began)
        patience_s = max(_LAST_BYTES_S, min(seconds_left, _BUSY_ENGINE_S) if self._killed_by is None else 0)
        with suppress(TimeoutError):  # another process holds the pipe, or the engine is slow
            async with asyncio.timeout(patience_s):
                for stream in (STDOUT, STDERR):
                    await self._conversation.ended(stream).wait()

    def _kill(self) -> None:
        self._conversation.say({"do": "kill", "answer": False})

    def _finish(self, ended: "asyncio.Future[EndedProgram]") -> None:
        if self._over.done() or ended.cancelled():
            return
        broken = ended.exception()
        if broken is None:
            self._over.set_result(ended.result())
        elif self._killed_by is not None:
            self._over.set_result(None)
        else:
            self._over.set_exception(broken)
            self._over.exception()  # an entry's owner may never ask how it ended

    def _give_up(self) -> None:
        self.overdue = self.overdue or not self._over.done()
        super()._give_up()


class StreamEntry(Frames):
    """Returned by `Sandbox.start`: a trusted entry behind an agent."""

    def __init__(
        self, execution: StreamExecution, *, done: Callable[[StreamExecution], Coroutine[Any, Any, None]]
    ) -> None:
        self._execution, self._done = execution, done
        self._conversation = execution.program.conversation
        self._reader = Reader(self._conversation, LINE)
        self._finished: asyncio.Future[Result] | None = None

    async def finish(self) -> Result:
        """End the child if it still runs, and report how it ended."""
        if self._finished is None:
            self._finished = asyncio.ensure_future(self._end())
        return await asyncio.shield(self._finished)

    async def _end(self) -> Result:
        if self._conversation.ended(LINE).is_set():
            await asyncio.wait([self._execution.program.ended], timeout=_LAST_REPORT_S)
        self._execution.end("cancel")
        try:
            return await self._execution.result()
        finally:
            self._execution.close()
            await self._done(self._execution)

    async def _send_all(self, content: bytes) -> None:
        if self._execution.program.ended.done():
            raise SandboxBroken("The child at the other end of the channel is gone.")
        await self._conversation.send(LINE, content)

    async def _exactly(self, size: int) -> bytes | None:
        if self._finished is not None and self._finished.done():
            return None
        reading = asyncio.ensure_future(self._reader.exactly(size))
        either: set[asyncio.Future[Any]] = {reading, self._execution.program.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():  # its last output may still be in transit
                await asyncio.wait({reading}, timeout=_LAST_FRAME_S)
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()


async def feed(conversation: LinkConversation, source: bytes | int) -> None:
    """Send a program its standard input: bytes, or data from a descriptor as it arrives."""
    with suppress(SandboxBroken):  # it has ended
        if isinstance(source, bytes):
            await conversation.send(STDIN, source, at_end=True)
            return
        async for piece in _pieces_of(source):
            await conversation.send(STDIN, piece)
        await conversation.send(STDIN, b"", at_end=True)


async def _pieces_of(source: int) -> AsyncIterator[bytes]:
    """Yield data from a descriptor as it arrives."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    watched = True
    while True:
        try:
            if watched:
                loop.add_reader(source, ready.set)
        except (PermissionError, NotImplementedError):  # plain files are always ready; Windows has no way
            watched = False
        if watched:
            try:
                await ready.wait()
            finally:
                loop.remove_reader(source)
            ready.clear()
        try:
            piece = os.read(source, _PIECE) if watched else await asyncio.to_thread(os.read, source, _PIECE)
        except BlockingIOError:  # another process has read it
            continue
        except OSError:  # a closed terminal or peer
            return
        if not piece:
            return
        yield piece
