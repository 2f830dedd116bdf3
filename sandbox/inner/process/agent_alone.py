"""The agent of a session without namespaces.

The kernel counts other processes of its uid too, and only socket pairs are allowed. Standard library only,
Python 3.8 or later.
"""

from __future__ import annotations

import os
import resource
import socket
from typing import Any

from sandbox.inner.process import wire
from sandbox.inner.process.agent import CommandAgent
from sandbox.inner.process.descendants import below, processes_of, threads_of
from sandbox.inner.walls.inner_walls import lower


class AgentAlone(CommandAgent):
    """An agent without namespaces: the kernel counts other processes too, and only allows socket pairs.

    Commands inherit one end of a pair, through which they send the host an end of their own connections.
    """

    _calls: socket.socket | None = None

    def processes(self) -> list[int]:
        """Return all processes of the session except this one."""
        return below(os.getpid())

    def make_listener(self, path: str) -> socket.socket:
        """Return a socket to which commands send connections."""
        own_end, self._calls = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.job["environment"][wire.CALLS] = str(self._calls.fileno())
        return own_end

    def popen_options(self, cpu_s: int | None) -> dict[str, Any]:
        """Return further arguments of Popen: the command limits itself."""
        others = processes_of(os.getuid()) - sum(map(threads_of, self.processes()))
        processes = self.job["processes"] + others

        def limit() -> None:
            if "processes" not in self.walls.without:
                lower(resource.RLIMIT_NPROC, processes)
            if cpu_s is not None and "cpu" not in self.walls.without:
                lower(resource.RLIMIT_CPU, cpu_s, grace=1)

        return {
            "preexec_fn": limit,  # no process sets the limits of another one here
            "pass_fds": [self._calls.fileno()] if self._calls is not None else [],
        }

    def limit(self, pid: int, cpu_s: int | None) -> None:
        """Do nothing: the command has limited itself."""
