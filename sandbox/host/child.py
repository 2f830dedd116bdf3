"""One isolated child of the server, seen from the host: verified, given one job, watched until it is dead.

It uses the event loop's readers and no task: nothing keeps running when a caller is cancelled.
"""

import array
import asyncio
import errno
import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.errors import SandboxBroken, SandboxError
from sandbox.host.limits import Ending
from sandbox.inner.process.wire import ENDING, FAILED, GO, HEADER, send_with_fds
from sandbox.supervisor.cgroups import Group, Groups

if TYPE_CHECKING:
    from sandbox.network.proxy import Network, NetworkProxy

_CREDENTIALS = struct.Struct("iII")
_MOST = 2
"""Maximum descriptors in one message."""
DESCRIPTOR_ADVICE = (
    "Raise the hard limit of open files (ulimit -Hn): a program has sent itself too many descriptors."
)
"""Advice if descriptors can't be sent."""
_AGAIN_S = 0.1
_STOPPED_S = 5.0
"""Seconds that a reaper may take to end its run."""


def introduced_pair(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
    """Return a socket pair: our end, which receives credentials, and the end for inside the sandbox."""
    own_end, inside = socket.socketpair(socket.AF_UNIX, kind)
    own_end.setblocking(False)
    own_end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return own_end, inside


def pair_for(what: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[socket.socket, socket.socket]:
    """Return a socket pair. Raises SandboxBroken, whose message begins with `what`."""
    try:
        return socket.socketpair(socket.AF_UNIX, kind)
    except OSError as error:
        raise SandboxBroken(f"{what} could not be given a socket: {error}") from error


def receive(connection: socket.socket, size: int = 1024) -> tuple[bytes, int, list[int]]:
    """Receive a message, the sender's pid on the host, and descriptors; return (b"", 0, []) at the end."""
    pid, descriptors = 0, array.array("i")
    room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_MOST * descriptors.itemsize)
    try:
        message, ancillary, _, _ = connection.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", 0, []
    for _, kind, content in ancillary:
        if kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0]
        elif kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content)
    return message, pid, list(descriptors)


def may_send_none() -> bool:
    """Whether this user has too many descriptors in flight to send another."""
    one, other = socket.socketpair()
    with one, other:
        try:
            send_with_fds(one, b".", [one.fileno()])
        except OSError as error:
            return error.errno == errno.ETOOMANYREFS
    return False


