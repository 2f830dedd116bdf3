"""The inner wall: isolate one run from the server, from other runs and from the kernel.

`enclose` sets up the namespaces; `confine` is the last step before untrusted code may run. `without` names
disabled mechanisms: only tests set it, to see a probe escape.
"""

from __future__ import annotations

import os
import resource
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from sandbox.inner.walls import landlock
from sandbox.inner.walls.landlock import DEVICE, EVERYTHING, LIST, READ, READ_EXECUTE, Filter
from sandbox.inner.walls.places import ATTACHED, WORKSPACE
from sandbox.inner.walls.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    NEWCGROUP,
    PR_SET_NO_NEW_PRIVS,
    USUAL_CAPABILITIES,
    checked,
    drop_capabilities,
    keep_capabilities,
    libc,
    mount,
    prctl,
    unshare,
    write_file,
)

_PENDING_SIGNALS = 256
"""Pending signals; each POSIX timer takes one. 32 concurrent runs stay below a small machine's limit."""
_INOTIFY_LIMITS = {"max_inotify_instances": 8, "max_inotify_watches": 8192}
"""The kernel allows a user 128 instances and at least 8,192 watches."""
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_LOOPBACK_UP = struct.pack("16sh14x", b"lo", _IFF_UP)

RULES = (
    ("/", LIST),
    ("/usr", READ_EXECUTE),
    ("/opt", READ_EXECUTE),
    ("/etc", READ_EXECUTE),
    ("/proc", READ),
    ("/dev", DEVICE),
    (WORKSPACE, EVERYTHING),
    ("/tmp", EVERYTHING),
    ("/dev/shm", EVERYTHING),
)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Walls(NamedTuple):
    """Limits and mechanisms for every run of this sandbox."""

    disk_bytes: int
    shared_memory_bytes: int
    files: int
    open_files: int
    filter: Filter | None
    """None only if `without` names seccomp."""
    landlock: int
    without: frozenset[str]
    processors: int | None = None
    """Size of a run's affinity mask, which a program may change; None if a cgroup limits it."""
    attached: tuple[str, ...] = ()
    """Paths at which the host's folders are shown in a fresh workspace."""
    layered: tuple[str, ...] = ()
    """Shown folders that get a writable layer in a run or a session."""


class Rlimits(NamedTuple):
    """Kernel limits for each process of a run; None leaves one unchanged."""

    cpu_s: int
    processes: int | None
    data_bytes: int | None
    address_bytes: int | None
    nice: int = 0
    """Added to the niceness."""


def map_own_user(uid: int, gid: int) -> None:
    """Map our uid and gid to themselves in a new user namespace, where we have all capabilities."""
    write_file("/proc/self/setgroups", "deny")
    write_file("/proc/self/uid_map", f"{uid} {uid} 1")
    write_file("/proc/self/gid_map", f"{gid} {gid} 1")


def workspace_options(walls: Walls) -> str:
    """Mount options of a workspace's tmpfs: size and number of files."""
    options = [] if "disk" in walls.without else [f"size={walls.disk_bytes}"]
    options += [] if "files" in walls.without else [f"nr_inodes={walls.files}"]
    return ",".join([*options, "mode=700"])


def enclose(walls: Walls, uid: int, gid: int, *, fresh: bool) -> None:
    """In new namespaces: mount /proc, /tmp, /dev/shm, terminals, a `fresh` workspace; start loopback."""
    map_own_user(uid, gid)
    hide_groups(walls)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    plain = MS_NOSUID | MS_NODEV
    if "pid" not in walls.without:
        mount("proc", "/proc", "proc", plain | MS_NOEXEC)
    mount("tmpfs", "/tmp", "tmpfs", plain, f"size={walls.disk_bytes},nr_inodes={walls.files},mode=1777")
    mount("tmpfs", "/dev/shm", "tmpfs", plain, f"size={walls.shared_memory_bytes},nr_inodes=4096,mode=1777")
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=600,max=64")
    if "net" not in walls.without:
        _raise_loopback()
    if fresh:
        mount("tmpfs", WORKSPACE, "tmpfs", plain, workspace_options(walls))
        attach(WORKSPACE, walls.attached)
    bound_watching(walls)
    os.chdir(WORKSPACE)


def hide_groups(walls: Walls) -> None:
    """Hide the cgroups above this process's own: their names contain the owner's pid. Raises OSError."""
    if "groups" not in walls.without:
        unshare(NEWCGROUP)


def bound_watching(walls: Walls) -> None:
    """Bound the inotify instances and watches of this user namespace. Raises OSError without the right."""
    for name, most in _INOTIFY_LIMITS.items() if "watching" not in walls.without else ():
        with suppress(FileNotFoundError):  # before 4.11 the kernel has no such limit
            write_file(f"/proc/sys/user/{name}", str(most))


