"""A sandbox whose runs are children of a server: lent one by one, verified before, ended after."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, nullcontext
from functools import partial

from sandbox.contract import OnOutput, Running, Session
from sandbox.errors import PolicyUnmet, SandboxBroken
from sandbox.files.workspace import Workspace
from sandbox.files.workspace_files import WithFiles
from sandbox.host.capabilities import Build
from sandbox.host.child import pair_for
from sandbox.host.child_maker import ChildMaker
from sandbox.host.execution import Execution
from sandbox.host.host_workspace import HostWorkspace
from sandbox.host.limits import Jobs, RunLimits, refuse_lasting_files, refuse_wrong_entry, resolve
from sandbox.host.pool import Pool
from sandbox.host.running import RunningEntry
from sandbox.host.server import Server
from sandbox.policy import Capability, Limits, Policy
from sandbox.program import Program
from sandbox.result import Result

_MOMENT_S = 3.0
"""Seconds to wait for the server's end: a busy machine reports processes that die together in turn."""
_IN_FLIGHT = 32
"""Concurrent runs in one sandbox; more wait, with their clocks stopped."""


class ServedSandbox(WithFiles):
    """A sandbox on this machine. `sandbox.contract.Sandbox` documents arguments and errors."""

    def __init__(self, server: Server, policy: Policy, build: Build) -> None:
        self._server, self._policy, self._build, self._without = server, policy, build, build.without
        self._jobs = Jobs(build.environment, partial(RunLimits.rlimits, counted=server.groups is not None))
        self._places, self._closed = asyncio.Semaphore(_IN_FLIGHT), False
        self._pool, self._fresh_pool = (self._make_pool(fresh=fresh) for fresh in (False, True))
        own = self._workspace_at(server.workspace, in_place=bool(build.in_place))
        self._workspace = HostWorkspace(own, build.disk, at_rest=self._pool.at_rest)
        self.manifest = self._workspace.manifest
        self.backend, self.uid, self.image = build.backend, server.uid, server.system.image
        server.ended.add_done_callback(lambda ended: self._break_down(ended.result()))
        self._pool.fill()  # the other one is made at its first use

    @property
    def keeper(self) -> int:
        """Pid of the process that starts this sandbox and ends it with its owner."""
        return self._server.keeper

    def capabilities(self) -> Sequence[Capability]:
        """Return each guarantee with its mechanism on this machine."""
        return self._build.capabilities

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Implement `Sandbox.lay`. Raises PolicyUnmet if it would remove the caller's files."""
        if self._build.in_place:
            raise PolicyUnmet(f"Nothing is laid in place: {self._build.in_place} would lose its files.")
        return await self._workspace.lay(files)

    def _filing(self) -> nullcontext[HostWorkspace]:
        return nullcontext(self._workspace)

    async def run(
        self,
        program: Program,
        *,
        limits: Limits | None = None,
        stdin: bytes | int = b"",
        on_output: OnOutput | None = None,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> Result:
        """Implement `Sandbox.run`. Raises ValueError for files without `fresh`."""
        refuse_lasting_files("run", files, fresh=fresh)
        allowed = resolve(self._policy, limits)
        async with self._places:
            run = await self._lend(allowed, fresh=fresh, on_output=on_output)
            own: HostWorkspace | None = None
            try:
                if fresh:
                    own = HostWorkspace(self._workspace_at(run.child.take_workspace()))
                    if files:
                        await own.lay(files)
                await (own or self._workspace).enter(program.cwd)
                await run.begin(self._counted(self._jobs.of(program, allowed), run), stdin=stdin)
                result = await run.result()
                if own is not None and run.child.ended.done():  # otherwise a process of it may still run
                    result = await own.with_artifacts(result, files or {})
            except BaseException:
                await run.abandon()
                raise
            finally:
                run.close()
                if own is not None:
                    await self._let_go(own)
            if result.status == "killed" and result.killed_by is None:
                await self._check_alive()
            return result

    async def start(
        self,
        entry: str,
        arguments: Mapping[str, object],
        *,
        limits: Limits | None = None,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> Running:
        """Implement `Sandbox.start`. Raises ValueError for a wrong entry name, or files without `fresh`."""
        refuse_wrong_entry(entry)
        refuse_lasting_files("entry", files, fresh=fresh)
        allowed = resolve(self._policy, limits)
        self._server.count_start(entry)
        run = await self._lend(allowed, fresh=fresh, on_output=None)
        is_emptied = fresh and self._build.on_disk
        own: Workspace | None = None

        def done() -> None:
            if own is not None:
                if is_emptied:
                    own.remove(".")
                own.close()

        with ExitStack() as stack:
            try:
                own_end, inside = map(stack.enter_context, pair_for("A run"))
                own_end.setblocking(False)
                if files or is_emptied:
                    own = self._workspace_at(run.child.take_workspace())
                if own is not None and files:
                    await HostWorkspace(own).lay(files)
                job = self._jobs.of_entry(entry, arguments, allowed)
                await run.begin(self._counted(job, run), extra=[inside.detach()])
            except BaseException:
                await run.abandon()
                done()
                raise
            stack.pop_all()
        return RunningEntry(run, own_end, done=done)

    def session(
        self,
        *,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Implement `Sandbox.session`. Raises ValueError for files without `fresh`."""
        from sandbox.host.session_opening import SessionPlace, open_session, put_layer

        refuse_lasting_files("session", files, fresh=fresh)
        self._server.count_start("process.agent")
        least = self._build.layer_from
        place = SessionPlace(
            pool=self._fresh_pool if fresh else self._pool,
            limits=resolve(self._policy, None),
            environment=self._build.environment,
            workspace_at=self._workspace_at,
            bounds=self._build.fresh_disk if fresh else self._build.disk,
            sampled="memory" not in self._without,
            lasting=None if fresh else self._workspace,
            folder=self._build.in_place or (f"{self._server.folder}/w" if self._build.on_disk else ""),
            leave=self._server.leave if self._build.in_place else None,
            put_layer=partial(put_layer, self._server, self._pool, self._policy, least) if least else None,
        )
        return open_session(place, environment or {}, files or {})

    async def prove(self) -> None:
        """Make a child as a test. Raises SandboxBroken if none can be made."""
        child = await self._pool.lend(resolve(self._policy, None))
        child.discard()
        self._pool.give_back(child)

    async def close(self) -> None:
        """End every process, and release all resources. Idempotent."""
        if not self._closed:
            self._closed = True
            self._break_down(SandboxBroken("The sandbox is closed."))
            self._workspace.close()
        await self._server.close()
        for pool in (self._pool, self._fresh_pool):
            await pool.wait_until_gone()
        if self._build.network is not None:
            await self._build.network.close()

    def _make_pool(self, *, fresh: bool) -> Pool:
        maker = ChildMaker(
            self._server.control,
            server=self._server.pid,
            groups=self._server.groups,
            without=self._without,
            fresh=fresh,
            network=self._build.network,
            namespaces=self._build.namespaces,
        )
        foreign = self._server.interpreter.venv is not None
        return Pool(maker, usual=resolve(self._policy, None), foreign=foreign)

    def _break_down(self, reason: SandboxBroken) -> None:
        for pool in (self._pool, self._fresh_pool):
            pool.break_down(reason)

    async def _lend(self, limits: RunLimits, *, fresh: bool, on_output: OnOutput | None) -> Execution:
        pool = self._fresh_pool if fresh else self._pool
        if not fresh:
            self._workspace.be_used()
        return Execution(
            await pool.lend(limits),
            limits,
            on_output=on_output,
            without=self._without,
            bounds=self._build.fresh_disk if fresh else self._build.disk,
            give_back=pool.give_back,
        )

    def _counted(self, job: Mapping[str, object], run: Execution) -> dict[str, object]:
        """Return the job with the number of other runs' processes that the kernel counts as this run's."""
        pools = () if self._build.namespaces else (self._pool, self._fresh_pool)
        return {**job, "siblings": sum(pool.siblings_of(run.child) for pool in pools)}

    def _workspace_at(self, root: int, *, in_place: bool = False) -> Workspace:
        capacity = None if self._build.disk is None else self._build.disk.disk_bytes
        folders = self._policy.folders
        return Workspace(root, self._server.uid, capacity=capacity, attached=folders, in_place=in_place)

    async def _let_go(self, own: HostWorkspace) -> None:
        """Close the workspace of a fresh run, emptied first if its files are on a disk."""
        try:
            if self._build.on_disk:
                await own.remove(".")
        finally:
            own.close()

    async def _check_alive(self) -> None:
        """Raise SandboxBroken if a run that ended without a report was killed with its server."""
        if self._closed:
            raise SandboxBroken("The sandbox was closed while a program ran in it.")
        if (await asyncio.wait({self._server.ended}, timeout=_MOMENT_S))[0]:
            raise self._server.ended.result()