class Child:
    """A reaper and a program-to-be. Calls `admit` once both pids are known; it raises to refuse the child."""

    def __init__(
        self,
        *,
        group: Group | None,
        groups: Groups | None,
        admit: Callable[["Child"], None],
        on_ready: Callable[["Child"], None],
        on_gone: Callable[["Child"], None],
        network: "Network | None" = None,
        namespaces: bool = True,
    ) -> None:
        """`network`: hosts to reach. Without `namespaces` of its own a reaper is asked to end the run.

        Raises OSError.
        """
        self._loop = asyncio.get_running_loop()
        self._admit, self._on_ready, self._on_gone = admit, on_ready, on_gone
        self._status, self.status_inside = introduced_pair(socket.SOCK_SEQPACKET)
        try:
            self._work, self.work_inside = introduced_pair(socket.SOCK_STREAM)
        except OSError:
            self._status.close()
            self.status_inside.close()
            raise
        self._pidfd: int | None = None
        self._kills = 0
        self._announced = False
        self._workspace = -1
        self._network, self._groups, self._namespaces = network, groups, namespaces
        self._proxy: NetworkProxy | None = None
        self.reaper: int | None = None
        self.program: int | None = None
        self.group = group
        self.failure: SandboxError | None = None
        """Why this child can't be lent."""
        self.ended: asyncio.Future[Ending | None] = self._loop.create_future()
        """Set when every process of the run is dead; None if nothing reported how the program ended."""
        self.gone = asyncio.Event()
        """Set when the reaper is dead too and the cgroup is given back."""
        self._loop.add_reader(self._status.fileno(), self._read_status)
        self._loop.add_reader(self._work.fileno(), self._read_work)

    def sent(self) -> None:
        """Close our copies of the sockets sent to the server."""
        self.status_inside.close()
        self.work_inside.close()

    async def assign(self, job: Mapping[str, object], descriptors: Sequence[int]) -> None:
        """Send the child its only job. Raises SandboxBroken if this process may not send descriptors."""
        content = json.dumps(job).encode()
        try:
            send_with_fds(self._work, HEADER.pack(len(content)), list(descriptors))
            await self._loop.sock_sendall(self._work, content)
        except ConnectionError:
            return  # died before it read its job: `ended` tells
        except OSError as error:
            raise SandboxBroken(f"A run could not be given its job: {error}. {DESCRIPTOR_ADVICE}") from error
        finally:
            self._close_work()

    def take_workspace(self) -> int:
        """Return the descriptor of a fresh child's workspace; the caller closes it. Raises SandboxBroken."""
        descriptor, self._workspace = self._workspace, -1
        if descriptor < 0:
            raise SandboxBroken("A child of the sandbox ended before its run.")
        return descriptor

    def kill(self, *, outright: bool) -> None:
        """End the run through its reaper, which still reports, or kill it outright."""
        if self._pidfd is not None:
            by = signal.SIGKILL if outright and self._namespaces else signal.SIGTERM
            with suppress(ProcessLookupError):  # dead already
                signal.pidfd_send_signal(self._pidfd, by)
                if not self._namespaces:  # programs of its uid may have stopped the reaper
                    signal.pidfd_send_signal(self._pidfd, signal.SIGCONT)
                    self._loop.call_later(_STOPPED_S, self._kill_reaper)

    def _kill_reaper(self) -> None:
        """Kill a reaper that doesn't end; the starter then ends the processes that it leaves."""
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def memory_kills(self) -> int:
        """Return the number of the run's processes that the kernel killed for lack of memory."""
        return self._kills if self.group is None else self.group.count_kills()

    def discard(self) -> None:
        """Release a child without a job: it exits by itself, or is killed."""
        self.kill(outright=True)
        self._close_work()
        if self._pidfd is None:
            self._leave()

    def _read_status(self) -> None:
        message, pid, _ = receive(self._status)
        if message.startswith(FAILED):
            self.failure = SandboxBroken(
                f"A child of the sandbox could not be isolated: {message[1:].decode()}"
            )
            self._leave()
        elif not message:
            self._loop.remove_reader(self._status.fileno())
            if self._pidfd is None:
                self._leave()
        elif self.reaper is None:
            self.reaper = pid
            self._look()
        elif not self.ended.done():
            self.ended.set_result(Ending.of(message))

    def _read_work(self) -> None:
        self._loop.remove_reader(self._work.fileno())
        message, pid, handed = receive(self._work)
        if message:
            self.program = pid
            if self._network is not None and handed:
                self._proxy = self._network.open(handed.pop())
            self._workspace = handed[0] if handed else -1
            self._look()

    def _look(self) -> None:
        """Once both processes have reported, verify them from outside and let the child continue."""
        if self.reaper is None or self.program is None:
            return
        try:
            self._pidfd = os.pidfd_open(self.reaper)
            self._loop.add_reader(self._pidfd, self._leave)
            self._admit(self)
            self._work.send(GO)
        except (OSError, SandboxBroken) as error:
            self.failure = SandboxBroken(f"A child of the sandbox was refused: {error}")
            self.failure.__cause__ = error
            self.discard()
        self._announce()

    def _announce(self) -> None:
        """Report once whether this child can be lent."""
        if not self._announced:
            self._announced = True
            if self.gone.is_set() and self.failure is None:
                reason = "A child of the sandbox ended while it was being isolated."
                self.failure = SandboxBroken(f"{reason} {DESCRIPTOR_ADVICE}" if may_send_none() else reason)
            self._on_ready(self)

    def _leave(self) -> None:
        """Clean up: the reaper is dead, and the whole namespace with it."""
        if self.gone.is_set():
            return
        self._loop.remove_reader(self._status.fileno())
        if self._pidfd is not None:
            self._read_last_words()
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self._close_work()
        self._status.close()
        if self._workspace >= 0:
            os.close(self.take_workspace())
        if self._proxy is not None:
            self._proxy.close()
        self._give_group_back()
        if not self.ended.done():
            self.ended.set_result(None)
        self.gone.set()
        self._on_gone(self)
        self._announce()

    def _close_work(self) -> None:
        if self._work.fileno() >= 0:
            self._loop.remove_reader(self._work)  # first: the next socket may get the same number
            self._work.close()

    def _give_group_back(self) -> None:
        if self.group is not None and self._groups is not None:
            group, self._kills, self.group = self.group, self.group.count_kills(), None
            try:
                self._groups.give_back(group)
            except OSError:  # still busy; the keeper removes it later
                self._loop.call_later(_AGAIN_S, _remove_later, group)

    def _read_last_words(self) -> None:
        with suppress(BlockingIOError):
            while not self.ended.done():
                message, _, _ = receive(self._status)
                if len(message) != ENDING.size:
                    return
                self.ended.set_result(Ending.of(message))


def _remove_later(group: Group) -> None:
    with suppress(OSError):  # the keeper removes it with the sandbox's folder
        group.remove()
