"""The host's side of a sandbox's server: its start, watch and end."""

import asyncio
import json
import math
import os
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sandbox.errors import SandboxBroken
from sandbox.host.child import receive
from sandbox.inner.process.wire import LOAD, send_with_fds
from sandbox.interpreter.interpreter import Interpreter, add_kernel_packages, describe
from sandbox.policy import Policy
from sandbox.supervisor.cgroup_places import find_scope, place_in_scope
from sandbox.supervisor.cgroups import Groups, plan_groups
from sandbox.supervisor.keeper import Keeper
from sandbox.supervisor.outer_wall import (
    Builder,
    SandboxPlan,
    System,
    layered_places,
    moved_places,
    two_walls,
)

_BOOT_S = 30.0
_LEAVE_S = 5.0
_HELLO = 1 << 16
"""Maximum bytes of the first message."""
_LOADED = frozenset({"bridge.callee", "bridge.candidates", "checker.checker", "process.agent"})
"""Entries that the server can import once for all: their modules need the standard library alone."""
_LOADED_AT = 2
"""Starts of an entry after which the server imports its module; most sandboxes start each entry once."""
_SHARED_MEMORY_PART = 4
"""Share of the memory limit that /dev/shm may take."""


class Server:
    """A running server: its socket, its workspace and its keeper."""

    def __init__(
        self,
        interpreter: Interpreter,
        groups: Groups | None,
        policy: Policy,
        without: frozenset[str],
        landlock: int,
        system: System,
    ) -> None:
        """`landlock` is the highest ABI to use, and later the one in use."""
        self.interpreter, self.groups, self._policy = interpreter, groups, policy
        self._without, self.landlock, self.system = without, landlock, system
        self._loop = asyncio.get_running_loop()
        self.uid = -1
        self.folder = ""
        self.pid = -1
        self.workspace = -1
        self.ended: asyncio.Future[SandboxBroken] = self._loop.create_future()
        """Set to the error if the server ends before it is closed."""
        self.control, self._inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._keeper: Keeper | None = None
        self._lifeline = -1
        self._leaves = False
        self._starts, self._clones = Counter[str](), False
        self._moved: Mapping[str, str] = {}

    @property
    def keeper(self) -> int:
        """Pid of the keeper, -1 once closed."""
        return self._keeper.pid if self._keeper is not None else -1

    async def launch(self, build: Builder, before: Sequence[str], more: Mapping[str, str]) -> None:
        """Start the keeper, which starts everything else; `before` and `more` put it into a scope.

        Raises OSError if the keeper could not be started.
        """
        lifeline, self._lifeline = os.pipe2(os.O_CLOEXEC)
        plan = SandboxPlan(
            self.interpreter,
            self._policy,
            self._without,
            self.groups.folders if self.groups else [],
            control=self._inside.detach(),
            lifeline=lifeline,
            system=self.system,
        )
        self._clones, self._moved = build is two_walls, moved_places(plan)
        try:
            specification = build(plan)
        except BaseException:
            os.close(plan.control)
            os.close(lifeline)
            raise
        self.uid, self.folder = specification.uid, specification.folder
        environment = os.environ if "environment" in self._without else more
        self._keeper = Keeper(specification, prefix=before, environment=environment)
        await self._keeper.started()

    async def greet(self) -> None:
        """Send the server its settings, and receive the workspace.

        Raises:
            BackendMissing: the outer wall could not be built.
            SandboxBroken: the server inside fails verification.
        """
        policy = self._policy
        settings = {
            "disk_bytes": policy.disk_mb << 20,
            "shared_memory_bytes": (policy.memory_mb << 20) // _SHARED_MEMORY_PART,
            "files": policy.files,
            "open_files": policy.open_files,
            "memfd": self.groups is not None,
            "landlock": self.landlock,
            "hidden": [str(self.interpreter.show(path)) for path in self.interpreter.hidden],
            "preload": policy.preload,
            "kernel": sorted(self.interpreter.packages.names) if self.interpreter.packages else [],
            "system": self._system_places(),
            "moved": self._moved,
            "attached": list(policy.folders),
            "layered": layered_places(policy),
            "processors": self._processors(),
            "without": sorted(self._without),
        }
        with suppress(OSError):  # it has ended already, as the socket tells below
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

    def _system_places(self) -> list[str]:
        """Return the paths inside of an image's system folders, without its virtual environment."""
        folders = self.interpreter.folders
        return [place for folder, place in self.system.folders.items() if folder not in folders]

    def _processors(self) -> int | None:
        """Return the number of processors that a run restricts itself to; None if it doesn't."""
        if self._policy.cpus is None or self.counts_processors or "cpus" in self._without:
            return None
        return math.ceil(self._policy.cpus)

    @property
    def counts_processors(self) -> bool:
        """Whether a cgroup limits each run to the policy's processors."""
        return self.groups is not None and self.groups.place is not None and bool(self.groups.place.cpu)

    def count_start(self, entry: str) -> None:
        """Count the start of an entry; from the second one on, later children find its module imported."""
        self._starts[entry] += 1
        if self._clones and entry in _LOADED and self._starts[entry] == _LOADED_AT:
            with suppress(OSError):  # it has ended, or has much to do: each child imports the module itself
                self.control.send(LOAD + f"sandbox.inner.{entry}".encode())

    async def leave(self, reaper: int) -> None:
        """End a session that works in place, but none of the processes that its commands left."""
        own_end, inside = socket.socketpair()
        with own_end, suppress(OSError, TimeoutError):  # as the starter has ended, with everything
            with inside:
                send_with_fds(self.control, json.dumps({"leave": reaper}).encode(), [inside.fileno()])
            own_end.setblocking(False)
            async with asyncio.timeout(_LEAVE_S):
                await self._loop.sock_recv(own_end, 1)
            self._leaves = True

    async def close(self) -> None:
        """End the server and everything in it, and wait for the end. Idempotent."""
        if self._lifeline >= 0:
            self._loop.remove_reader(self.control)
            self.control.close()
            os.close(self._lifeline)
            self._lifeline = -1
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.wait()
            if self.groups is not None and not self._leaves:
                # The keeper removes them, unless it was killed.
                await asyncio.shield(asyncio.to_thread(self.groups.remove))

    async def _hello(self) -> tuple[bytes, int, list[int]]:
        arrived = asyncio.Event()
        self._loop.add_reader(self.control, arrived.set)
        try:
            await arrived.wait()
        finally:
            self._loop.remove_reader(self.control)
        return receive(self.control, _HELLO)

    def _notice_end(self) -> None:
        """Handle the end of the server, which sends nothing after its hello."""
        self._loop.remove_reader(self.control)
        self.ended.set_result(SandboxBroken(f"The sandbox's server ended unexpectedly. {self.said()}"))

    def said(self) -> str:
        """Return the last stderr output of the keeper and its children."""
        return self._keeper.read_stderr() if self._keeper is not None else ""


