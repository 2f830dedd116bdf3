"""The host's side of one sandbox's server: how it is started, watched and ended."""

import asyncio
import json
import math
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from sandbox.contract import Capability
from sandbox.errors import SandboxBroken
from sandbox.host.capabilities import capabilities_of
from sandbox.host.credentials import receive
from sandbox.interpreter.interpreter import Interpreter, describe
from sandbox.policy import Policy
from sandbox.supervisor.cgroups import Groups, plan_groups
from sandbox.supervisor.keeper import Keeper
from sandbox.supervisor.outer_wall import CERTIFICATES, Builder, Specify, layered_places, two_walls

_BOOT_S = 30.0
_HELLO = 1 << 16
"""Bytes of the first message, at most."""
_SHARED_MEMORY_PART = 4
"""/dev/shm gets this part of the memory limit."""


class Server:
    """A running server: its sockets, its workspace, and who ends it."""

    def __init__(self, interpreter: Interpreter, groups: Groups | None, without: frozenset[str]) -> None:
        self.interpreter, self.groups, self.without = interpreter, groups, without
        self._loop = asyncio.get_running_loop()
        self.uid = -1
        self.folder = ""
        self.pid = -1
        self.workspace = -1
        self.landlock = 0
        self.ended: SandboxBroken | None = None
        """Why the server isn't there any more, once it isn't."""
        self.control, self._inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._keeper: Keeper | None = None
        self._lifeline = -1
        self._has_ended = asyncio.Event()
        self._watching: Callable[[SandboxBroken], None] | None = None

    @property
    def keeper(self) -> int:
        """Pid of the keeper, -1 where there is none any more."""
        return self._keeper.pid if self._keeper is not None else -1

    def launch(
        self, specify: Specify, before: Sequence[str] = (), more: Mapping[str, str] | None = None
    ) -> None:
        """Start the keeper, which starts everything else.

        Args:
            specify: how.
            before: what comes before its command: what puts it into a scope.
            more: what that finds in its environment.
        """
        lifeline, self._lifeline = os.pipe2(os.O_CLOEXEC)
        given = specify(self._inside.detach(), lifeline)
        self.uid, self.folder = given.uid, given.folder
        found = os.environ if "environment" in self.without else more or {}
        self._keeper = Keeper(given, before=before, environment=found)

    async def greet(self, policy: Policy) -> None:
        """Tell the server what it is to keep, and get the workspace.

        Raises:
            BackendMissing: the outer wall could not be built.
            SandboxBroken: the server inside is not what it should be.
        """
        settings = {
            "disk_bytes": policy.disk_mb << 20,
            "shared_memory_bytes": (policy.memory_mb << 20) // _SHARED_MEMORY_PART,
            "files": policy.files,
            "open_files": policy.open_files,
            "memfd": self.groups is not None,
            "landlock": self.landlock,
            "hidden": [str(self.interpreter.show(path)) for path in self.interpreter.hidden],
            "kernel": sorted(self.interpreter.packages.names) if self.interpreter.packages else [],
            "preload": policy.preload,
            "attached": list(policy.folders),
            "layered": layered_places(policy),
            "processors": self._processors(policy),
            "without": sorted(self.without),
        }
        with suppress(OSError):  # it has ended already: the end of the socket says so below
            self.control.send(json.dumps(settings).encode())
        try:
            async with asyncio.timeout(_BOOT_S):
                hello, pid, descriptors = await self._hello()
        except TimeoutError as error:
            raise SandboxBroken(f"The sandbox did not start within {_BOOT_S:.0f} s. {self.said()}") from error
        if not descriptors:
            from sandbox.host.refusal import explain

            raise explain(self.said())
        self.workspace, self.pid = descriptors[0], pid
        self.landlock = json.loads(hello)["landlock"]
        self.control.setblocking(False)
        self._loop.add_reader(self.control, self._notice_end)

    def _processors(self, policy: Policy) -> int | None:
        """To how many processors a run keeps by itself, where no group holds it to them."""
        if policy.cpus is None or self.counts_processors or "cpus" in self.without:
            return None
        return math.ceil(policy.cpus)

    @property
    def counts_processors(self) -> bool:
        """Whether a group holds each run to the policy's processors."""
        return self.groups is not None and self.groups.place is not None and bool(self.groups.place.cpu)

    def on_end(self, call: Callable[[SandboxBroken], None]) -> None:
        """Have `call` called once, when the server ends before it is closed."""
        self._watching = call

    async def end_within(self, seconds: float) -> SandboxBroken | None:
        """Why the server has ended, if it has or does so within a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_ended.wait()
        return self.ended

    def capabilities(self) -> Sequence[Capability]:
        """Each guarantee with the mechanism that keeps it on this machine."""
        version = self.groups.version if self.groups else None
        return capabilities_of(cgroup_version=version, landlock=self.landlock, own_uid=os.geteuid() == 0)

    async def close(self) -> None:
        """End the server and everything in it, and wait until it is gone. Idempotent."""
        if self._lifeline >= 0:
            self._loop.remove_reader(self.control)
            self.control.close()
            os.close(self._lifeline)
            self._lifeline = -1
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.gone()
            if self.groups is not None:
                # The keeper has, unless it was killed.
                await asyncio.shield(asyncio.to_thread(self.groups.remove))

    async def _hello(self) -> tuple[bytes, int, list[int]]:
        arrived: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self.control, _set, arrived)
        try:
            await arrived
        finally:
            self._loop.remove_reader(self.control)
        return receive(self.control, _HELLO)

    def _notice_end(self) -> None:
        """The server says nothing after its hello, so what is to be read is its end."""
        self._loop.remove_reader(self.control)
        self.ended = SandboxBroken(f"The sandbox's server ended unexpectedly. {self.said()}")
        self._has_ended.set()
        if self._watching is not None:
            self._watching(self.ended)

    def said(self) -> str:
        """The last that the keeper, and what it started, had to say on standard error."""
        return self._keeper.said() if self._keeper is not None else ""


async def start_server(policy: Policy, build: Builder, *, without: frozenset[str], landlock: int) -> Server:
    """A server inside an outer wall, or a starter that does the same, ready to be asked for children.

    Raises:
        BackendMissing: it can't be used here; the message says what helps.
        SandboxBroken: it could not be started for another reason.
        ValueError: the policy names an interpreter that can't be used.
    """
    interpreter = describe(policy.python)
    if policy.kernel:
        from sandbox.interpreter.packages import with_kernel

        interpreter = with_kernel(interpreter)
    planned = None if "cgroup" in without else plan_groups(None if "cpus" in without else policy.cpus)
    server = Server(interpreter, planned, without)
    server.landlock = landlock
    shown = (CERTIFICATES,) if policy.has_proxy else ()
    try:
        before, more = await _scope_for(planned) if build is two_walls else ([], {})
        server.launch(_specified(build, server, policy, shown=shown), before, more)
        if before and planned is not None:
            from sandbox.supervisor.scope import place_in_scope

            planned.also_at(await place_in_scope(server.keeper))
        if planned is not None and not planned.make():
            server.groups = None
        await server.greet(policy)
    except OSError as error:
        await server.close()
        raise SandboxBroken(f"The sandbox could not be started: {error}") from error
    except BaseException:
        await server.close()
        raise
    return server


def _specified(build: Builder, server: Server, policy: Policy, *, shown: tuple[str, ...]) -> Specify:
    return build(
        server.interpreter,
        server.groups,
        without=server.without,
        shown=shown,
        policy=policy,
    )


async def _scope_for(planned: Groups | None) -> tuple[list[str], dict[str, str]]:
    """Where groups are wanted and this process may make none by itself: a scope of the user's systemd."""
    if planned is None or planned.is_likely or os.geteuid() == 0:
        return [], {}
    from sandbox.supervisor.scope import find_scope

    return await find_scope()


def _set(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():
        arrived.set_result(None)
