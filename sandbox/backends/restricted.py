"""The `restricted` backend, by name only: for containers that have neither namespaces nor Docker.

A program is a process of this machine, confined by Landlock, a seccomp filter without sockets, limits, and a
uid of its own where we are root. `capabilities()` names what nothing keeps.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from sandbox.backends.single_run import Holding, open_alone, own_code
from sandbox.errors import BackendMissing
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import Server
from sandbox.inner.walls.landlock import DEVICE, LIST, READ, READ_EXECUTE, abi
from sandbox.interpreter.interpreter import Interpreter, describe
from sandbox.policy import Policy
from sandbox.supervisor.slots import take_slot

OLDEST = 3
"""The first ABI of Landlock that stops a program from emptying the files of its own user."""
_SCOPES = 6
"""The first ABI that keeps a program from signalling others of its uid."""
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
_FILES = (
    *((path, READ_EXECUTE) for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")),
    *((f"/proc/{name}", READ) for name in ("self", "cpuinfo", "meminfo", "stat", "version", "filesystems")),
    ("/sys/devices/system/cpu", READ),
    *((f"/dev/{name}", DEVICE) for name in ("null", "zero", "full", "random", "urandom")),
)


@contextlib.asynccontextmanager
async def open_restricted(
    policy: Policy, *, without: frozenset[str] = frozenset(), landlock: int = 99
) -> AsyncIterator[ServedSandbox]:
    """Open a sandbox for as long as the block lasts; arguments as `open_bubblewrap`.

    Raises:
        BackendMissing: this kernel's Landlock can't keep files closed, or the interpreter can't be reached.
        PolicyUnmet: the policy asks for what can't be kept here.
        SandboxBroken: it could not be started for another reason.
    """
    _require_landlock(landlock)
    _require_reach(describe(policy.python))
    holding = Holding("restricted", take_slot, rules_for, _capabilities)
    async with open_alone(policy, holding, without=without, landlock=landlock) as sandbox:
        yield sandbox


def rules_for(interpreter: Interpreter) -> list[tuple[str, str]]:
    """What Landlock lets programs read: nothing of the caller's."""
    trees = [*map(Path, _SYSTEM), interpreter.prefix]
    trees += [interpreter.venv] if interpreter.venv else []
    hidden = own_code()
    found = [rule for tree in trees if tree.is_dir() for rule in _leaving_out(hidden, tree.resolve())]
    return [*dict.fromkeys(found), *_FILES]


def _leaving_out(hidden: Path, tree: Path) -> list[tuple[str, str]]:
    """Rules for a tree without one folder."""
    if tree.is_relative_to(hidden):
        return []
    if not hidden.is_relative_to(tree):
        return [(str(tree), READ_EXECUTE)]
    entries = [entry for entry in tree.iterdir() if not entry.is_symlink()]
    return [(str(tree), LIST), *(rule for entry in entries for rule in _leaving_out(hidden, entry))]


def _require_landlock(most: int) -> None:
    if sys.platform != "linux":
        raise BackendMissing("The backend restricted needs Linux.")
    found = min(abi(), most)
    if found < OLDEST:
        raise BackendMissing(
            f"The backend restricted needs Landlock ABI {OLDEST} (Linux 6.2) to keep this machine's files "
            f"closed; this kernel has {found or 'none'}. Use --sandbox bubblewrap or docker."
        )


def _require_reach(interpreter: Interpreter) -> None:
    """Check that the uid of programs can reach the interpreter, as nothing can be mounted here."""
    if os.geteuid() != 0:
        return
    for folder in (interpreter.venv or interpreter.prefix, interpreter.executable):
        for place in (folder, *folder.parents):
            if not place.stat().st_mode & 0o001:
                raise BackendMissing(
                    f"Programs of the backend restricted get a uid of their own, which can't reach "
                    f"{interpreter.path}: {place} is closed to it. Name another Python with --python."
                )


def _capabilities(server: Server) -> tuple[dict[str, str | None], frozenset[str]]:
    cgroup = f"cgroup v{server.groups.version}" if server.groups else None
    landlock = f"Landlock (ABI {server.landlock})"
    own_uid = server.uid != os.geteuid()
    scoped = server.landlock >= _SCOPES
    parted = f"signals: {landlock}" if scoped else "signals: a uid of the sandbox's own" if own_uid else None
    ends = (
        "each run's reaper, as a subreaper, ends every descendant; a keeper ends the sandbox with its owner"
    )
    kept: dict[str, str | None] = {
        "memory": cgroup or "RLIMIT_DATA per process, the run's total sampled every 20 ms",
        "processes": f"RLIMIT_NPROC per uid{f' and {cgroup}' if cgroup else ''}",
        "cpu time": "RLIMIT_CPU per process, and the wall time of the run",
        "wall time": "the host has the run's reaper end it",
        "output": "the host reads a bounded part and ends a flood",
        "disk": "RLIMIT_FSIZE per file, the sandbox's total sampled every 50 ms",
        "files": "sampled every 50 ms",
        "network": "seccomp: no sockets but pairs",
        "host files": f"{landlock}: content and folders; that a file is there can be seen",
        "modes and times of host files": "a uid of the sandbox's own" if own_uid else None,
        "environment": "empty environment at the start of each run",
        "other processes": parted,
        "names of other processes": None,
        "other runs": f"signals: {landlock}; one workspace" if scoped else None,
        "nothing left": ends if scoped or own_uid else None,
        "privileges": "no capabilities, no_new_privs, a uid of its own" if own_uid else "no_new_privs",
        "system calls": "seccomp allow-list",
    }
    return kept, frozenset({"disk", "files"} if cgroup else {"disk", "files", "memory"})