async def start_server(
    policy: Policy, build: Builder, *, without: frozenset[str], landlock: int, root: Path | None = None
) -> Server:
    """Start a server inside an outer wall, or a starter that does the same.

    Args:
        root: folder of the unpacked image whose system programs see; None for this machine's system.

    Raises:
        BackendMissing: the backend can't be used here; the message gives advice.
        SandboxBroken: the server could not be started for another reason.
        ValueError: the policy names an interpreter that can't be used.
    """
    try:
        server = _plan_server(policy, without=without, landlock=landlock, root=root)
    except OSError as error:
        raise SandboxBroken(f"The sandbox could not be planned: {error}") from error
    planned = server.groups
    try:
        before, more = await _scope_for(planned) if build is two_walls else ([], {})
        await server.launch(build, before, more)
        if before and planned is not None:
            planned.add_places(await place_in_scope(server.keeper))
        if planned is not None and not planned.make():
            server.groups = None
        await server.greet()
    except OSError as error:
        await server.close()
        raise SandboxBroken(f"The sandbox could not be started: {error}") from error
    except BaseException:
        await server.close()
        raise
    return server


def _plan_server(policy: Policy, *, without: frozenset[str], landlock: int, root: Path | None) -> Server:
    system = System()
    if root is None:
        interpreter = describe(policy.python)
    else:
        from sandbox.supervisor.image_system import image_interpreter, image_system  # few have an image

        system = image_system(root)
        interpreter = image_interpreter(root)
    if policy.kernel:
        interpreter = add_kernel_packages(interpreter)
    planned = None if "cgroup" in without else plan_groups(None if "cpus" in without else policy.cpus)
    return Server(interpreter, planned, policy, without, landlock, system)


async def _scope_for(planned: Groups | None) -> tuple[list[str], dict[str, str]]:
    """Return prefix and environment of a systemd scope if cgroups are wanted and can't be created here."""
    if planned is None or planned.is_likely or os.geteuid() == 0:
        return [], {}
    return await find_scope()
