"""Request children, and verify them from outside: what they report proves nothing."""

import asyncio
import errno
import json
import os
import socket
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from sandbox.errors import SandboxBroken
from sandbox.host.child import DESCRIPTOR_ADVICE, Child
from sandbox.host.limits import RunLimits
from sandbox.inner.process.wire import SPARE_PROCESSES, send_with_fds
from sandbox.supervisor.cgroups import Group, Groups, read_kernel_file

if TYPE_CHECKING:
    from sandbox.network.proxy import Network

_EXTRA_PROCESSES = 2
"""Processes allowed beyond a run's limit: the reaper, and one for overlap."""
FOR_EVER_S = 1 << 30
"""Seconds of processor time for an agent: in effect no limit."""
NAMESPACES = ("user", "pid", "mnt", "ipc", "net", "uts")
_WANTED = {
    "CapEff": ("capabilities", "0000000000000000"),
    "NoNewPrivs": ("no_new_privs", "1"),
    "Seccomp": ("seccomp", "2"),
}


class ChildMaker:
    """Requests children from a sandbox's server, and verifies them."""

    def __init__(
        self,
        control: socket.socket,
        *,
        server: int,
        groups: Groups | None,
        without: frozenset[str],
        fresh: bool = False,
        network: "Network | None" = None,
        namespaces: bool = True,
    ) -> None:
        """`fresh` children get their own workspace (`take_workspace`)."""
        self.groups, self.without = groups, without
        self._fresh, self._network, self._namespaces = fresh, network, namespaces
        self._control = control
        self._apart_from = (namespaces_of("self"), namespaces_of(server))

    def make(
        self,
        limits: RunLimits,
        *,
        session: bool,
        on_ready: Callable[[Child], None],
        on_gone: Callable[[Child], None],
    ) -> Child:
        """Make a child; `on_ready` tells once whether it can be lent. In a `session` pid 1 is the agent.

        Raises SandboxBroken if this process has too few descriptors, or the kernel makes no control group.
        """
        spare, rlimits = _EXTRA_PROCESSES, limits.rlimits(counted=self.groups is not None)
        if session:
            spare = SPARE_PROCESSES
            rlimits |= {"cpu_s": FOR_EVER_S, "processes": limits.processes + spare}
        group = self._make_group(limits, spare, together=not session)
        joins: list[int] = []
        try:
            joins = group.open() if group is not None else []
            child = Child(
                group=group,
                groups=self.groups,
                admit=self._admit,
                on_ready=on_ready,
                on_gone=on_gone,
                network=self._network,
                namespaces=self._namespaces,
            )
        except OSError as error:
            for descriptor in joins:
                os.close(descriptor)
            if group is not None and self.groups is not None:
                self.groups.give_back(group)
            raise SandboxBroken(f"A run could not be asked for: {error}") from error
        door = self._network is not None
        request = {"fresh": self._fresh, "door": door, "rlimits": rlimits, "session": session}
        descriptors = [child.status_inside.fileno(), child.work_inside.fileno(), *joins]
        try:
            send_with_fds(self._control, json.dumps(request).encode(), descriptors)
        except OSError as error:  # a dead server's socket tells
            if error.errno == errno.ETOOMANYREFS:
                child.failure = SandboxBroken(f"A run could not be asked for: {error}. {DESCRIPTOR_ADVICE}")
                asyncio.get_running_loop().call_soon(child.discard)
        child.sent()
        for descriptor in joins:
            os.close(descriptor)
        return child

    def _make_group(self, limits: RunLimits, spare: int, *, together: bool) -> Group | None:
        if self.groups is None:
            return None
        try:
            return self.groups.take(
                memory_bytes=limits.memory_mb << 20,
                processes=limits.processes + spare,  # our own processes too
                together=together,
                limited="memory" not in self.without,
            )
        except OSError as error:
            raise SandboxBroken(f"A run of the sandbox could not get a control group: {error}") from error

    def _admit(self, child: Child) -> None:
        """Verify the walls of a new child, and that its memory is counted. Raises SandboxBroken."""
        assert child.reaper is not None
        assert child.program is not None
        verify(child.program, apart_from=self._apart_from, without=self.without)
        if child.group is not None and not child.group.contains_only(child.reaper, child.program):
            raise SandboxBroken("A child of the sandbox isn't in its control group: not lent.")


def namespaces_of(pid: int | str, *, without: Collection[str] = ()) -> dict[str, str]:
    """Return the id of each namespace of a process by kind. Root needs CAP_SYS_PTRACE for another user's."""
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in NAMESPACES if kind not in without}


def verify(pid: int, *, apart_from: Collection[dict[str, str]], without: frozenset[str]) -> None:
    """Raise SandboxBroken if a process has privileges, or shares a namespace with host or server."""
    status = read_kernel_file(f"/proc/{pid}/status")
    for field, (mechanism, expected) in _WANTED.items():
        actual = status.partition(f"\n{field}:\t")[2].partition("\n")[0]
        if mechanism not in without and actual != expected:
            raise SandboxBroken(f"A child of the sandbox has {field} {actual}, not {expected}: not lent.")
    mine = namespaces_of(pid, without=without)
    for other in apart_from:
        shared = [kind for kind in mine if mine[kind] == other[kind]]
        if shared:
            raise SandboxBroken(f"A child of the sandbox shares namespaces ({', '.join(shared)}): not lent.")
