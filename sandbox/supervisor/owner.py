"""Identify the process that owns resources which can outlive it.

Pids are reused, also after a reboot, and differ between containers; a mark therefore holds the boot id, the
pid namespace, the pid and the start time.
"""

import os
import re
from dataclasses import dataclass
from functools import cache

_MARK = re.compile(r"([0-9a-f]{8})-(\d+)-(\d+)-(\d+)")


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
