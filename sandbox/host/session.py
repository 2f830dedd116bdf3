"""A session: sequential and concurrent commands in one child, whose pid 1 is our agent."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Unpack

from sandbox.contract import Clock, CommandOptions
from sandbox.files.workspace_files import WithFiles
from sandbox.host.agent_link import AgentLink
from sandbox.host.command_run import CommandRun
from sandbox.host.host_workspace import HostWorkspace
from sandbox.inner.process.wire import HEADER
from sandbox.program import Program, PythonCode
from sandbox.result import Changes, CommandResult

Answer = Callable[[bytes], Awaitable[bytes]]
"""Answers a request. ValueError: it is none, and its connection is closed."""
MAX_REQUEST = 1 << 20
"""Bytes."""
_MOST_CONNECTIONS = 64
"""At a time; further ones are closed."""
_PROMPT, _PACE_S = 1_000, 0.005
"""Connections of one answerer that are taken at once; and seconds between the others."""
_DRAIN_S, _GRACE_S = 0.1, 0.5
"""Seconds to wait for output after a command's end; from SIGTERM to SIGKILL."""
_TICK_S = 0.01
_KILLS = 3
"""Attempts: a killed process may have started another one just before."""


class CallServer:
    """Serves one socket: on each connection one request after the other, each a u32 length and bytes."""

    def __init__(self, listener: int, answer: Answer | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = socket.socket(fileno=listener)
        self._listener.setblocking(False)
        self.answer = answer
        """Answers requests now; while there is None, they wait."""
        self._answering = asyncio.Event()
        self._answering.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._taken = 0
        self._pacing: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._listener, self._accept)

    async def answer_by(self, answer: Answer | None) -> None:
        """Answer by this from now on, and cut off what is under way."""
        self.answer, self._taken = answer, 0
        (self._answering.set if answer is not None else self._answering.clear)()
        await self._end(self._busy)

    async def close(self) -> None:
        """Close the socket and all connections."""
        if self._pacing is not None:
            self._pacing.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        await self._end(self._connections)

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        ending = list(tasks)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it was closed meanwhile
            return
        self._taken += 1
        if len(self._connections) >= _MOST_CONNECTIONS:
            connection.close()
        else:
            task = asyncio.create_task(self._serve(connection))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        if self._taken > _PROMPT:
            self._loop.remove_reader(self._listener)
            self._pacing = self._loop.call_later(_PACE_S, self._loop.add_reader, self._listener, self._accept)

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        try:
            while True:
                (size,) = HEADER.unpack(await reader.readexactly(HEADER.size))
                if size > MAX_REQUEST:
                    return
                request = await reader.readexactly(size)
                while self.answer is None:
                    await self._answering.wait()
                content = await self._answered(self.answer, request)
                writer.write(HEADER.pack(len(content)) + content)
                await writer.drain()
        except (OSError, EOFError, ValueError):  # a program that ended, or sends something else
            return
        finally:
            writer.transport.abort()

    async def _answered(self, answer: Answer, request: bytes) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            return await answer(request)
        finally:
            self._busy.discard(task)


