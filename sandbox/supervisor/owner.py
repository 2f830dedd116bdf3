"""Identify the process that owns resources which can outlive it, and reserve a uid per sandbox.

Pids are reused, also after a reboot, and differ between containers; a mark therefore holds the boot id, the
pid namespace, the pid and the start time.
"""

import fcntl
import glob
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

_MARK = re.compile(r"([0-9a-f]{8})-(\d+)-(\d+)-(\d+)")
FOLDER = "/run/coder-sandbox"
SLOTS = 1024
HIGH_BASE, LOW_BASE = 1_640_000_000, 64_000
"""Unused uids; the low ones serve containers that map only 65,536."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, identified uniquely while this machine is up."""

    boot: str
    """First 8 digits of the kernel's boot id."""
    namespace: int
    """Inode of its pid namespace."""
    pid: int
    started: int
    """Start time in clock ticks since boot."""

    @property
    def mark(self) -> str:
        """Part of a file name or a label: `boot-namespace-pid-started`."""
        return f"{self.boot}-{self.namespace}-{self.pid}-{self.started}"

    @property
    def is_dead(self) -> bool:
        """Whether it is certainly dead: it would be visible from here, and isn't."""
        if self.boot != _boot():
            return True
        return self.namespace == _namespace() and _started(self.pid) != self.started


def this_process() -> Owner:
    """This process as an owner."""
    return Owner(_boot(), _namespace(), os.getpid(), _started(os.getpid()) or 0)


def owner_in(text: str) -> Owner | None:
    """Parse the owner's mark in a text; None without one."""
    found = _MARK.search(text)
    return Owner(found[1], int(found[2]), int(found[3]), int(found[4])) if found else None


@cache
def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read(8)


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _started(pid: int) -> int | None:
    """Start time of a process; None if it is dead or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


@dataclass(frozen=True, slots=True)
class Slot:
    """A uid other than 0, and the open descriptors that reserve it."""

    uid: int
    locks: tuple[int, ...]


def take_slot() -> Slot:
    """Reserve an unused uid; without root our own. Raises OSError if none is free or lockable."""
    if os.geteuid() != 0:
        return Slot(os.geteuid(), ())
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    base = HIGH_BASE if _is_mapped(HIGH_BASE) else LOW_BASE
    for number in range(SLOTS):
        lock = _locked(f"{FOLDER}/{number}", os.O_CREAT)
        if lock is not None:
            return Slot(base + number, (lock,))
    raise OSError(f"all {SLOTS} uids for sandboxes are in use (locks in {FOLDER})")


def remove_unused_locks() -> None:
    """Remove unused lock files; only root has any."""
    for path in glob.glob(f"{FOLDER}/*") if os.geteuid() == 0 else ():
        lock = _locked(path, 0)
        if lock is not None:
            os.unlink(path)
            os.close(lock)


def _locked(path: str, flags: int) -> int | None:
    """Lock a file and return its descriptor; None if another process locks or removes it."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        return None
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.stat(path)):
            return lock
    os.close(lock)
    return None


def _is_mapped(uid: int) -> bool:
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        ranges = [[int(word) for word in line.split()] for line in lines]
    return any(first <= uid and uid + SLOTS <= first + length for first, _, length in ranges)