def bound_descriptors(walls: Walls) -> None:
    """Bound the open files of each process, permanently.

    Call it after the last descriptor was sent: the kernel compares this limit of the sender with the
    descriptors that all processes of its user have in flight.
    """
    lower(resource.RLIMIT_NOFILE, walls.open_files)


def confine(walls: Walls, rlimits: Rlimits, *, rules: Sequence[tuple[str, str]] = RULES) -> None:
    """Drop all rights that a program must not have, permanently. `rules` are Landlock's."""
    _set_limits(walls, rlimits)
    if os.getsid(0) != os.getpid():
        os.setsid()
    if walls.processors is not None:
        _pin_to_processors(walls.processors)
    if "capabilities" not in walls.without:
        drop_capabilities()
    if "no_new_privs" not in walls.without:
        checked(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    if "landlock" not in walls.without:
        landlock.restrict(rules, version=walls.landlock)
    if "seccomp" not in walls.without:
        assert walls.filter is not None
        walls.filter.load()


def confine_in_place(walls: Walls, rlimits: Rlimits) -> None:
    """Limit a program that works in place: it can't signal or trace processes outside of its session."""
    _set_limits(walls, rlimits)
    if os.getsid(0) != os.getpid():
        os.setsid()
    if "ptrace" not in walls.without:
        keep_capabilities(USUAL_CAPABILITIES)
    if "no_new_privs" not in walls.without:  # no program gets the others back
        checked(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    if "landlock" not in walls.without:
        landlock.restrict_signals(version=walls.landlock)


def _raise_loopback() -> None:
    probe = checked(libc.socket(socket.AF_INET, socket.SOCK_DGRAM, 0), "socket for the loopback interface")
    checked(libc.ioctl(probe, _SIOCSIFFLAGS, _LOOPBACK_UP), "raise the loopback interface")
    os.close(probe)


def _pin_to_processors(processors: int) -> None:
    """Restrict this process to some random processors."""
    usable = sorted(os.sched_getaffinity(0))
    first = os.urandom(1)[0] % len(usable)
    os.sched_setaffinity(0, [*usable[first:], *usable[:first]][:processors])


def _set_limits(walls: Walls, rlimits: Rlimits) -> None:
    pairs = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: walls.disk_bytes,
        resource.RLIMIT_MEMLOCK: 64 << 10,
        resource.RLIMIT_MSGQUEUE: 819_200,
    }
    if "signals" not in walls.without:
        pairs[resource.RLIMIT_SIGPENDING] = _PENDING_SIGNALS
    for which, value in pairs.items():
        lower(which, value)
    tighten(walls, rlimits)


def tighten(walls: Walls, rlimits: Rlimits) -> None:
    """Lower the limits to those of this run."""
    if "cpu" not in walls.without:
        lower(resource.RLIMIT_CPU, rlimits.cpu_s, grace=1)
    if rlimits.processes is not None and "processes" not in walls.without:
        lower(resource.RLIMIT_NPROC, rlimits.processes + 1)  # the reaper counts too
    if rlimits.data_bytes is not None and "memory" not in walls.without:
        lower(resource.RLIMIT_DATA, rlimits.data_bytes)
    if rlimits.address_bytes is not None and "memory" not in walls.without:
        lower(resource.RLIMIT_AS, rlimits.address_bytes)
    os.nice(rlimits.nice)


def lower_of(pid: int, walls: Walls, processes: int, cpu_s: int | None) -> None:
    """Lower the limits of a session's command below those of its agent."""
    limits = {} if "processes" in walls.without else {resource.RLIMIT_NPROC: (processes, processes)}
    if cpu_s is not None and "cpu" not in walls.without:
        limits[resource.RLIMIT_CPU] = (cpu_s, cpu_s + 1)
    for which, pair in limits.items():
        with suppress(ProcessLookupError):  # it has ended
            resource.prlimit(pid, which, pair)


def lower(which: int, value: int, *, grace: int = 0) -> None:
    """Lower an rlimit, the hard limit to `grace` above the soft one; never raise it."""
    _, hard = resource.getrlimit(which)
    ceiling = value + grace if hard == resource.RLIM_INFINITY else min(hard, value + grace)
    resource.setrlimit(which, (min(value, ceiling), ceiling))


def attach(workspace: str, places: Sequence[str]) -> None:
    """Mount the folders at relative paths in a workspace, in order; create missing paths."""
    for number, place in enumerate(places):
        folder = os.open(workspace, _FOLDER)
        for part in place.split("/"):
            if not os.path.lexists(f"/proc/self/fd/{folder}/{part}"):
                os.mkdir(part, 0o755, dir_fd=folder)
            deeper = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = deeper
        mount(f"{ATTACHED}{number}", f"/proc/self/fd/{folder}", None, MS_BIND | MS_REC)
        os.close(folder)