class LiveSession(WithFiles):
    """Implements `sandbox.contract.Session`, which documents each method."""

    def __init__(
        self, link: AgentLink, workspace: HostWorkspace, renew: Callable[[], Awaitable[AgentLink]]
    ) -> None:
        """`renew` starts another agent on the same workspace, once this one is dead."""
        self._link, self._renew, self._renewing = link, renew, asyncio.Lock()
        self._number = 0
        self._workspace, self._looking = workspace, asyncio.Lock()
        self._background: list[CommandRun] = []
        """Commands that may have processes after their end, or were started in the background."""
        self._calls: CallServer | None = None
        self._clock: Clock | None = None
        self._module = ""

    def _filing(self) -> nullcontext[HostWorkspace]:
        return nullcontext(self._workspace)

    async def sh(self, script: str, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run a shell script, in bash if there is one."""
        return await self._finish(await self._begin(script, how), how)

    async def run(self, program: Program, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run a program."""
        return await self._finish(await self._begin(program, how), how)

    async def python(self, source: str, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run Python source with the task's interpreter."""
        return await self.run(PythonCode(source=source), **how)

    async def start(self, program: str | Program, **how: Unpack[CommandOptions]) -> CommandRun:
        """Start a program or a shell script that runs until it is stopped or the session closes."""
        run = await self._begin(program, how)
        await asyncio.wait({run.started})
        self._background.append(run)
        return run

    async def background(self) -> "list[CommandRun]":
        """Programs and commands that have running processes."""
        for run in self._background:
            if not await self._link.ask("look", run):
                self._background = []
                break
        self._background = [run for run in self._background if run.processes]
        return list(self._background)

    async def serve(
        self, answer: "Answer | None", *, module: str = "tools", clock: Clock | None = None
    ) -> None:
        """Answer requests of programs, which import a module of this name."""
        self._clock = clock
        if self._calls is None and answer is not None:
            self._module, self._calls = module, CallServer(await self._link.listen(module), answer)
        elif self._calls is not None:
            await self._calls.answer_by(answer)

    async def close(self) -> None:
        """Answer no more requests."""
        if self._calls is not None:
            await self._calls.close()

    async def changes(self, *, ignored: Callable[[str], bool] | None = None) -> Changes:
        """Changes in the workspace since the session opened, or was rebased."""
        async with self._looking:
            return await asyncio.to_thread(self._workspace.tree.changes, ignored or (lambda path: False))

    async def rebase(self) -> None:
        """Make the present workspace the base of `changes`."""
        async with self._looking:
            await asyncio.to_thread(self._workspace.tree.rebase)

    async def end(self, run: CommandRun) -> None:
        """End a command and all processes it started: SIGTERM, after half a second SIGKILL."""
        if await self._link.ask("end", run):
            await asyncio.wait([asyncio.gather(run.ended, run.silent)], timeout=_GRACE_S)
        for _ in range(_KILLS):
            if not await self._link.ask("kill", run) or not run.processes:
                break
        await asyncio.wait({run.ended}, timeout=_GRACE_S)
        run.has_ended(None)

    async def conclude(self, run: CommandRun) -> CommandResult:
        """The result of an ended command; waits a moment longer for its output."""
        await asyncio.wait({run.silent}, timeout=_DRAIN_S)
        if run.processes:
            await self._link.ask("look", run)
        if run.processes and run not in self._background:
            self._background.append(run)
        run.silent.add_done_callback(lambda _: self._link.forget(run))
        return run.result(memory_kills=self._link.memory_kills())

    async def _begin(self, program: str | Program, how: CommandOptions) -> CommandRun:
        async with self._renewing:
            if self._link.over:
                self._link = await self._renew()
                if self._calls is not None:
                    await self._calls.close()
                    self._calls = type(self._calls)(await self._link.listen(self._module), self._calls.answer)
        self._number += 1
        heard = {"on_output": how["on_output"]} if "on_output" in how else {}
        run = CommandRun(self.end, self.conclude, self._number, self._link.limits.output_bytes, **heard)
        self._link.begin(run, program, how)
        return run

    async def _finish(self, run: CommandRun, how: CommandOptions) -> CommandResult:
        try:
            await self._deadline(run, how.get("wall_s") or self._link.limits.wall_s)
            if not run.ended.done():
                run.killed_by = "wall"
                await self.end(run)
        except asyncio.CancelledError:
            await asyncio.shield(self._link.ask("kill", run))
            self._link.forget(run)
            run.close()
            raise
        return await self.conclude(run)

    async def _deadline(self, run: CommandRun, wall_s: float) -> None:
        """Wait for the end of a command, or of its time, from which the clock's seconds are excluded."""
        clock = self._clock
        before_s, left_s = clock.seconds if clock is not None else 0.0, wall_s
        while left_s > 0 and not run.ended.done():
            await asyncio.wait({run.ended}, timeout=max(left_s, _TICK_S))
            excused_s = clock.seconds - before_s if clock is not None else 0.0
            left_s = wall_s + excused_s - run.seconds
