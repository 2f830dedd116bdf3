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
    start_ticks: int
    """Start time in clock ticks since boot."""

    @property
    def mark(self) -> str:
        """Part of a file name or a label: `boot-namespace-pid-started`."""
        return f"{self.boot}-{self.namespace}-{self.pid}-{self.start_ticks}"

    @property
    def is_dead(self) -> bool:
        """Whether it is certainly dead: this process would see it if it lived."""
        if self.boot != _read_boot_id():
            return True
        return self.namespace == _read_namespace() and _read_start_ticks(self.pid) != self.start_ticks


def this_process() -> Owner:
    """Identify this process as an owner."""
    return Owner(_read_boot_id(), _read_namespace(), os.getpid(), _read_start_ticks(os.getpid()) or 0)


def parse_owner(text: str) -> Owner | None:
    """Find and parse an owner's mark in a text; None without one."""
    match = _MARK.search(text)
    return Owner(match[1], int(match[2]), int(match[3]), int(match[4])) if match else None


@cache
def _read_boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read(8)


def _read_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _read_start_ticks(pid: int) -> int | None:
    """Read the start time of a process; None if it is dead or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
