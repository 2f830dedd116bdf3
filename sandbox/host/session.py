"""A session: sequential and concurrent commands behind one agent."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Protocol, Unpack

from sandbox.contract import Clock, CommandOptions
from sandbox.files.file_operations import Files
from sandbox.files.workspace_files import WithFiles
from sandbox.host.call_server import Answer, CallServer, Listener
from sandbox.host.command_run import CommandRun, HowToEnd
from sandbox.host.limits import RunLimits
from sandbox.inner.walls.places import WORKSPACE
from sandbox.program import Program, PythonCode
from sandbox.result import Changes, CommandResult

_DRAIN_S, _GRACE_S = 0.1, 0.5
"""Seconds to wait for output after a command's end; from SIGTERM to SIGKILL."""
_TICK_S = 0.01
_KILLS = 3
"""Attempts to kill: a killed process may have started another one just before."""


class SessionLink(Protocol):
    """Link that carries a session's commands to its agent, and their output and ends back."""

    limits: RunLimits

    @property
    def over(self) -> bool:
        """Whether the agent is dead, and with it every process of the session."""

    async def begin(
        self, number: int, program: str | Program, how: CommandOptions, endings: HowToEnd
    ) -> CommandRun:
        """Start a command; text is a shell script. Raises SandboxBroken; ValueError if a word is too long."""

    async def ask(self, what: str, run: CommandRun) -> bool:
        """Have the agent `look` for, `end` or `kill` a command's processes; return False if it is dead."""

    async def listen(self, module: str) -> Listener:
        """Listen for programs, which connect through a module of this name. Raises SandboxBroken."""

    def memory_kills(self) -> int:
        """Return the number of the session's processes that were killed for lack of memory."""

    def forget(self, run: CommandRun) -> None:
        """Forget a command once none of its processes runs or writes."""


class SessionWorkspace(Files, Protocol):
    """Files of a session, and their changes."""

    async def changes(self, ignored: Callable[[str], bool]) -> Changes:
        """Return the changes since the session opened or was rebased."""

    async def rebase(self) -> None:
        """Make the present files the base of `changes`."""


class LiveSession(WithFiles):
    """Implements `sandbox.contract.Session`, which documents each method."""

    def __init__(
        self,
        link: SessionLink,
        workspace: SessionWorkspace,
        renew: Callable[[], Awaitable[SessionLink]],
        *,
        root: str = WORKSPACE,
    ) -> None:
        """`renew` starts another agent on the same workspace, once this one is dead."""
        self.root = root
        self._link, self._renew, self._renewing = link, renew, asyncio.Lock()
        self._number = 0
        self._workspace, self._looking = workspace, asyncio.Lock()
        self._background: list[CommandRun] = []
        """Commands that may have processes after their end, or were started in the background."""
        self._calls: CallServer | None = None
        self._clock: Clock | None = None
        self._module = ""

    def _filing(self) -> nullcontext[SessionWorkspace]:
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
        """Return the programs and commands with running processes."""
        for run in self._background:
            if not await self._link.ask("look", run):
                self._background = []
                break
        self._background = [run for run in self._background if run.processes]
        return list(self._background)

    async def serve(
        self, answer: Answer | None, *, module: str = "tools", clock: Clock | None = None
    ) -> None:
        """Answer requests of programs, which import a module of this name."""
        self._clock = clock
        if self._calls is None and answer is not None:
            self._module, self._calls = module, CallServer(await self._link.listen(module), answer)
        elif self._calls is not None:
            await self._calls.answer_by(answer)

    async def close(self) -> None:
        """Stop answering requests."""
        if self._calls is not None:
            await self._calls.close()

    async def changes(self, *, ignored: Callable[[str], bool] | None = None) -> Changes:
        """Return the changes in the workspace since the session opened or was rebased."""
        async with self._looking:
            return await self._workspace.changes(ignored or (lambda path: False))

    async def rebase(self) -> None:
        """Make the present workspace the base of `changes`."""
        async with self._looking:
            await self._workspace.rebase()

    async def end(self, run: CommandRun) -> None:
        """End a command and all processes it started: SIGTERM, after half a second SIGKILL."""
        if await self._link.ask("end", run):
            await asyncio.wait([asyncio.gather(run.ended, run.silent)], timeout=_GRACE_S)
        await self._kill(run)
        await asyncio.wait({run.ended}, timeout=_GRACE_S)
        run.has_ended(None)

    async def _kill(self, run: CommandRun) -> None:
        """Kill all processes of a command; retry if some are left, as the agent's time for it is bounded."""
        for _ in range(_KILLS):
            if not await self._link.ask("kill", run) or not run.processes:
                break

    async def conclude(self, run: CommandRun) -> CommandResult:
        """Return the result of an ended command, after a short wait for its remaining output."""
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
                    self._calls = CallServer(await self._link.listen(self._module), self._calls.answer)
        self._number += 1
        endings = HowToEnd(self.end, self.conclude)
        return await self._link.begin(self._number, program, how, endings)

    async def _finish(self, run: CommandRun, how: CommandOptions) -> CommandResult:
        try:
            await self._deadline(run, how.get("wall_s") or self._link.limits.wall_s)
            if not run.ended.done():
                run.killed_by = "wall"
                await self.end(run)
        except asyncio.CancelledError:
            await asyncio.shield(self._kill(run))
            self._link.forget(run)
            run.close()
            raise
        return await self.conclude(run)

    async def _deadline(self, run: CommandRun, wall_s: float) -> None:
        """Wait until a command ends or its time is over; the clock's seconds don't count."""
        clock = self._clock
        before_s, left_s = clock.seconds if clock is not None else 0.0, wall_s
        while left_s > 0 and not run.ended.done():
            await asyncio.wait({run.ended}, timeout=max(left_s, _TICK_S))
            excused_s = clock.seconds - before_s if clock is not None else 0.0
            left_s = wall_s + excused_s - run.seconds
