"""A sandbox whose runs are children of a server: lent one by one, looked at before, ended after."""

import asyncio
import errno
import os
import socket
from collections.abc import Mapping, Sequence

from sandbox.building import Build
from sandbox.child import Child
from sandbox.contract import Capability, OnOutput, Running
from sandbox.disk_watch import DiskWatch
from sandbox.errors import FileRefused, SandboxBroken
from sandbox.execution import Execution
from sandbox.fresh import FreshWorkspace, known_files
from sandbox.limits import RunLimits, resolve
from sandbox.policy import Limits, Policy
from sandbox.pool import Pool
from sandbox.program import Command, Program
from sandbox.result import Result
from sandbox.running import RunningEntry
from sandbox.server import Server
from sandbox.workspace import Workspace

_MOMENT_S = 0.5
"""The ends of processes that die together are seen one after the other."""
_IN_FLIGHT = 32
"""Runs at once in one sandbox; more wait, and their clocks don't run meanwhile."""


class ServedSandbox:
    """A sandbox on this machine. Made by the functions that open one."""

    def __init__(self, server: Server, policy: Policy, build: Build) -> None:
        self._server, self._policy, self._build = server, policy, build
        self._without = build.without
        self._environment = build.environment
        self._workspace = self._workspace_at(server.workspace)
        self._places = asyncio.Semaphore(_IN_FLIGHT)
        self._closed = False
        self._pool, self._fresh_pool = (self._make_pool(fresh=fresh) for fresh in (False, True))
        server.on_end(self._break_down)
        self._pool.fill()  # the other one once somebody asks

    @property
    def backend(self) -> str:
        """The name by which `open_sandbox` opens this kind of sandbox."""
        return self._build.backend

    @property
    def image(self) -> None:
        """None: programs see this machine's own /usr."""

    @property
    def keeper(self) -> int:
        """Pid of the process that starts this sandbox and ends it with its owner."""
        return self._server.keeper

    @property
    def uid(self) -> int:
        """Whose its programs are."""
        return self._server.uid

    def capabilities(self) -> Sequence[Capability]:
        """Each guarantee with the mechanism that keeps it on this machine."""
        return self._build.capabilities

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
        """Run one program to its end or to a limit; every process of it is dead when this returns.

        Args as `sandbox.contract.Sandbox.run` has them.

        Raises:
            SandboxBroken: the sandbox itself stopped working, or was closed.
            FileRefused: a path of `files` leaves the workspace, or there is no room for them.
            ValueError: files without fresh.
        """
        if files and not fresh:
            raise ValueError("Only a fresh run is given files; write() is for the workspace that lasts.")
        allowed = resolve(self._policy, limits)
        pool = self._fresh_pool if fresh else self._pool
        async with self._places:
            child = await pool.lend(allowed)
            execution = Execution(child, allowed, on_output=on_output, without=self._without)
            own: FreshWorkspace | None = None
            watch: DiskWatch | None = None
            try:
                if fresh:
                    own = FreshWorkspace(self._workspace_at(child.take_workspace()), files or {})
                    await own.lay()
                await execution.begin(self._job(program, allowed, child), stdin=stdin, extra=[])
                watch = self._watch(child, execution, fresh=fresh)
                result = await execution.result()
                if own is not None and child.ended.done():  # else nobody knows that all of it is dead
                    result = await own.with_artifacts(result)
            except BaseException:
                execution.close()
                await child.gone.wait()
                raise
            finally:
                execution.close()
                if watch is not None:
                    watch.close()
                pool.give_back(child)
                if own is not None:
                    await self._let_go(own)
            if result.status == "killed" and result.killed_by is None:
                await self._see_that_it_lives()
            return result

    async def start(
        self,
        entry: str,
        arguments: Mapping[str, object],
        *,
        limits: Limits | None = None,
        fresh: bool = False,
    ) -> Running:
        """Start `main(channel, arguments)` of `sandbox/inner/<entry>.py` in a child of its own.

        Args as `sandbox.contract.Sandbox.start` has them.

        Raises:
            SandboxBroken: the sandbox itself stopped working, or was closed.
            ValueError: there is no such entry.
        """
        if not entry.isidentifier():
            raise ValueError(f"{entry!r} isn't the name of an entry.")
        allowed = resolve(self._policy, limits)
        pool = self._fresh_pool if fresh else self._pool
        child = await pool.lend(allowed)
        own = self._workspace_at(child.take_workspace()) if fresh and self._build.on_disk else None
        execution = Execution(child, allowed, on_output=None, without=self._without)
        ours, inside = socket.socketpair()
        ours.setblocking(False)
        named = {"entry": entry, "arguments": dict(arguments)}
        job = {"kind": "entry", **named, **self._shared(allowed, {}, child)}
        try:
            await execution.begin(job, stdin=b"", extra=[inside.detach()])
        except BaseException:
            execution.close()
            ours.close()
            await child.gone.wait()
            pool.give_back(child)
            raise
        watch = self._watch(child, execution, fresh=fresh)

        def done(child: Child) -> None:
            pool.give_back(child)
            if watch is not None:
                watch.close()
            if own is not None:
                own.remove(".")
                own.close()

        return RunningEntry(execution, child, ours, done=done)

    async def prove(self) -> None:
        """See that a child can be had, which takes as long as making one.

        Raises:
            SandboxBroken: none can.
        """
        child = await self._pool.lend(resolve(self._policy, None))
        child.discard()
        self._pool.give_back(child)

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file of the workspace; folders on the way are made.

        Raises:
            FileRefused: the path leaves the workspace or goes over a link, or the disk limit is reached.
        """
        await asyncio.to_thread(self._write, path, content, executable)

    async def read(self, path: str, *, limit: int = 16 << 20) -> bytes:
        """Read one regular file of the workspace.

        Raises:
            FileRefused: it isn't there, isn't a regular file, goes over a link, or is too large.
        """
        return await asyncio.to_thread(self._workspace.read, path, limit=limit)

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace hold exactly these files, and give the SHA-256 (hex) of each.

        Raises:
            FileRefused: a path leaves the workspace, or the disk limit is reached.
        """
        return await asyncio.to_thread(self._lay, dict(files))

    async def manifest(self) -> dict[str, str]:
        """SHA-256 (hex) of each regular file of the workspace by its relative path."""
        return await asyncio.to_thread(self._workspace.manifest)

    async def remove(self, path: str) -> None:
        """Remove one file or folder of the workspace, "." is all of it; what isn't there is no error."""
        await asyncio.to_thread(self._workspace.remove, path)

    async def close(self) -> None:
        """End every process, and give back whatever the sandbox held. Idempotent."""
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
        return Pool(
            self._server.control,
            server=self._server.pid,
            usual=resolve(self._policy, None),
            groups=self._server.groups,
            without=self._without,
            fresh=fresh,
            preload=self._policy.preload,
            network=self._build.network,
            namespaces=self._build.namespaces,
            foreign=self._server.interpreter.venv is not None or bool(self._policy.preload),
        )

    def _break_down(self, reason: SandboxBroken) -> None:
        for pool in (self._pool, self._fresh_pool):
            pool.break_down(reason)

    def _job(self, program: Program, limits: RunLimits, child: Child) -> dict[str, object]:
        if isinstance(program, Command):
            shared = self._shared(limits, program.environment, child)
            return {"kind": "command", "argv": program.argv, **shared}
        named = {"source": program.source, "filename": program.filename, "arguments": program.arguments}
        return {"kind": "python", **named, **self._shared(limits, {}, child)}

    def _shared(self, limits: RunLimits, more: Mapping[str, str], child: Child) -> dict[str, object]:
        rlimits = limits.rlimits(counted=self._server.groups is not None)
        shared = {"environment": {**self._environment, **more}, "rlimits": rlimits, "stdin": False}
        pools = () if self._build.namespaces else (self._pool, self._fresh_pool)
        return {**shared, "siblings": sum(pool.siblings_of(child) for pool in pools)}

    def _write(self, path: str, content: bytes, executable: bool) -> None:
        if self._build.disk is not None and not self._build.disk.have_room(len(content)):
            raise FileRefused(f"{path!r}: {os.strerror(errno.ENOSPC)}.")
        self._workspace.write(path, content, executable=executable)

    def _lay(self, files: dict[str, bytes]) -> dict[str, str]:
        known = known_files(files)
        kept = self._workspace.keep({path: (file.sha256, file.executable) for path, file in known.items()})
        for path, file in known.items():
            if path not in kept:
                self._write(path, file.content, file.executable)
        return {path: file.sha256 for path, file in known.items()}

    def _workspace_at(self, root: int) -> Workspace:
        """The files below a descriptor."""
        capacity = None if self._build.disk is None else self._build.disk.disk_bytes
        return Workspace(root, self._server.uid, capacity=capacity, attached=self._policy.folders)

    async def _let_go(self, own: FreshWorkspace) -> None:
        try:
            if self._build.on_disk:
                await own.empty()
        finally:
            own.close()

    def _watch(self, child: Child, execution: Execution, *, fresh: bool) -> DiskWatch | None:
        bounds = self._build.fresh_disk if fresh else self._build.disk
        if bounds is None or child.reaper is None:
            return None
        return DiskWatch(bounds, child.reaper, lambda: execution.end("disk"))

    async def _see_that_it_lives(self) -> None:
        """A run that ended without a word was killed from outside, alone or with its server."""
        if self._closed:
            raise SandboxBroken("The sandbox was closed while a program ran in it.")
        if (reason := await self._server.end_within(_MOMENT_S)) is not None:
            raise reason
