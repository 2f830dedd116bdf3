"""One place behind an agent, such as a container: its files, the programs at work in it, and its limits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

from sandbox.contract import OnOutput
from sandbox.errors import SandboxBroken
from sandbox.host.child_maker import FOR_EVER_S
from sandbox.host.limits import RunLimits
from sandbox.host.session import LiveSession
from sandbox.policy import Policy
from sandbox.result import Result
from sandbox.stream.chores import Chores, to_the_end
from sandbox.stream.execution import StreamEntry, StreamExecution, StreamProgram
from sandbox.stream.holder import Holder
from sandbox.stream.session import Stamps, StreamSessionLink, StreamWorkspace, open_commands
from sandbox.stream.stream_files import StreamFiles


class Place:
    """Runs programs concurrently or one after the other."""

    def __init__(
        self,
        holder: Holder,
        policy: Policy,
        usual: RunLimits,
        chores: Chores,
        *,
        on_idle: Callable[[], object] | None = None,
    ) -> None:
        """`usual`: the policy's limits; `on_idle`: called at the end of an entry."""
        self._on_idle = on_idle
        self.holder, self._usual, self._chores = holder, usual, chores
        self.files = StreamFiles(holder.link, most_bytes=policy.disk_mb << 20, most_files=policy.files)
        self._at_work: dict[object, RunLimits] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._limiting, self._turn = asyncio.Lock(), asyncio.Lock()
        self._started: set[object] = set()
        self._kept_bytes = 0
        self._stamps: Stamps = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs in it."""
        return not self._at_work

    async def execute(
        self,
        job: Mapping[str, object],
        limits: RunLimits,
        *,
        stdin: bytes | int = b"",
        on_output: OnOutput | None = None,
    ) -> StreamExecution:
        """Run one job to its end. Raises SandboxBroken; FileRefused if its folder can't be entered."""
        await self.files.enter(str(job["cwd"]))
        async with self._execution(limits, on_output) as execution:
            async with self._starting(execution.program) as is_alone:
                await execution.begin(job, stdin=stdin, tidy=is_alone)
            execution.outcome = await execution.result()
            return execution

    async def start(self, job: Mapping[str, object], limits: RunLimits) -> StreamEntry:
        """Start a trusted entry, which ends with `finish`. Raises SandboxBroken."""
        execution = await self._prepare(limits, None)
        entry = StreamEntry(execution, done=self._end_entry)
        try:
            async with self._starting(execution.program) as is_alone:
                await execution.begin(job, line=True, tidy=is_alone)
        except BaseException:
            execution.close()
            await to_the_end(self._end(execution))
            raise
        return entry

    @contextlib.asynccontextmanager
    async def session(
        self,
        limits: RunLimits,
        environment: Mapping[str, str],
        own: Mapping[str, str],
        laid: Mapping[str, str],
    ) -> AsyncIterator[LiveSession]:
        """Context manager of a session. `laid`: SHA-256 by path of files that only the host has written."""
        opened = object()
        self._at_work[opened] = limits
        try:
            await self._limit()
            rlimits = {**rlimits_of(limits, counted=self.holder.counted), "cpu_s": FOR_EVER_S}
            async with contextlib.AsyncExitStack() as stack:
                async with self._starting(opened) as is_alone:
                    replaced = {**self.holder.session_environment, **own}
                    opening = open_commands(
                        self.holder.link, limits, environment, rlimits, replaced, tidy=is_alone
                    )
                    commands = await stack.enter_async_context(opening)
                workspace = StreamWorkspace(self.files, self._stamps)
                await workspace.rebase(laid)
                session = LiveSession(commands, workspace, self._renew)
                try:
                    yield session
                finally:
                    await session.close()
        finally:
            self._forget(opened)

    @contextlib.asynccontextmanager
    async def _starting(self, work: object) -> AsyncIterator[bool]:
        """Context manager for one start at a time; yields whether nothing else runs, so leftovers can go."""
        async with self._turn:
            is_alone = not self._started
            self._started.add(work)
            yield is_alone

    def _forget(self, work: object) -> None:
        self._at_work.pop(work, None)
        self._started.discard(work)
        if self.is_idle:  # its programs are dead, whatever the other ends still send
            self.holder.cut()

    async def _renew(self) -> StreamSessionLink:
        raise SandboxBroken("The session is over, and its workspace with it.") from self.holder.link.broken

    @contextlib.asynccontextmanager
    async def _execution(
        self, limits: RunLimits, on_output: OnOutput | None
    ) -> AsyncIterator[StreamExecution]:
        execution = await self._prepare(limits, on_output)
        try:
            yield execution
        finally:
            execution.close()
            await to_the_end(self._end(execution))

    async def _prepare(self, limits: RunLimits, on_output: OnOutput | None) -> StreamExecution:
        """Return an execution to start, once abandoned programs are dead and the limits are set."""
        if self._leaving:
            await asyncio.wait(self._leaving)
        if self.holder.link.broken is not None:
            raise self.holder.link.broken
        program = StreamProgram(self.holder.link)
        self._at_work[program] = limits
        try:
            await self._limit()
        except BaseException:
            self._forget(program)
            program.conversation.close()
            raise
        return StreamExecution(program, limits, on_output=on_output, without=self.holder.without)

    async def _end(self, execution: StreamExecution) -> None:
        """End a program. An overdue end continues in the background: only the next program waits for it."""
        if execution.ended is not None:
            self._kept_bytes, self.files.written = execution.ended.kept_bytes, 0
            self._forget(execution.program)
            execution.program.close()
            return
        leaving = self._chores.start(self._drop(execution.program))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        if not execution.overdue:
            await asyncio.wait([leaving])

    async def _end_entry(self, execution: StreamExecution) -> None:
        await self._end(execution)
        if self._on_idle is not None:
            self._on_idle()

    async def _drop(self, program: StreamProgram) -> None:
        if not await program.drop():
            self.holder.link.end(SandboxBroken("A program could not be ended."))
        self._forget(program)

    async def _limit(self) -> None:
        """Set the place's limits: those of a single run, or at least the policy's for several."""
        async with self._limiting:
            limits = list(self._at_work.values())
            if len(limits) > 1:
                limits.append(self._usual)
            most = replace(
                self._usual,
                memory_mb=max(item.memory_mb for item in limits),
                processes=max(item.processes for item in limits),
            )
            await self.holder.limit(most, self._kept_bytes + self.files.written)


def rlimits_of(limits: RunLimits, *, counted: bool) -> dict[str, int | None]:
    """Return the kernel's limits of each process; `counted`: the holder bounds all of them together."""
    processes = None if counted else limits.processes + OWN_PROCESSES
    return {**limits.rlimits(counted=counted), "processes": processes}


async def run_fresh(
    place: Place,
    job: Mapping[str, object],
    limits: RunLimits,
    files: Mapping[str, bytes],
    *,
    stdin: bytes | int,
    on_output: OnOutput | None,
) -> Result:
    """Run a job in an unused place with given files, and collect the files it wrote."""
    await place.files.lay(files)
    execution = await place.execute(job, limits, stdin=stdin, on_output=on_output)
    result, ended = execution.outcome, execution.ended
    if ended is None or (not files and ended.kept_files <= _WORKSPACE_ALONE):
        return result
    artifacts, left_out = await place.files.collect(files)
    return result.model_copy(update={"artifacts": artifacts, "artifacts_left_out": left_out})


OWN_PROCESSES = 3
"""Processes besides programs: the agent, and those that make children and serve files."""
_WORKSPACE_ALONE = 1
"""Number of files in an empty workspace, which counts itself."""
