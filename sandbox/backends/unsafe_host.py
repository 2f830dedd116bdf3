"""The `unsafe-host` backend, by name only: a plain process of this machine, for programs that you have read.

Its environment is clean, its folder temporary, time and output are bounded, and descendants are ended.
Nothing confines its access to files, processes or the network.
"""

import os
import sys
import warnings
from contextlib import AbstractAsyncContextManager

from sandbox.backends.single_run import NAMESPACES, Holding, open_alone
from sandbox.errors import BackendMissing
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import Server
from sandbox.policy import Policy
from sandbox.supervisor.slots import Slot

WARNING = "unsafe-host is no sandbox: programs can do to this machine whatever you can"
_KEPT = {
    "cpu time": "RLIMIT_CPU per process",
    "wall time": "the host has the run's reaper end it",
    "output": "the host reads a bounded part and ends a flood",
    "environment": "empty environment at the start of each run",
}
_UNKEPT = (
    *("memory", "processes", "disk", "files", "network", "host files", "other processes", "other runs"),
    *("nothing left", "privileges", "system calls"),
)


class UnsafeHostWarning(UserWarning):
    """Programs run outside of any sandbox."""


def open_unsafe_host(
    policy: Policy, *, without: frozenset[str] = frozenset()
) -> AbstractAsyncContextManager[ServedSandbox]:
    """Open what is no sandbox, for as long as the block lasts. Warns each time.

    Raises:
        BackendMissing: not Linux.
        PolicyUnmet: the policy is strict, or names hosts.
        SandboxBroken: it could not be started.
    """
    if sys.platform != "linux":
        raise BackendMissing("The backend unsafe-host needs Linux.")
    warnings.warn(WARNING, UnsafeHostWarning, stacklevel=2)
    lacking = NAMESPACES | {"landlock", "seccomp", "capabilities", "no_new_privs"}
    holding = Holding("unsafe-host", lambda: Slot(os.geteuid(), ()), lambda _: (), _capabilities, lacking)
    return open_alone(policy, holding, without=without, landlock=0)


def _capabilities(_: Server) -> tuple[dict[str, str | None], frozenset[str]]:
    return {**_KEPT, **dict.fromkeys(_UNKEPT)}, frozenset()
