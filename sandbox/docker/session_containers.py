"""Sessions on Docker: a container for each, whose pid 1 is the agent.

The engine can't pass descriptors to a process, so a socket of this machine is bound into the container.
It passes pid 1 the descriptors of any sandbox child; then a session is the same as with bubblewrap.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from sandbox.docker import container_files as filing
from sandbox.docker.boot import run_settings
from sandbox.docker.container import Container, open_container, rlimits_of
from sandbox.docker.engine import Chores, Engine, EngineRefused, to_the_end
from sandbox.docker.lasting_container import LastingContainer
from sandbox.docker.socket_folders import listening
from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.files.workspace import Workspace
from sandbox.host.child import Child
from sandbox.host.child_maker import FOR_EVER_S, namespaces_of, verify
from sandbox.host.limits import RunLimits, resolve
from sandbox.host.session import LiveSession
from sandbox.host.session_opening import SessionPlace, open_session
from sandbox.inner.process.wire import send_with_fds
from sandbox.supervisor.cgroup_places import find_places
from sandbox.supervisor.cgroups import Group

_PEER = struct.Struct("iII")
_START_S = 30.0
_BAD_REQUEST = 400
"""An engine's error where the path doesn't exist on its machine."""


class SessionContainers:
    """Makes them, lends the agent of each, and removes them."""

    def __init__(self, engine: Engine, first: Container, chores: Chores) -> None:
        """`first` makes each like its sandbox's first container."""
        self._engine, self._recipe, self._chores = engine, first.recipe, chores
        policy = first.recipe.policy
        self._place = SessionPlace(
            pool=self,
            limits=resolve(policy, None),
            environment=first.facts.environment | policy.environment,
            workspace_at=lambda root: Workspace(root, os.fstat(root).st_uid, attached=policy.folders),
            bounds=None,
            sampled=False,
            lasting=None,
        )
        self._lent: dict[Child, Container] = {}
        self._left: Workspace | None = None
        """The persistent workspace as the last session left it, until it is brought back."""
        self._closed = False

    @contextlib.asynccontextmanager
    async def open(
        self,
        environment: Mapping[str, str],
        files: Mapping[str, bytes],
        lasting: Callable[[], Awaitable[Mapping[str, bytes]]] | None,
    ) -> AsyncIterator[LiveSession]:
        """Open a session, on a copy of the persistent workspace if `lasting` gives its files."""
        if not self._engine.is_here:
            raise elsewhere()
        roots: list[int] = []

        def workspace_at(root: int) -> Workspace:
            roots.append(root)
            return self._place.workspace_at(root)

        place = replace(self._place, workspace_at=workspace_at)
        async with open_session(place, environment, await lasting() if lasting else files) as session:
            try:
                yield session
            finally:
                if lasting is not None and not self._closed:
                    self._leave(self._place.workspace_at(os.dup(roots[0])))

    async def bring_back(self, lasting: LastingContainer) -> None:
        """Copy the last session's files into the persistent workspace."""
        left, self._left = self._left, None
        if left is None:
            return
        try:
            hashes = await asyncio.to_thread(left.manifest)
            files = {path: await asyncio.to_thread(left.read, path, limit=left.capacity()) for path in hashes}
        finally:
            left.close()
        async with lasting.serving() as prepared:
            await filing.lay_exactly(prepared, files)

    async def lend_session(self, limits: RunLimits) -> Child:
        """The agent of a new container."""
        with listening() as (listener, path):
            container = await self._open(path)
            try:
                child = await self._begin(listener, container, limits)
            except BaseException:
                await to_the_end(container.remove())
                raise
        self._lent[child] = container
        return child

    def give_back(self, child: Child) -> None:
        """Record the end of its session."""
        if child in self._lent:
            self._chores.start(self._lent.pop(child).remove())

    def close(self) -> None:
        """End every session, and refuse new ones."""
        self._closed = True
        for child in list(self._lent):
            child.kill(outright=True)
            self.give_back(child)
        self._leave(None)

    def _leave(self, left: Workspace | None) -> None:
        """Replace what an earlier session left."""
        if self._left is not None:
            self._left.close()
        self._left = left

    async def _open(self, place: str) -> Container:
        if self._closed:
            raise SandboxBroken("The sandbox is closed.")
        user = os.geteuid(), os.getegid()  # may read and write the files of programs
        owner = user if user[0] else self._recipe.owner
        try:
            return await open_container(self._engine, replace(self._recipe, host=place, owner=owner))
        except EngineRefused as error:
            if error.status == _BAD_REQUEST:
                raise elsewhere() from error
            raise

    async def _begin(self, listener: socket.socket, container: Container, limits: RunLimits) -> Child:
        """Pass pid 1 its descriptors to become the agent, and verify it."""
        try:
            connection, _ = listener.accept()
        except BlockingIOError:  # it would have connected before it reported ready
            raise elsewhere() from None
        recipe = container.recipe
        settings = {
            **run_settings(recipe, rlimits_of(limits), tidy=False),
            "rlimits": {**limits.rlimits(counted=True), "cpu_s": FOR_EVER_S},
            "without": sorted(recipe.without | {"processes"}),  # the container's cgroup counts them
            "namespaces": False,
            "fresh": True,
        }
        ready: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        child = Child(
            group=None,
            groups=None,
            admit=self._admit,
            on_ready=lambda child: None if ready.done() else ready.set_result(child),
            on_gone=lambda child: None,
        )
        try:
            with connection:
                said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
                pid, uid, _ = _PEER.unpack(said)
                if pid == 0 or os.geteuid() not in (0, uid):  # it can't be inspected or ended
                    raise elsewhere()
                inside = [child.status_inside.fileno(), child.work_inside.fileno()]
                send_with_fds(connection, json.dumps(settings).encode(), inside)
            child.sent()
            container.control.close()
            async with asyncio.timeout(_START_S):
                await ready
            if child.failure is not None:
                raise child.failure
        except BaseException as error:
            child.discard()
            if isinstance(error, TimeoutError):
                raise SandboxBroken(f"A session was not ready in {_START_S:.0f} s.") from error
            raise
        return child

    def _admit(self, child: Child) -> None:
        """Verify an agent from outside, and find its memory cgroup."""
        without = self._recipe.without | {"user"}
        without |= {"net"} if "network" in without else set()
        assert child.program is not None
        verify(child.program, apart_from=[namespaces_of("self", without=without)], without=without)
        places = find_places(cpu=False, own_groups=Path(f"/proc/{child.program}/cgroup"))
        child.group = Group(places[0]) if places else None


def elsewhere() -> BackendMissing:
    """The error for an engine to whose processes no descriptors can be passed, or that can't be inspected."""
    return BackendMissing(
        "The sandbox backend 'docker' has sessions only with an engine of this machine that isn't rootless: "
        "this one can't be handed a socket. Open the sandbox with bubblewrap."
    )
